import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { drawPicture, pngOf } from '../../src/training/golden-pictures.ts';
import { createRandom } from '../../src/training/random.ts';
import { drawGround } from '../../src/training/render/procedural-ground.ts';
import { renderPicture } from '../../src/training/render/render-picture.ts';
import { type RenderRequest, renderSamples } from '../../src/training/render/render-samples.ts';
import { mainClass, type Sample } from '../../src/training/samples.ts';
import { splitByGroup } from '../../src/training/split.ts';

const size = { width: 80, height: 64 };
let root = '';
let intact: Sample[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'specta-render-'));
  await mkdir(join(root, 'textures'));
  for (const name of ['acg_Stone1', 'pk_wall', 'own_floor']) {
    await writeFile(join(root, 'textures', `${name}.png`), await pngOf(drawPicture('plain', name.length)));
  }
  intact = await Promise.all(
    [1, 2, 3].map(async (number): Promise<Sample> => {
      const file = join(root, `wall_${number}.png`);
      await writeFile(file, await pngOf(drawPicture('plain', 50 + number)));
      const luma = new Uint8Array(size.width * size.height);
      return {
        file,
        name: file,
        group: `wall:${number}`,
        source: 'wall',
        kind: 'still',
        defects: new Set(),
        luma,
      };
    }),
  );
});
afterAll(() => rm(root, { recursive: true }));

const request = (changes: Partial<RenderRequest> = {}): RenderRequest => {
  return { count: 36, seed: 3, textures: join(root, 'textures'), ...changes };
};
const options = { size, channels: 'luma-chroma' as const, wanted: () => true };

test('every class is drawn onto every kind of ground, with boxes, and the same seed draws the same', async () => {
  const { samples, unreadable } = await renderSamples(intact, request(), options);
  expect(unreadable).toEqual([]);
  expect(samples.length).toBeGreaterThan(30);
  expect(new Set(samples.map(mainClass))).toEqual(new Set(['crack', 'corrosion', 'intact']));
  const kinds = new Set(samples.map(({ group }) => group.split(':')[0]));
  expect(kinds).toEqual(new Set(['wall', 'acg', 'pk', 'own', 'drawn']));
  for (const { defects, boxes = [], luma, chroma, rendered } of samples) {
    expect(rendered).toBe(true);
    expect(luma).toHaveLength(size.width * size.height);
    expect(chroma).toHaveLength(2 * luma.length);
    expect(boxes.map(({ defect }) => defect).sort()).toEqual([...defects].sort());
    for (const { left, top, width, height } of boxes) {
      expect(Math.min(left, top, width, height)).toBeGreaterThanOrEqual(0);
      expect(Math.max(left + width, top + height)).toBeLessThanOrEqual(1);
    }
  }
  const again = await renderSamples(intact, request(), options);
  expect(again.samples.map(({ luma }) => luma)).toEqual(samples.map(({ luma }) => luma));
  const other = await renderSamples(intact, request({ seed: 4 }), options);
  expect(other.samples[0].luma).not.toEqual(samples[0].luma);
});

test('textures of a source that is left out are no ground', async () => {
  const wanted = (source: string): boolean => source !== 'acg8';
  const { samples } = await renderSamples([], request({ count: 24 }), { ...options, wanted });
  const kinds = new Set(samples.map(({ group }) => group.split(':')[0]));
  expect(kinds).toEqual(new Set(['pk', 'own', 'drawn']));
});

test('a ground that cannot be read is listed', async () => {
  const bad = { ...intact[0], file: join(root, 'none.png') };
  const { unreadable } = await renderSamples([bad], request({ count: 12 }), options);
  expect(unreadable.map(({ file }) => file)).toEqual([bad.file]);
});

test('brightness and contrast of rendered pictures hardly tell the classes apart', () => {
  const random = createRandom(8);
  const means: Record<string, number[]> = { crack: [], corrosion: [], intact: [] };
  for (let i = 0; i < 90; i++) {
    const name = (['crack', 'corrosion', 'intact'] as const)[i % 3];
    const defects = new Set(name === 'intact' ? [] : [name]);
    const own = random.fork(i);
    const picture = renderPicture(drawGround(64, 64, own), defects, own);
    if (picture) means[name].push(picture.luma.reduce((sum, value) => sum + value, 0) / picture.luma.length);
  }
  const middles = Object.values(means).map((values) => values.reduce((a, b) => a + b, 0) / values.length);
  expect(Math.max(...middles) - Math.min(...middles)).toBeLessThan(35);
});

test('rendered pictures are learnt from only, and never on the ground of another side', async () => {
  const { samples } = await renderSamples(intact, request(), options);
  const real = intact.map((sample, index) => ({
    ...sample,
    defects: new Set(index === 0 ? ['crack' as const] : []),
  }));
  const { training, validation, heldOut, unused } = splitByGroup(
    [...real, ...samples],
    { validation: 0.34, heldOut: 0.34 },
    createRandom(2),
  );
  expect([...validation, ...heldOut].some(({ rendered }) => rendered)).toBe(false);
  const measured = new Set([...validation, ...heldOut].map(({ group }) => group));
  expect(measured.size).toBeGreaterThan(0);
  expect(training.some(({ rendered }) => rendered)).toBe(true);
  expect(training.filter(({ group }) => measured.has(group))).toEqual([]);
  expect(training.length + validation.length + heldOut.length + unused.length).toBe(
    real.length + samples.length,
  );
});
