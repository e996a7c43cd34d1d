import fc from 'fast-check';
import { expect, test } from 'vitest';
import { spreadOf } from '../../src/bench/measurement.ts';

test('percentiles are of the nearest rank, and zero of nothing', () => {
  expect(spreadOf([])).toEqual({ p50: 0, p95: 0, p99: 0 });
  expect(spreadOf([7])).toEqual({ p50: 7, p95: 7, p99: 7 });
  expect(spreadOf(Array.from({ length: 200 }, (_, index) => 200 - index))).toEqual({
    p50: 100,
    p95: 190,
    p99: 198,
  });
});

test('whatever the order, half of the values are at or below the median and p50 is at or below p99', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1 }), (values) => {
      const { p50, p99 } = spreadOf(values);
      expect(p50).toBeLessThanOrEqual(p99);
      expect(values).toContain(p50);
      expect(values.filter((value) => value <= p50).length).toBeGreaterThanOrEqual(values.length / 2);
    }),
  );
});
