import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Augmenter, WATER_AUGMENT } from '../../src/training/augment.ts';
import { drawPicture } from '../../src/training/golden-pictures.ts';
import { createRandom } from '../../src/training/random.ts';
import { placementOf, shareInView, type View, warpPlane } from '../../src/training/warp.ts';
import { drawWater, WATER_DEFAULTS, WaterFilter } from '../../src/training/water.ts';

const { luma, width, height } = drawPicture('crack-in-rust', 4);
const size = { width, height };
const pixels = width * height;
const rusty = new Uint8Array(2 * pixels).fill(110, 0, pixels).fill(160, pixels);
const meanOf = (values: Uint8Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

test('the same seed gives the same water, colours included; another seed another', () => {
  const picture = (seed: number): string => {
    const augmenter = new Augmenter(size, createRandom(1), WATER_AUGMENT);
    const { data, chroma } = augmenter.augmentPicture(
      { kind: 'still', luma, chroma: rusty },
      createRandom(seed),
    );
    return Buffer.concat([data, chroma?.cb ?? data, chroma?.cr ?? data]).toString('base64');
  };
  expect(picture(3)).toBe(picture(3));
  expect(picture(3)).not.toBe(picture(4));
});

test('whatever is drawn, a sample keeps its size and is not changed itself', () => {
  const before = luma.slice();
  const augmenter = new Augmenter(size, createRandom(1), WATER_AUGMENT);
  fc.assert(
    fc.property(fc.integer(), fc.boolean(), fc.boolean(), (seed, still, coloured) => {
      const sample = { kind: still ? ('still' as const) : ('frame' as const), luma };
      const { data, chroma } = augmenter.augmentPicture(
        coloured ? { ...sample, chroma: rusty } : sample,
        createRandom(seed),
      );
      expect(data).toHaveLength(pixels);
      expect(chroma?.cb.length ?? pixels).toBe(pixels);
      expect(chroma === undefined).toBe(!coloured);
    }),
    { numRuns: 40 },
  );
  expect(luma).toEqual(before);
});

test('water takes red away before green and blue, and turbid water takes contrast', () => {
  let [redLost, waters] = [0, 0];
  for (let seed = 0; seed < 60; seed++) {
    const water = drawWater(WATER_DEFAULTS, createRandom(seed));
    const [red, green] = water.gain;
    waters++;
    if (red < green) redLost++;
  }
  expect(redLost).toBe(waters);
  const filter = new WaterFilter(size);
  const clear = { ...drawWater(WATER_DEFAULTS, createRandom(1)), particles: 0, veil: [0, 0, 0] as const };
  const even = { ...clear, gain: [1, 1, 1] as const, lamp: { ...clear.lamp, share: 0 } };
  const untouched = luma.slice();
  filter.apply(untouched, null, even, createRandom(1));
  expect(Math.max(...untouched.map((value, i) => Math.abs(value - luma[i])))).toBeLessThanOrEqual(1);
  const veiled = luma.slice();
  filter.apply(veiled, null, { ...even, gain: [0.4, 0.4, 0.4], veil: [0.3, 0.3, 0.3] }, createRandom(1));
  const spread = (values: Uint8Array): number => {
    const mean = meanOf(values);
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  };
  expect(spread(veiled)).toBeLessThan(0.7 * spread(luma));
  const chroma = rusty.slice();
  const coloured = luma.slice();
  filter.apply(coloured, chroma, { ...even, gain: [0.2, 0.9, 0.9] }, createRandom(1));
  expect(meanOf(chroma.subarray(pixels))).toBeLessThan(meanOf(rusty.subarray(pixels)) - 15);
});

test('four quarter turns are no turn, and a mirrored view is the mirrored picture', () => {
  const side = 24;
  const picture = Uint8Array.from({ length: side * side }, (_, i) => (i * 37) % 251);
  const whole: View = { share: 1, x: 0.5, y: 0.5, turn: 0, mirror: false, flip: false };
  let turned = picture;
  for (let i = 0; i < 4; i++) {
    const next = new Uint8Array(picture.length);
    warpPlane(turned, next, placementOf({ ...whole, turn: Math.PI / 2 }, side, side), side, side);
    if (i === 0) expect(next).not.toEqual(picture);
    turned = next;
  }
  expect(turned).toEqual(picture);
  const mirrored = new Uint8Array(picture.length);
  warpPlane(picture, mirrored, placementOf({ ...whole, mirror: true }, side, side), side, side);
  expect(mirrored[0]).toBe(picture[side - 1]);
});

test('how much of a defect is in view is told by its boxes', () => {
  const view = { share: 0.5, x: 0.25, y: 0.25, turn: 0, mirror: false, flip: false };
  const box = { defect: 'crack' as const, left: 0, top: 0, width: 0.4, height: 0.4 };
  expect(shareInView([], view)).toBe(1);
  expect(shareInView([box], view)).toBeCloseTo(1);
  expect(shareInView([{ ...box, left: 0.6 }], view)).toBe(0);
  expect(shareInView([{ ...box, left: 0.3 }], view)).toBeCloseTo(0.5);
});
