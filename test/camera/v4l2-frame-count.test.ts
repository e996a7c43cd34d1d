import fc from 'fast-check';
import { expect, test } from 'vitest';
import { captureInstant, lostBetween } from '../../src/camera/v4l2/frame-count.ts';

test('frames and gaps make up what the kernel counted, also where its count begins again', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 2 ** 32 - 1 }),
      fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1 }),
      (start, steps) => {
        let count = start;
        let lost = 0;
        for (const step of steps) {
          const now = (count + step) % 2 ** 32;
          lost += lostBetween(count, now);
          count = now;
        }
        const counted = steps.reduce((total, step) => total + step, 0);
        expect(lost + steps.length).toBe(counted);
      },
    ),
  );
});

test('the first frame, a count that stands still and one that begins anew are no gap', () => {
  expect([lostBetween(null, 17), lostBetween(0, 0), lostBetween(500_000, 0), lostBetween(9, 3)]).toEqual([
    0, 0, 0, 0,
  ]);
});

test("a frame's time is the present less its age; stamps of the future and of other clocks give the present", () => {
  const now = { monoMs: 1000, utcMs: 50_000 };
  expect(captureInstant(now, 900_000, 899_960)).toEqual({ monoMs: 960, utcMs: 49_960 });
  for (const stamp of [null, 900_001, 1, Number.NaN]) {
    expect(captureInstant(now, 900_000, stamp)).toEqual(now);
  }
});
