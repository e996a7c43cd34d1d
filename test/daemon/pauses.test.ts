import fc from 'fast-check';
import { expect, test } from 'vitest';
import { every } from '../../src/daemon/every.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { GrowingPause } from '../../src/platform/growing-pause.ts';

test('pauses double up to the longest, and begin anew after a success', () => {
  const pause = new GrowingPause(500, 3_000);
  expect([1, 2, 3, 4, 5].map(() => pause.take())).toEqual([500, 1_000, 2_000, 3_000, 3_000]);
  pause.reset();
  expect([pause.take(), pause.take()]).toEqual([500, 1_000]);
});

test('a pause is never shorter than the first, longer than the longest, or shorter than the one before', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000 }),
      fc.integer({ min: 1_000, max: 60_000 }),
      (first, most) => {
        const pause = new GrowingPause(first, most);
        const taken = Array.from({ length: 40 }, () => pause.take());
        expect(taken).toEqual(taken.toSorted((a, b) => a - b));
        expect(taken[0]).toBe(first);
        expect(taken.at(-1)).toBe(most);
      },
    ),
  );
});

test('work is done each period, the pause beginning when it is done', async () => {
  const clock = new ManualClock();
  const begun: number[] = [];
  const work = async (): Promise<void> => {
    begun.push(clock.now().monoMs);
    await clock.sleep(300);
  };
  const repetition = every(clock, 1_000, work, () => undefined);
  await clock.advance(999);
  expect(begun).toEqual([]);
  await clock.advance(3_000);
  expect(begun).toEqual([1_000, 2_300, 3_600]);
  repetition.cancel();
});

test('work that throws is told of and goes on', async () => {
  const clock = new ManualClock();
  const told: unknown[] = [];
  let count = 0;
  const work = (): void => {
    count += 1;
    if (count === 2) throw new Error('second');
  };
  const repetition = every(clock, 10, work, (error) => told.push(error));
  await clock.advance(45);
  expect(count).toBe(4);
  expect(told).toEqual([new Error('second')]);
  repetition.cancel();
});

test('cancelled, also in the middle of work, it never begins again', async () => {
  const clock = new ManualClock();
  let count = 0;
  const repetition = every(
    clock,
    10,
    async () => {
      count += 1;
      await clock.sleep(100);
    },
    () => undefined,
  );
  await clock.advance(50);
  repetition.cancel();
  repetition.cancel();
  await clock.advance(1_000);
  expect(count).toBe(1);
});
