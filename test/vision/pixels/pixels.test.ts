import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compilePixels } from '../../../scripts/pixel-compiler.ts';
import { createPreprocessor } from '../../../src/vision/preprocess.ts';
import { createQualityMeter } from '../../../src/vision/quality.ts';
import { createResizer } from '../../../src/vision/resize.ts';

/** Sides beside and between multiples of 4, 8 and 16, where the loops have their edges. */
const sides = fc.integer({ min: 1, max: 70 });
const greys = (count: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: count, maxLength: count });
const pictures = fc.record({ width: sides, height: sides }).chain((size) =>
  fc.record({
    size: fc.constant(size),
    grey: greys(size.width * size.height),
    before: greys(size.width * size.height),
  }),
);

test('the loops that are loaded are those of the source', async () => {
  const committed = readFileSync(join(import.meta.dirname, '../../../src/vision/pixels/pixels.wasm'));
  expect(committed.equals(await compilePixels())).toBe(true);
});

test('mean and deviation are those of a plain sum', () => {
  fc.assert(
    fc.property(pictures, ({ size, grey }) => {
      const preprocessing = {
        channels: 'luma',
        resize: 'bilinear',
        normalisation: 'none',
        scale: 1,
      } as const;
      const told = createPreprocessor(preprocessing, size).run({ ...size, data: grey });
      const mean = grey.reduce((sum, level) => sum + level, 0) / grey.length;
      const squares = grey.reduce((sum, level) => sum + level * level, 0) / grey.length;
      expect(told.mean).toBe(mean);
      expect(told.deviation).toBe(Math.sqrt(Math.max(0, squares - mean * mean)));
    }),
  );
});

test('sharpness, saturation and change are those of a loop over the pixels', () => {
  fc.assert(
    fc.property(pictures, ({ size: { width, height }, grey, before }) => {
      const meter = createQualityMeter({ width, height });
      const told = meter.alone({ small: Uint8Array.from(grey), mean: 1, deviation: 2 });
      let bends = 0;
      for (let y = 1; y < height - 1; y++)
        for (let x = 1; x < width - 1; x++) {
          const at = y * width + x;
          bends += Math.abs(4 * grey[at] - grey[at - 1] - grey[at + 1] - grey[at - width] - grey[at + width]);
        }
      const inner = Math.max(0, width - 2) * Math.max(0, height - 2);
      expect(told.sharpness).toBe(inner === 0 ? 0 : bends / inner);
      expect(told.saturatedShare).toBe(grey.filter((level) => level >= 250).length / grey.length);
      const change = grey.reduce((sum, level, at) => sum + Math.abs(level - before[at]), 0) / grey.length;
      expect(meter.difference(Uint8Array.from(grey), Uint8Array.from(before))).toBe(change);
    }),
  );
});

test('local contrast is the median of the deviations of an 8x8 grid', () => {
  fc.assert(
    fc.property(pictures, ({ size: { width, height }, grey }) => {
      const deviations: number[] = [];
      for (let block = 0; block < 64; block++) {
        const [row, column] = [Math.floor(block / 8), block % 8];
        const levels: number[] = [];
        for (let y = Math.floor((row * height) / 8); y < Math.floor(((row + 1) * height) / 8); y++)
          for (let x = Math.floor((column * width) / 8); x < Math.floor(((column + 1) * width) / 8); x++)
            levels.push(grey[y * width + x]);
        const count = Math.max(1, levels.length);
        const mean = levels.reduce((sum, level) => sum + level, 0) / count;
        const squares = levels.reduce((sum, level) => sum + level * level, 0) / count;
        deviations.push(Math.sqrt(Math.max(0, squares - mean * mean)));
      }
      deviations.sort((a, b) => a - b);
      const told = createQualityMeter({ width, height }).alone({
        small: Uint8Array.from(grey),
        mean: 0,
        deviation: 0,
      });
      expect(told.localContrast).toBe((deviations[31] + deviations[32]) / 2);
    }),
  );
});

test('limited range becomes full by the standard, for every code, however far apart the values stand', () => {
  const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
  const clipped = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));
  const wanted = {
    luma: [...codes].map((code) => clipped(((code - 16) * 255) / 219)),
    chroma: [...codes].map((code) => clipped(((code - 128) * 255) / 224 + 128)),
  };
  for (const kind of ['luma', 'chroma'] as const) {
    for (const step of [1, 2, 3, 4]) {
      const data = new Uint8Array(3 + 256 * step).fill(77);
      for (const code of codes) data[3 + code * step] = code;
      const small = new Uint8Array(256);
      const plane = { width: 256, height: 1, data, offset: 3, stride: 256 * step, step };
      const resizer = createResizer({ width: 256, height: 1 }, kind);
      resizer.run({ ...plane, range: 'limited' }, small);
      expect([...small]).toEqual(wanted[kind]);
      resizer.run({ ...plane, range: 'full' }, small);
      expect([...small]).toEqual([...codes]);
    }
  }
});

test('what lies beside a picture changes nothing: the last plane of a frame may end with the frame', () => {
  fc.assert(
    fc.property(
      sides,
      sides,
      sides,
      sides,
      fc.integer({ min: 1, max: 4 }),
      (width, height, across, down, step) => {
        const stride = width * step + 3;
        const bytes = (height - 1) * stride + (width - 1) * step + 1;
        const data = Uint8Array.from({ length: bytes + 2 }, (_, at) => (at * 97) % 256);
        const plane = { width, height, offset: 2, stride, step, range: 'full' } as const;
        const resizer = createResizer({ width: across, height: down }, 'luma');
        const tight = new Uint8Array(across * down);
        resizer.run({ ...plane, data }, tight);
        const roomy = new Uint8Array(bytes + 500).fill(255);
        roomy.set(data);
        const other = new Uint8Array(across * down);
        createResizer({ width: across, height: down }, 'luma').run({ ...plane, data: roomy }, other);
        expect(other).toEqual(tight);
      },
    ),
  );
});

test('a plane that lies where the resizer offers room is not copied, and says the same', () => {
  const size = { width: 19, height: 13 };
  const resizer = createResizer(size, 'luma');
  const pixels = (count: number): number[] => Array.from({ length: count }, (_, at) => (at * 31) % 256);
  for (const [width, height] of [
    [40, 30],
    [80, 60],
    [16, 9],
  ]) {
    const plane = { width, height, offset: 0, stride: width, step: 1, range: 'full' } as const;
    const expected = new Uint8Array(19 * 13);
    const data = Uint8Array.from(pixels(width * height));
    createResizer(size, 'luma').run({ ...plane, data }, expected);
    const room = resizer.room(width * height);
    room.set(data);
    const small = new Uint8Array(19 * 13);
    resizer.run({ ...plane, data: room }, small);
    expect(small).toEqual(expected);
  }
});
