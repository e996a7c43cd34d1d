import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { FrameClock } from './frame-clock.ts';

test('timers fire in order when frames have brought their time, and never within the step', async () => {
  const clock = new FrameClock(1_000);
  const fired: string[] = [];
  clock.after(50, () => fired.push('late'));
  clock.after(10, () => fired.push('early'));
  const cancel = clock.after(20, () => fired.push('never'));
  cancel();
  cancel();
  clock.step(33);
  expect(fired).toEqual([]);
  await turn();
  expect(fired).toEqual(['early']);
  clock.step(33);
  await turn();
  expect(fired).toEqual(['early', 'late']);
  expect(clock.waiting).toBe(0);
  expect(clock.now()).toEqual({ monoMs: 66, utcMs: 1_066 });
});

test('the wall clock can be set; monotonic time does not mind', async () => {
  const clock = new FrameClock(1_000);
  let fired = 0;
  clock.after(30, () => {
    fired += 1;
  });
  clock.setUtc(0);
  clock.step(30);
  await turn();
  expect(clock.now()).toEqual({ monoMs: 30, utcMs: 30 });
  expect(fired).toBe(1);
});

test('a sleep ends with its signal; one that is due at once ends without a step', async () => {
  const clock = new FrameClock(0);
  const stop = new AbortController();
  const sleeping = clock.sleep(1e9, stop.signal);
  stop.abort(new Error('enough'));
  await expect(sleeping).rejects.toThrow('enough');
  await clock.sleep(0);
  expect(clock.waiting).toBe(0);
});
