import { expect, test } from 'vitest';
import { createLight } from '../../src/light/light.ts';
import { DEFAULT_LIGHT_POLICY } from '../../src/light/policy.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { BenchLight, change, QUIET } from './bench-light.ts';

test('a run as the lamp tells it, a character for each quarter of a second', async () => {
  const { light, watch, kinds } = bound(new BenchLight({ faultAfterSeconds: 3 }));
  const timeline: string[] = [];
  const note = async (what: string, seconds: number): Promise<void> => {
    timeline.push(`${what.padEnd(28)}${await watch(seconds)}`);
  };
  await note('before start', 1);
  light.start();
  await note('start: lamp test', 3);
  light.follow(change('opened', 'rust', 'corrosion'));
  await note('corrosion opened', 1);
  light.follow(change('opened', 'a'));
  await note('crack opened', 2);
  light.setDown('camera', true);
  await note('camera down', 4);
  light.follow(change('closed', 'a'));
  await note('crack closed: latched', 2);
  light.acknowledge();
  await note('acknowledged, cannot see', 4);
  light.setDown('camera', false);
  await note('camera back', 1);
  light.follow(change('opened', 'b'));
  light.test(1);
  await note('crack during a lamp test', 3);
  light.stop();
  await note('stopped', 1);
  expect(`\n${timeline.join('\n')}\n`).toBe(`
before start                ....
start: lamp test            #.#.#.#.....
corrosion opened            ....
crack opened                ########
camera down                 ################
crack closed: latched       ########
acknowledged, cannot see    ####....####....
camera back                 ....
crack during a lamp test    #.#.########
stopped                     ....
`);
  expect(kinds).toEqual([
    'lamp-test',
    'dark',
    'crack',
    'latched',
    'cannot-see',
    'dark',
    'crack',
    'lamp-test',
    'crack',
    'stopped',
  ]);
});

test('with hold, the lamp goes out some seconds after the crack has gone', async () => {
  const { light, watch } = bound(new BenchLight({ ...QUIET, onCrack: 'hold', holdSeconds: 2 }));
  light.start();
  light.follow(change('opened', 'a'));
  expect(await watch(1)).toBe('####');
  light.follow(change('closed', 'a'));
  expect(light.state.kind).toBe('holding');
  expect(await watch(3)).toBe('########....');
});

test('with hold, another crack within the hold goes on without a gap and holds anew', async () => {
  const { light, watch } = bound(new BenchLight({ ...QUIET, onCrack: 'hold', holdSeconds: 2 }));
  light.start();
  light.follow(change('opened', 'a'));
  light.follow(change('closed', 'a'));
  await watch(1);
  light.follow(change('opened', 'b'));
  await watch(5);
  light.follow(change('closed', 'b'));
  expect(await watch(3)).toBe('########....');
});

test('an acknowledgement ends a hold', async () => {
  const { light, watch } = bound(new BenchLight({ ...QUIET, onCrack: 'hold' }));
  light.start();
  light.follow(change('opened', 'a'));
  light.follow(change('closed', 'a'));
  expect(light.acknowledge()).toBe(true);
  expect(light.acknowledge()).toBe(false);
  expect(await watch(1)).toBe('....');
});

test('a crack acknowledged while it is open stays lit until it closes, and a new one latches again', () => {
  const { light } = new BenchLight(QUIET);
  light.start();
  light.follow(change('opened', 'a'));
  expect(light.acknowledge()).toBe(true);
  expect(light.state).toMatchObject({ kind: 'crack', findings: ['a'] });
  light.follow(change('updated', 'a'));
  light.follow(change('closed', 'a'));
  expect(light.state.kind).toBe('dark');
  light.follow(change('opened', 'b'));
  light.follow(change('closed', 'b'));
  expect(light.state.kind).toBe('latched');
});

test('a crack opened, or one interrupted by a restart, is known by any of its changes', () => {
  const { light } = new BenchLight(QUIET);
  light.start();
  light.follow(change('updated', 'a'));
  expect(light.state.kind).toBe('crack');
  const restarted = new BenchLight(QUIET);
  restarted.light.follow(change('closed', 'old'));
  restarted.light.start();
  expect(restarted.light.state.kind).toBe('latched');
});

test('corrosion lights the lamp only where the policy says so, and leaves no latch', () => {
  const off = new BenchLight(QUIET);
  off.light.start();
  off.light.follow(change('opened', 'rust', 'corrosion'));
  expect(off.light.state.kind).toBe('dark');
  const on = new BenchLight({ ...QUIET, corrosion: 'on' });
  on.light.start();
  on.light.follow(change('opened', 'rust', 'corrosion'));
  expect(on.light.state).toMatchObject({ kind: 'corrosion', findings: ['rust'] });
  expect(on.pin.level).toBe(true);
  on.light.follow(change('closed', 'rust', 'corrosion'));
  expect(on.light.state.kind).toBe('dark');
});

test('camera or engine down shows only after the given time, and counts without a break from one to the other', async () => {
  const { light, watch, kinds } = bound(new BenchLight({ ...QUIET, faultAfterSeconds: 4 }));
  light.start();
  light.setDown('camera', true);
  await watch(3);
  light.setDown('camera', false);
  expect(await watch(4)).toBe('.'.repeat(16));
  light.setDown('camera', true);
  await watch(2);
  light.setDown('engine', true);
  light.setDown('camera', false);
  expect(await watch(4)).toBe('........####....');
  expect(light.state).toMatchObject({ kind: 'cannot-see', parts: ['engine'] });
  light.setDown('camera', true);
  expect(light.state).toMatchObject({ kind: 'cannot-see', parts: ['engine', 'camera'] });
  expect(kinds).toEqual(['dark', 'cannot-see', 'cannot-see']);
});

