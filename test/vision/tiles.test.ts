import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Frame } from '../../src/domain/frame.ts';
import type { Bundle } from '../../src/domain/manifest.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import { createClassifier } from '../../src/vision/classifier.ts';
import { DEFAULT_DECODE_LIMITS } from '../../src/vision/decode.ts';
import type { Engine, EngineKind } from '../../src/vision/engine/engine.ts';
import { openEngine } from '../../src/vision/engine/open-engine.ts';
import { checkGoldenInputs, checkNetworkFits, pictureOfStill } from '../../src/vision/golden.ts';
import { type LumaImage, planeOfImage } from '../../src/vision/luma.ts';
import { joinTiles, partOfPlane, tileBox } from '../../src/vision/tiles.ts';
import { drawLuma, jpegOfLuma } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';

const WIDE = { width: 960, height: 640 };
const GRID = { columns: 3, rows: 2 };

let folder = '';
let whole: Bundle;
let tiled: Bundle;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-tiles-'));
  whole = await makeTinyBundle(join(folder, 'whole'));
  tiled = await makeTinyBundle(join(folder, 'tiled'), undefined, '3x2');
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** A sound frame with one upright crack, 5 px wide and a quarter of the frame high, whose left edge is at `left`. */
function frameWithCrack(left: number, top: number): LumaImage {
  const image = drawLuma('sound', WIDE);
  const data = Uint8Array.from(image.data);
  for (let y = top; y < top + WIDE.height / 4; y++)
    data.fill(12, y * WIDE.width + left, y * WIDE.width + left + 5);
  return { ...image, data };
}

async function judge(bundle: Bundle, image: LumaImage, kind: EngineKind = 'onnx'): Promise<Verdict> {
  const engine = await openEngine(bundle, { engine: kind, provider: null, threads: 1 });
  try {
    checkNetworkFits(bundle.manifest, engine);
    await checkGoldenInputs(bundle, engine, DEFAULT_DECODE_LIMITS);
    return await classify(bundle, engine, image);
  } finally {
    await engine.close();
  }
}

function classify({ manifest, digest }: Bundle, engine: Engine, image: LumaImage): Promise<Verdict> {
  const { name, version } = manifest;
  const model = { name, version, digest, engine: engine.kind, provider: engine.provider };
  const classifier = createClassifier({
    manifest,
    engine,
    model,
    limits: DEFAULT_DECODE_LIMITS,
    stills: true,
  });
  const picture = pictureOfStill(jpegOfLuma(image));
  const frame: Frame = { ...picture, sequence: 1, capturedAt: { monoMs: 0, utcMs: 0 }, source: 'drawn' };
  return classifier.judge(frame);
}

test.each([
  // As a whole the frame is read at every fifteenth column (7, 22, …): these cracks lie between two.
  { left: 99, top: 60, tile: 0 },
  { left: 474, top: 60, tile: 1 },
  { left: 864, top: 400, tile: 5 },
])('a small crack in a wide frame is missed as a whole, and found in tile $tile', async ({
  left,
  top,
  tile,
}) => {
  const frame = frameWithCrack(left, top);
  const missed = await judge(whole, frame);
  expect(missed.label).toBe('intact');
  expect(missed).not.toHaveProperty('boxes');

  const found = await judge(tiled, frame);
  expect(found.label).toBe('crack');
  expect(found.probabilities.crack).toBeGreaterThan(0.9);
  expect(found.boxes?.crack).toEqual(tileBox(GRID, tile));
});

test('TensorFlow.js says the same of tiles as ONNX Runtime', async () => {
  const frame = frameWithCrack(864, 400);
  const onnx = await judge(tiled, frame);
  const tfjs = await judge(tiled, frame, 'tfjs');
  expect(tfjs.boxes).toEqual(onnx.boxes);
  expect(tfjs.probabilities.crack).toBeCloseTo(onnx.probabilities.crack ?? -1, 4);
  expect(tfjs.probabilities.intact).toBeCloseTo(onnx.probabilities.intact ?? -1, 4);
});

test('a network for single pictures does not serve as one for tiles, nor the other way round', async () => {
  const tiles = { ...whole, manifest: { ...whole.manifest, tiles: '3x2' } };
  const single: Bundle = { ...tiled, manifest: whole.manifest };
  for (const bundle of [tiles, single]) {
    await expect(openEngine(bundle, { provider: null, threads: 1 })).rejects.toMatchObject({
      code: 'BUNDLE_NOT_SERVABLE',
    });
  }
});

test('a blind frame has no boxes', async () => {
  const verdict = await judge(tiled, drawLuma('dark', WIDE));
  expect(verdict.blind).toBe('dark');
  expect(verdict).not.toHaveProperty('boxes');
});

test('a defect is as probable as in its best tile, intact as in its worst', () => {
  const joined = joinTiles([
    { crack: 0.1, corrosion: 0.7, intact: 0.2 },
    { crack: 0.9, corrosion: 0.05, intact: 0.05 },
    { crack: 0.2, corrosion: 0.1, intact: 0.7 },
  ]);
  expect(joined).toEqual({
    probabilities: { crack: 0.9, corrosion: 0.7, intact: 0.05 },
    tileOf: { crack: 1, corrosion: 0 },
  });
});

test('tiles are all of one size, lie inside the picture and leave no pixel out', () => {
  const side = fc.integer({ min: 1, max: 60 });
  const count = fc.integer({ min: 1, max: 8 });
  fc.assert(
    fc.property(side, side, count, count, (width, height, columns, rows) => {
      const data = new Uint8Array(width * height);
      const plane = planeOfImage({ width, height, data });
      const sizes = new Set<string>();
      for (let index = 0; index < columns * rows; index++) {
        const part = partOfPlane(plane, tileBox({ columns, rows }, index));
        sizes.add(`${part.width}x${part.height}`);
        for (let y = 0; y < part.height; y++) {
          const from = part.offset + y * part.stride;
          expect(from % width).toBeLessThanOrEqual(width - part.width);
          expect(from + part.width).toBeLessThanOrEqual(data.length);
          data.fill(1, from, from + part.width);
        }
      }
      expect(sizes.size).toBe(1);
      expect(data.every((seen) => seen === 1)).toBe(true);
    }),
    { numRuns: 200 },
  );
});
