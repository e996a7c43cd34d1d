import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { afterAll, expect, test } from 'vitest';
import { findSamePictures } from '../../src/training/duplicates.ts';
import { drawPicture, pngOf } from '../../src/training/golden-pictures.ts';
import { type DataRequest, loadData } from '../../src/training/load-data.ts';
import { createPictureReader } from '../../src/training/picture-reader.ts';
import { createProgress } from '../../src/training/progress.ts';
import type { DataSet, Sample } from '../../src/training/samples.ts';

const size = { width: 96, height: 96 };
const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function readSample(name: string, bytes: Uint8Array): Promise<Sample> {
  const { luma } = await createPictureReader(size).read(bytes);
  return { file: name, name, group: name, source: 'a', kind: 'still', defects: new Set(), luma };
}

test('copies are found through JPEG, brightness, contrast, size, mirroring and turning; other pictures are not', async () => {
  const scenes = ['plain', 'crack', 'rust', 'crack-in-rust'] as const;
  const originals = await Promise.all(
    scenes.flatMap((scene, index) => [1, 2, 3].map((seed) => pngOf(drawPicture(scene, 10 * index + seed)))),
  );
  const changes: ((picture: Sharp) => Sharp)[] = [
    (picture) => picture.jpeg({ quality: 40 }),
    (picture) => picture.linear(0.7, 30).jpeg({ quality: 60 }),
    (picture) => picture.flop().jpeg({ quality: 70 }),
    (picture) => picture.rotate(90).png(),
    (picture) => picture.resize(200).png(),
  ];
  const samples = await Promise.all(
    originals.map(async (bytes, index) => [
      await readSample(`original ${index}`, bytes),
      await readSample(`copy ${index}`, await changes[index % changes.length](sharp(bytes)).toBuffer()),
    ]),
  );
  const pairs = findSamePictures(samples.flat(), size);
  expect(pairs.map(({ first, second }) => `${first.name} = ${second.name}`)).toEqual(
    originals.map((_, index) => `original ${index} = copy ${index}`),
  );
  expect(pairs.every(({ kind, likeness }) => kind === 'near' && likeness > 0.7)).toBe(true);
});

interface Placed {
  readonly className: 'corrosion' | 'crack' | 'intact';
  readonly name: string;
  readonly group: string;
  readonly bytes: Uint8Array;
}

async function folderOf(pictures: readonly Placed[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'specta-duplicates-'));
  folders.push(folder);
  for (const { className, name, bytes } of pictures) {
    await mkdir(join(folder, className), { recursive: true });
    await writeFile(join(folder, className, name), bytes);
  }
  const rows = pictures.map(({ className, name, group }) => `${className}/${name},${group}`);
  await writeFile(join(folder, 'manifest.csv'), `file,group\n${rows.join('\n')}\n`);
  return folder;
}

async function load(
  pictures: readonly Placed[],
  changes: Partial<DataRequest> = {},
): Promise<DataSet & { lines: string }> {
  const data = await folderOf(pictures);
  let lines = '';
  const progress = createProgress({ write: (text: string) => (lines += text) }, () => 0);
  const request = { data, footage: [], together: [], size, ...changes };
  return loadData(request, progress, () => 0).then(
    (loaded) => ({ ...loaded, lines }),
    (error: unknown) => {
      throw Object.assign(error instanceof Error ? error : new Error(String(error)), { lines });
    },
  );
}

const drawn = (scene: 'plain' | 'crack' | 'rust', seed: number): Promise<Uint8Array> =>
  pngOf(drawPicture(scene, seed));

async function sound(): Promise<Placed[]> {
  return [
    { className: 'crack', name: 'a_1.png', group: 'one', bytes: await drawn('crack', 1) },
    { className: 'crack', name: 'a_2.png', group: 'two', bytes: await drawn('crack', 2) },
    { className: 'intact', name: 'b_1.png', group: 'three', bytes: await drawn('plain', 3) },
    { className: 'corrosion', name: 'b_2.png', group: 'four', bytes: await drawn('rust', 4) },
  ];
}

