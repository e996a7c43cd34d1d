import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  everyFrame,
  nextStride,
  STRIDE_RULES,
  type Strain,
  type Stride,
} from '../../src/inspection/stride.ts';

const WELL: Strain = { headroomCelsius: 20, clockShare: 1, overtakenShare: 0, cameraFps: 30 };
const HOT: Strain = { ...WELL, headroomCelsius: -1 };

/** The strides told each second while the board is as given. */
function follow(before: Stride, strain: Strain, seconds: number, fromMs = 0): Stride {
  let stride = before;
  for (let second = 0; second <= seconds; second += 1)
    stride = nextStride(stride, strain, fromMs + second * 1000, STRIDE_RULES);
  return stride;
}

test('a board that is well, or tells nothing, judges every frame', () => {
  for (const strain of [WELL, { ...WELL, headroomCelsius: null, clockShare: null, overtakenShare: 0.5 }])
    expect(follow(everyFrame(0), strain, 3600)).toMatchObject({ stride: 1, why: null });
});

test('a hot board leaves out more and more frames, but judges five a second', () => {
  expect(follow(everyFrame(0), HOT, 9).stride).toBe(1);
  expect(follow(everyFrame(0), HOT, 10)).toMatchObject({ stride: 2, why: 'hot' });
  expect(follow(everyFrame(0), HOT, 20).stride).toBe(4);
  expect(follow(everyFrame(0), HOT, 600).stride).toBe(6);
  expect(follow(everyFrame(0), { ...HOT, cameraFps: 8 }, 600).stride).toBe(1);
});

test('a slowed clock counts only where vision cannot keep up', () => {
  const slowed = { ...WELL, clockShare: 0.6 };
  expect(follow(everyFrame(0), slowed, 600).stride).toBe(1);
  expect(follow(everyFrame(0), { ...slowed, overtakenShare: 0.5 }, 10)).toMatchObject({
    stride: 2,
    why: 'slowed',
  });
});

test('a slowed board stays at the stride that it can keep up with, until its clock is back', () => {
  const before = follow(everyFrame(0), { ...WELL, clockShare: 0.6, overtakenShare: 0.5 }, 10);
  expect(follow(before, { ...WELL, clockShare: 0.6 }, 600, 11_000)).toMatchObject({
    stride: 2,
    why: 'slowed',
  });
  expect(follow(before, WELL, 60, 11_000).stride).toBe(1);
});

test('it comes back by halves, a minute each, and only once it has cooled', () => {
  const hot = follow(everyFrame(0), HOT, 20);
  const lukewarm = follow(hot, { ...WELL, headroomCelsius: 3 }, 600, 21_000);
  expect(lukewarm).toMatchObject({ stride: 4, why: 'hot' });
  expect(follow(hot, WELL, 59, 21_000).stride).toBe(4);
  expect(follow(hot, WELL, 60, 21_000).stride).toBe(2);
  expect(follow(hot, WELL, 120, 21_000)).toMatchObject({ stride: 1, why: null });
});

test('whatever the board says, the stride stays in its limits and frames are left out only with a reason', () => {
  const strains = fc.record({
    headroomCelsius: fc.option(fc.double({ min: -40, max: 90, noNaN: true })),
    clockShare: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    overtakenShare: fc.double({ min: 0, max: 1, noNaN: true }),
    cameraFps: fc.double({ min: 0, max: 240, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(strains, fc.integer({ min: 0, max: 90_000 }))), (steps) => {
      let stride = everyFrame(0);
      let monoMs = 0;
      for (const [strain, ms] of steps) {
        monoMs += ms;
        const before = stride;
        stride = nextStride(stride, strain, monoMs, STRIDE_RULES);
        expect(Number.isInteger(stride.stride)).toBe(true);
        expect(stride.stride).toBeGreaterThanOrEqual(1);
        expect(stride.stride).toBeLessThanOrEqual(STRIDE_RULES.most);
        if (stride.stride > 1) {
          expect(strain.cameraFps / stride.stride).toBeGreaterThanOrEqual(STRIDE_RULES.leastFps);
          expect(stride.why).not.toBeNull();
        }
        if (stride.stride > before.stride) expect(stride.strained).toBe(true);
      }
    }),
  );
});
