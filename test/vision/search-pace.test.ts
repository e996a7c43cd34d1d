import { expect, test } from 'vitest';
import { createSearchPace } from '../../src/vision/search-pace.ts';

/** Frames every `gap` ms, each judged in `work`; steps of `step` ms whenever the pace allows. Times a frame had to wait. */
function play(gap: number, work: number, step: number, frames: number): { delays: number[]; steps: number } {
  const pace = createSearchPace();
  const delays: number[] = [];
  let steps = 0;
  let free = 0;
  for (let frame = 0; frame < frames; frame++) {
    const due = frame * gap;
    // Between the frames: one step after the other, for as long as the pace lets them.
    for (let now = free; now < due; ) {
      const wait = pace.waitMs(now);
      if (wait > 0) {
        now += wait;
        continue;
      }
      now += step;
      free = now;
      pace.stepDone(now, step);
      steps++;
    }
    pace.frameCame(due);
    delays.push(Math.max(0, free - due));
    free = Math.max(free, due) + work;
    pace.frameDone(free);
  }
  return { delays, steps };
}

test('steps go into the gaps of a camera that leaves some, and no frame waits', () => {
  const { delays, steps } = play(33, 12, 8, 300);
  // The first gaps are not known yet.
  expect(delays.slice(3).filter((ms) => ms > 0)).toEqual([]);
  expect(steps).toBeGreaterThan(250);
});

test('where no gap is long enough, one step is taken in 400 ms, and no frame waits for more than that', () => {
  const { delays, steps } = play(33, 25, 20, 300);
  const late = delays.slice(3).filter((ms) => ms > 0);
  expect(steps).toBeLessThanOrEqual((300 * 33) / 400 + 3);
  expect(Math.max(...late)).toBeLessThanOrEqual(20);
  expect(steps).toBeGreaterThan(15);
});

test('without frames nothing is waited for', () => {
  const pace = createSearchPace();
  expect(pace.waitMs(0)).toBe(0);
  pace.frameCame(10);
  pace.frameDone(20);
  pace.frameCame(43);
  expect(pace.waitMs(44)).toBeGreaterThan(0);
  pace.frameDone(50);
  pace.stepDone(51, 30);
  expect(pace.waitMs(52)).toBeGreaterThan(0);
  // The camera pauses.
  expect(pace.waitMs(5_000)).toBe(0);
});
