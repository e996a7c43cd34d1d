import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Located } from '../../src/domain/finding.ts';
import type { Frame } from '../../src/domain/frame.ts';
import type { Bundle } from '../../src/domain/manifest.ts';
import type { Box, DefectClass } from '../../src/domain/verdict.ts';
import { DEFAULT_DECODE_LIMITS } from '../../src/vision/decode.ts';
import { openEngine } from '../../src/vision/engine/open-engine.ts';
import { pictureOfStill } from '../../src/vision/golden.ts';
import { searchFrame } from '../../src/vision/locator.ts';
import { VARIANTS } from '../../src/vision/occlusion.ts';
import { startVision } from '../../src/vision/vision.ts';
import { drawJpeg, drawLuma, jpegOfLuma } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';

let folder = '';
let whole: Bundle;
let tiled: Bundle;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-locator-'));
  whole = await makeTinyBundle(join(folder, 'whole'));
  tiled = await makeTinyBundle(join(folder, 'tiled'), undefined, '3x2');
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

function frameOf(jpeg: Uint8Array<ArrayBuffer>, sequence = 1): Frame {
  return {
    ...pictureOfStill(jpeg),
    sequence,
    capturedAt: { monoMs: 0, utcMs: 0 },
    source: 'drawn',
  };
}

async function locate(
  bundle: Bundle,
  jpeg: Uint8Array<ArrayBuffer>,
  defect: DefectClass,
): Promise<{ located: Located; steps: number }> {
  const engine = await openEngine(bundle, { provider: null, threads: 1 });
  try {
    const search = searchFrame(frameOf(jpeg), defect, bundle.manifest, engine, DEFAULT_DECODE_LIMITS);
    for (let steps = 1; ; steps++) {
      const located = await search.step();
      if (located) return { located, steps };
    }
  } finally {
    await engine.close();
  }
}

const boxOf = ({ box, reason }: Located): Box => {
  expect(reason).toBeNull();
  if (!box) throw new Error('there is no box');
  return box;
};

test.each([0.2, 0.5, 0.8])('the box of a crack at %d of the width is around it', async (at) => {
  const { located } = await locate(whole, drawJpeg('crack', { at }), 'crack');
  const box = boxOf(located);
  expect(box.left).toBeLessThanOrEqual(at);
  expect(box.left + box.width).toBeGreaterThanOrEqual(at);
  expect(box.width).toBeLessThan(0.45);
  // It runs over three quarters of the height.
  expect(box.height).toBeGreaterThan(0.4);
  expect(Math.max(...(located.map?.values ?? []))).toBe(1);
  expect(Math.min(...(located.map?.values ?? []))).toBe(0);
});

test('a crack in rust: each of the two has its own box', async () => {
  const rust = drawLuma('rust', { at: 0.25 });
  const crack = drawLuma('crack', { at: 0.8 });
  const both = { ...rust, data: rust.data.map((level, index) => Math.min(level, crack.data[index])) };
  const jpeg = jpegOfLuma(both);
  const cracked = boxOf((await locate(whole, jpeg, 'crack')).located);
  const rusty = boxOf((await locate(whole, jpeg, 'corrosion')).located);
  expect(cracked.left).toBeGreaterThan(0.5);
  expect(rusty.left + rusty.width / 2).toBeLessThan(0.5);
});

test('where nothing speaks for the defect there is no box but a reason', async () => {
  const { located } = await locate(whole, drawJpeg('sound'), 'corrosion');
  expect(located).toEqual({ box: null, map: null, reason: 'diffuse' });
});

test('in tiles the box lies within the tile, and all tiles of the engine are used', async () => {
  const image = drawLuma('sound', { width: 960, height: 640 });
  const data = Uint8Array.from(image.data);
  for (let y = 400; y < 480; y++) data.fill(12, y * 960 + 864, y * 960 + 869);
  const { located, steps } = await locate(tiled, jpegOfLuma({ ...image, data }), 'crack');
  const box = boxOf(located);
  expect(box.left).toBeGreaterThanOrEqual(2 / 3);
  expect(box.top).toBeGreaterThanOrEqual(0.5);
  expect(box.width).toBeLessThan(0.2);
  expect(box.left).toBeLessThanOrEqual(864 / 960);
  expect(box.left + box.width).toBeGreaterThanOrEqual(869 / 960);
  expect(steps).toBe(1 + Math.ceil(VARIANTS / 6));
});

test('the worker looks for a defect while it goes on judging frames, and its verdicts are the same', async () => {
  const vision = await startVision({ bundle: whole, provider: null, threads: 1 });
  try {
    const frame = frameOf(drawJpeg('crack', { at: 0.5 }));
    const bytes = frame.data.byteLength;
    let done = false;
    const search = vision.locate(frame, 'crack').finally(() => {
      done = true;
    });
    const labels = new Set<string | null>();
    let judged = 0;
    while (!done || judged < 3) {
      judged++;
      const { verdict } = await vision.judge(frameOf(drawJpeg('rust', { seed: judged }), judged));
      labels.add(verdict.label);
    }
    const box = boxOf(await search);
    expect(box.left).toBeLessThanOrEqual(0.5);
    expect([...labels]).toEqual(['corrosion']);
    // Its bytes were copied, not taken.
    expect(frame.data.byteLength).toBe(bytes);
  } finally {
    await vision.close();
  }
});

test('a search of a vision that closes, or is closed, ends with its reason', async () => {
  const vision = await startVision({ bundle: whole, provider: null, threads: 1 });
  const search = vision.locate(frameOf(drawJpeg('crack')), 'crack');
  await vision.close();
  const late = await vision.locate(frameOf(drawJpeg('crack')), 'crack');
  expect(late).toMatchObject({ box: null, reason: 'engine-away' });
  const { box, reason } = await search;
  expect(box === null).toBe(reason === 'engine-away');
});

test('a frame that is no picture gives no box, and the next search works', async () => {
  const vision = await startVision({ bundle: whole, provider: null, threads: 1 });
  try {
    const broken = await vision.locate(frameOf(Uint8Array.of(1, 2, 3)), 'crack');
    expect(broken).toMatchObject({ box: null, reason: 'engine-away' });
    boxOf(await vision.locate(frameOf(drawJpeg('crack')), 'crack'));
  } finally {
    await vision.close();
  }
});
