import { expect, test } from 'vitest';
import { MAX_PAUSE_MS, REFRESH_MS } from '../../src/light/light.ts';
import { BenchLight, change, QUIET } from './bench-light.ts';

test('a line that fails is told with its reason, tried with growing pauses, and lit at once when it works', async () => {
  const { light, clock, pin, line, conditions } = new BenchLight(QUIET);
  const tries: number[] = [];
  const open = line.open.bind(line);
  line.open = (lit) => {
    tries.push(clock.now().monoMs);
    open(lit);
  };
  pin.breakDown('line 17 is held by another program');
  light.start();
  expect(light.status).toMatchObject({
    condition: 'recovering',
    reason: expect.stringContaining('line 17 is held by another program'),
  });
  await clock.advance(100_000);
  expect(tries.map((ms) => ms / 1000)).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
  // A crack does not wait for the pause to end.
  light.follow(change('opened', 'a'));
  expect(tries.at(-1)).toBe(100_000);
  await clock.advance(22_000);
  expect(tries.at(-1)).toBe(121_000);
  pin.mend();
  await clock.advance(MAX_PAUSE_MS);
  expect(pin.level).toBe(true);
  expect(light.status).toMatchObject({ condition: 'ok', reason: null });
  expect(conditions).toEqual(['recovering', 'ok']);
});

test('a line that vanishes under a steady lamp is found and taken again', async () => {
  const { light, clock, pin, conditions } = new BenchLight(QUIET);
  light.start();
  light.follow(change('opened', 'a'));
  await clock.advance(60_000);
  pin.breakDown('chip unbound');
  await clock.advance(REFRESH_MS);
  expect(light.status.condition).toBe('recovering');
  pin.mend();
  await clock.advance(MAX_PAUSE_MS);
  expect(conditions).toEqual(['ok', 'recovering', 'ok']);
});

test('stopping with a failed line says that the safe level is not certain', () => {
  const { light, pin } = new BenchLight(QUIET);
  light.start();
  light.follow(change('opened', 'a'));
  pin.breakDown('chip unbound');
  light.stop();
  expect(light.status).toMatchObject({
    condition: 'absent',
    reason: expect.stringContaining('may not be off'),
  });
});

test('while stopped, the line is left alone whatever is found', () => {
  const { light, line, pin, conditions } = new BenchLight({ safeLevel: 'on' });
  line.open = () => {
    throw new Error('The line belongs to somebody else now.');
  };
  light.follow(change('opened', 'a'));
  light.setDown('camera', true);
  light.acknowledge();
  light.beat();
  expect([pin.history, conditions, light.status.condition]).toEqual([[], [], 'absent']);
});
