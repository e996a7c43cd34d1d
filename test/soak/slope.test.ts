import { expect, test } from 'vitest';
import { Dice } from '../faults/dice.ts';
import { isRising, type Point, trendOf } from './slope.ts';

const FLAT = { least: 2, leastShare: 0.01 };

/** 400 samples of a run of 1,000 frames. */
function run(value: (at: number, noise: number) => number, seed = 1): Point[] {
  const dice = new Dice(seed);
  return Array.from({ length: 400 }, (_, number) => {
    const at = (number + 1) * 2.5;
    return { at, value: value(at, dice.between(-1, 1)) };
  });
}

test('the rise of a straight line is found, whatever came before the warm-up was over', () => {
  const trend = trendOf(run((at) => (at < 200 ? 1_000 : 100 + at / 10)));
  // 800 frames behind the warm-up, 0.1 a frame.
  expect(trend?.rise).toBeCloseTo(80, 0);
  expect(trend?.error).toBeLessThan(0.5);
  expect(trend && isRising(trend, FLAT)).toBe(true);
});

test('noise is no rise, and a fall is none either', () => {
  let called = 0;
  for (let seed = 1; seed <= 300; seed += 1) {
    const trend = trendOf(run((_, noise) => 100 + 40 * noise, seed));
    if (trend && isRising(trend, FLAT)) called += 1;
  }
  // One in 200 by the rule.
  expect(called).toBeLessThanOrEqual(5);
  const falling = trendOf(run((at) => 500 - at / 5));
  expect(falling && isRising(falling, FLAT)).toBe(false);
});

test('a leak under noise is found', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const trend = trendOf(run((at, noise) => 100 + at / 40 + 5 * noise, seed));
    expect(trend && isRising(trend, FLAT)).toBe(true);
  }
});

test('one jump in a single stretch, and a rise too small to matter, are none', () => {
  const jump = trendOf(run((at) => (at > 500 && at < 520 ? 900 : 100)));
  expect(jump && isRising(jump, FLAT)).toBe(false);
  const small = trendOf(run((at) => 100 + at / 1_000));
  expect(small && isRising(small, FLAT)).toBe(false);
});

test('too few samples say nothing', () => {
  expect(trendOf([])).toBeNull();
  expect(trendOf(run((at) => at).slice(0, 20))).toBeNull();
  expect(trendOf([{ at: 1_000, value: 1 }])).toBeNull();
});