test('the heartbeat blips while verdicts are produced and ends when they do', async () => {
  const bench = new BenchLight({ ...QUIET, idle: 'heartbeat' });
  const { light, clock, pin } = bench;
  light.start();
  for (let i = 0; i < 149; i += 1) {
    light.beat();
    await clock.advance(100);
  }
  expect(pin.history).toEqual([true, false, true, false, true, false]);
  expect(light.state.kind).toBe('heartbeat');
  await clock.advance(6000);
  expect(light.state.kind).toBe('dark');
  const blips = pin.history.length;
  await clock.advance(60_000);
  expect(pin.history).toHaveLength(blips);
  light.beat();
  expect(pin.level).toBe(true);
  expect(bench.kinds).toEqual(['dark', 'heartbeat', 'dark', 'heartbeat']);
});

test('a fault shows on time also between two blips of the heartbeat', async () => {
  const { light, clock, kinds } = new BenchLight({ ...QUIET, idle: 'heartbeat', faultAfterSeconds: 2 });
  light.start();
  light.beat();
  light.setDown('camera', true);
  await clock.advance(1999);
  expect(kinds).toEqual(['dark', 'heartbeat']);
  await clock.advance(1);
  expect(kinds).toEqual(['dark', 'heartbeat', 'cannot-see']);
});

test('a blinking lamp is one state, told once', async () => {
  const { light, watch, kinds } = bound(new BenchLight({ ...QUIET, faultAfterSeconds: 0 }));
  light.start();
  light.setDown('engine', true);
  await watch(30);
  expect(kinds).toEqual(['dark', 'cannot-see']);
});

test('a lamp test is refused when stopped, bounded in length, and can be made longer', async () => {
  const { light, clock } = new BenchLight(QUIET);
  expect(light.test()).toBe(false);
  light.start();
  expect(light.test(Number.POSITIVE_INFINITY)).toBe(true);
  expect(light.state.kind).toBe('dark');
  light.test(1e9);
  await clock.advance(60_001);
  expect(light.state.kind).toBe('dark');
  light.test(1);
  await clock.advance(900);
  light.test(1);
  await clock.advance(900);
  expect(light.state.kind).toBe('lamp-test');
});

test('start and stop may be called again; stop leaves the safe level and no timer, start goes on with what was found', async () => {
  const { light, clock, pin, line, kinds } = new BenchLight({ ...QUIET, safeLevel: 'on' });
  light.stop();
  expect(pin.level).toBe(false);
  light.start();
  light.start();
  light.follow(change('opened', 'a'));
  light.acknowledge();
  light.stop();
  light.stop();
  expect(light.state).toMatchObject({ kind: 'stopped', level: 'on' });
  expect([pin.level, clock.pendingTimers, line.state.kind]).toEqual([true, 0, 'closed']);
  light.beat();
  light.setDown('camera', true);
  await clock.advance(1e6);
  expect([pin.level, clock.pendingTimers]).toEqual([true, 0]);
  light.setDown('camera', false);
  light.start();
  expect(light.state).toMatchObject({ kind: 'crack', findings: ['a'] });
  expect(kinds).toEqual(['dark', 'crack', 'stopped', 'crack']);
});

test('a listener that calls back finds the light whole, and leaves no timer behind', () => {
  const { light, clock, pin } = new BenchLight(QUIET);
  const second: string[] = [];
  light.onState((state) => {
    if (state.kind === 'crack') light.stop();
  });
  light.onState((state) => second.push(state.kind));
  light.start();
  light.follow(change('opened', 'a'));
  expect(light.state.kind).toBe('stopped');
  expect(second).toEqual(['dark', 'crack', 'stopped']);
  expect([pin.level, clock.pendingTimers]).toEqual([false, 0]);
});

test('the state tells since when, and keeps it while only its details change', async () => {
  const { light, clock } = new BenchLight(QUIET);
  light.start();
  await clock.advance(5000);
  light.follow(change('opened', 'a'));
  const { since } = light.state;
  expect(since).toEqual(clock.now());
  await clock.advance(5000);
  light.follow(change('opened', 'b'));
  expect(light.state).toMatchObject({ kind: 'crack', findings: ['a', 'b'], since });
});

test('a policy that cannot work is refused, all mistakes at once', () => {
  const { line } = new BenchLight();
  const policy = {
    ...DEFAULT_LIGHT_POLICY,
    holdSeconds: -1,
    faultAfterSeconds: Number.NaN,
    faultBlink: { onMs: 0, offMs: 1000 },
  };
  expect(() => createLight(line, policy, systemClock)).toThrow(
    /holdSeconds is -1.*faultAfterSeconds is NaN.*faultBlink.onMs is 0/,
  );
});

test('on the real clock the lamp blinks and goes out', async () => {
  const { line, pin } = new BenchLight();
  const light = createLight(
    line,
    { ...DEFAULT_LIGHT_POLICY, lampTestSeconds: 0.2, lampTestBlink: { onMs: 10, offMs: 10 } },
    systemClock,
  );
  light.start();
  await expect.poll(() => light.state.kind, { timeout: 20_000 }).toBe('dark');
  expect(pin.history.length).toBeGreaterThan(2);
  expect(pin.level).toBe(false);
  light.stop();
});

/** The bench with `watch` bound, so that it can be taken apart. */
function bound(bench: BenchLight): Pick<BenchLight, 'light' | 'kinds' | 'watch'> {
  return { light: bench.light, kinds: bench.kinds, watch: bench.watch.bind(bench) };
}