test('broken, duplicate, misfiled and one-class content is each named, all in one go', async () => {
  const good = await sound();
  const darker = await sharp(good[0].bytes).linear(0.8, 5).jpeg({ quality: 70 }).toBuffer();
  const failure = load([
    ...good,
    { className: 'intact', name: 'b_3.png', group: 'five', bytes: good[1].bytes },
    { className: 'crack', name: 'c_1.jpg', group: 'six', bytes: darker },
    { className: 'crack', name: 'c_2.jpg', group: 'six', bytes: Uint8Array.of(1, 2, 3) },
  ]);
  await expect(failure).rejects.toMatchObject({
    code: 'DATA_INVALID',
    message: expect.stringMatching(
      /same picture in two classes once \(crack\/a_2.png and intact\/b_3.png \(exactly\)\); the same picture in two groups once \(crack\/a_1.png and crack\/c_1.jpg/,
    ),
    lines: expect.stringContaining('the same picture in two classes: crack/a_2.png and intact/b_3.png'),
  });
  await expect(load(good.slice(0, 2))).rejects.toThrow(/one class only: crack/);
  const cracks = await load(good, { only: ['a'] });
  expect(cracks.samples.map(({ name }) => name)).toEqual(['crack/a_1.png', 'crack/a_2.png']);
});

test('an unreadable picture is said with its reason; an exact copy within its group is left out and counted', async () => {
  const good = await sound();
  const { samples, unreadable, leftOut, lines } = await load([
    ...good,
    { className: 'crack', name: 'a_3.png', group: 'one', bytes: good[0].bytes },
    { className: 'crack', name: 'a_4.png', group: 'one', bytes: Uint8Array.of(9) },
  ]);
  expect(samples).toHaveLength(4);
  expect(unreadable.map(({ code }) => code)).toEqual(['IMAGE_UNSUPPORTED']);
  expect(leftOut).toEqual({ 'exact copies within a group': 1 });
  expect(lines).toContain('left out: crack/a_3.png is crack/a_1.png again');
  expect(lines).toMatch(/unreadable: .*a_4\.png: .*\[IMAGE_UNSUPPORTED\]/);
});

test('on request groups that share a picture become one', async () => {
  const good = await sound();
  const copy = await sharp(good[0].bytes).flip().jpeg({ quality: 80 }).toBuffer();
  const pictures = [...good, { className: 'crack' as const, name: 'c_1.jpg', group: 'six', bytes: copy }];
  await expect(load(pictures)).rejects.toThrow(/two groups/);
  const { samples } = await load(pictures, { duplicates: 'join' });
  const groupOf = (name: string): string | undefined => samples.find((each) => each.name === name)?.group;
  expect(groupOf('crack/c_1.jpg')).toBe(groupOf('crack/a_1.png'));
  expect(groupOf('crack/a_2.png')).toBe('two');
});

test('a source that is left out is not even opened', async () => {
  const good = await sound();
  const broken: Placed = { className: 'crack', name: 'z_1.png', group: 'z', bytes: Uint8Array.of(7) };
  const all = await load([...good, broken], { leaveOut: ['z'] });
  expect(all.unreadable).toEqual([]);
  expect(all.leftOut).toEqual({ 'pictures of z, as asked': 1 });
  await expect(load(good, { leaveOut: ['zz'] })).rejects.toMatchObject({ code: 'USAGE' });
});

test('a list alone names pictures with classes, groups, boxes and sizes', async () => {
  const good = await sound();
  const folder = await folderOf(good);
  const list = join(folder, 'list.csv');
  await writeFile(
    list,
    'file,group,class,boxes,effective_px\ncrack/a_1.png,g1,corrosion+crack,crack 32 24 160 120; corrosion 0 0 320 240,180\nintact/b_1.png,g2,intact,,\n',
  );
  const progress = createProgress({ write: () => true }, () => 0);
  const request = { data: list, footage: [], together: [], size };
  const { samples } = await loadData(request, progress, () => 0);
  expect(samples[0]).toMatchObject({
    name: 'crack/a_1.png',
    group: 'g1',
    effectiveSide: 180,
    boxes: [
      { defect: 'crack', left: 0.1, top: 0.1, width: 0.5, height: 0.5 },
      { defect: 'corrosion', left: 0, top: 0, width: 1, height: 1 },
    ],
  });
  expect([...samples[0].defects].sort()).toEqual(['corrosion', 'crack']);
  expect(samples[1]).toMatchObject({ group: 'g2', effectiveSide: 240 });
  for (const [cells, words] of [
    ['crack/a_1.png,g1,dent,,', /speaks of "dent"/],
    ['crack/a_1.png,g1,crack,crack 1 2 3,', /box "crack 1 2 3"/],
    ['crack/a_1.png,g1,crack,,\ncrack/a_1.png,g1,crack,,', /names crack\/a_1.png again/],
    ['crack/a_1.png,g1,,,', /does not say what is to be seen/],
  ] as const) {
    await writeFile(list, `file,group,class,boxes,effective_px\n${cells}\n`);
    await expect(loadData(request, progress, () => 0)).rejects.toThrow(words);
  }
});
