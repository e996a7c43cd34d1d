import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Preprocessing } from '../../src/domain/manifest.ts';
import { imageOfPlane, LIMITED_TO_FULL, type LumaImage } from '../../src/vision/luma.ts';
import { createPreprocessor } from '../../src/vision/preprocess.ts';
import { type RawFormat, rawPlane } from '../../src/vision/raw.ts';
import { drawLuma } from '../fixtures/pictures.ts';
import { rawPicture } from './raw-frames.ts';

const plain: Preprocessing = { channels: 'luma', resize: 'bilinear', normalisation: 'none', scale: 1 / 255 };
const standard: Preprocessing = { ...plain, normalisation: 'standard' };

/** Bilinear with pixel centres aligned, written straight from its definition in floating point. */
function bilinear(image: LumaImage, x: number, y: number, width: number, height: number): number {
  const clamp = (value: number, last: number): number => Math.min(last, Math.max(0, value));
  const sx = clamp(((x + 0.5) * image.width) / width - 0.5, image.width - 1);
  const sy = clamp(((y + 0.5) * image.height) / height - 0.5, image.height - 1);
  const left = Math.floor(sx);
  const top = Math.floor(sy);
  const at = (column: number, row: number): number =>
    image.data[clamp(row, image.height - 1) * image.width + clamp(column, image.width - 1)];
  const across = (row: number): number => at(left, row) * (1 - (sx - left)) + at(left + 1, row) * (sx - left);
  return across(top) * (1 - (sy - top)) + across(top + 1) * (sy - top);
}

const images = fc
  .record({ width: fc.integer({ min: 1, max: 40 }), height: fc.integer({ min: 1, max: 40 }) })
  .chain(({ width, height }) =>
    fc
      .uint8Array({ minLength: width * height, maxLength: width * height })
      .map((data): LumaImage => ({ width, height, data })),
  );
const sides = fc.integer({ min: 1, max: 24 });

test('every resized pixel is within one grey level of the definition', () => {
  fc.assert(
    fc.property(images, sides, sides, (image, width, height) => {
      const { small } = createPreprocessor(plain, { width, height }).run(image);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const exact = bilinear(image, x, y, width, height);
          expect(Math.abs(small[y * width + x] - exact)).toBeLessThanOrEqual(0.75);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('a picture of the input size passes unchanged', () => {
  const image = drawLuma('crack', { width: 64, height: 64 });
  const { small } = createPreprocessor(plain, { width: 64, height: 64 }).run(image);
  expect(small).toEqual(image.data);
});

test('known values: a step from 0 to 255 over four pixels to two, and to eight', () => {
  const image = { width: 4, height: 1, data: Uint8Array.of(0, 0, 255, 255) };
  expect([...createPreprocessor(plain, { width: 2, height: 1 }).run(image).small]).toEqual([0, 255]);
  expect([...createPreprocessor(plain, { width: 8, height: 1 }).run(image).small]).toEqual([
    0, 0, 0, 64, 191, 255, 255, 255,
  ]);
});

test('without normalisation the tensor is luma times scale', () => {
  const image = drawLuma('rust', { width: 50, height: 40 });
  const { tensor, small } = createPreprocessor(plain, { width: 16, height: 16 }).run(image);
  expect([...tensor]).toEqual([...small].map((grey) => Math.fround(grey / 255)));
});

test('standard normalisation: mean 0, deviation 1, the same for a brighter and flatter copy', () => {
  const image = drawLuma('crack', { width: 64, height: 64 });
  const other = { ...image, data: image.data.map((grey) => Math.round(grey / 2 + 90)) };
  const preprocessor = createPreprocessor(standard, { width: 64, height: 64 });
  const first = Float32Array.from(preprocessor.run(image).tensor);
  const second = Float32Array.from(preprocessor.run(other).tensor);
  const mean = first.reduce((sum, value) => sum + value, 0) / first.length;
  const square = first.reduce((sum, value) => sum + value * value, 0) / first.length;
  expect(mean).toBeCloseTo(0, 4);
  expect(square).toBeCloseTo(1, 4);
  const differences = first.map((value, index) => Math.abs(value - second[index]));
  expect(Math.max(...differences)).toBeLessThan(0.05);
});

test('a flat picture is normalised to zeros, not to nonsense', () => {
  const flat = { width: 10, height: 10, data: new Uint8Array(100).fill(80) };
  const { tensor, deviation } = createPreprocessor(standard, { width: 8, height: 8 }).run(flat);
  expect(deviation).toBe(0);
  expect(tensor.every((value) => Math.abs(value) < 1e-6)).toBe(true);
});

test('packed, padded and limited frames read in place equal their unpacked picture', () => {
  const image = drawLuma('crack-in-rust', { width: 75, height: 43 });
  const formats: RawFormat[] = ['grey', 'yuyv', 'uyvy', 'nv12', 'yu12'];
  const preprocessor = createPreprocessor(plain, { width: 32, height: 32 });
  for (const format of formats) {
    for (const range of ['full', 'limited'] as const) {
      const plane = rawPlane(rawPicture(image, { format, range, padding: 5 }), format);
      const inPlace = Uint8Array.from(preprocessor.runPlane(plane).small);
      expect(preprocessor.run(imageOfPlane(plane)).small).toEqual(inPlace);
    }
  }
});

test('limited range ends at black and white, and codes beyond are clipped', () => {
  expect([0, 16, 126, 235, 255].map((code) => LIMITED_TO_FULL[code])).toEqual([0, 0, 128, 255, 255]);
});

test('the tensor goes where it is told; without that the same memory is used again', () => {
  const image = drawLuma('sound', { width: 32, height: 32 });
  const preprocessor = createPreprocessor(plain, { width: 8, height: 8 });
  const into = new Float32Array(64);
  expect(preprocessor.run(image, into).tensor).toBe(into);
  expect(preprocessor.run(image).tensor).toBe(preprocessor.run(image).tensor);
  expect(() => preprocessor.run(image, new Float32Array(63))).toThrow(RangeError);
});

test('one preprocessor takes pictures of changing sizes', () => {
  const preprocessor = createPreprocessor(plain, { width: 16, height: 16 });
  for (const width of [64, 33, 64, 200]) {
    const image = drawLuma('rust', { width, height: 40 });
    const fresh = createPreprocessor(plain, { width: 16, height: 16 }).run(image).small;
    expect(preprocessor.run(image).small).toEqual(fresh);
  }
});
