import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_PAUSE_MS } from '../../src/light/light.ts';
import type { LightPolicy } from '../../src/light/policy.ts';
import { BenchLight, change } from './bench-light.ts';

const blink = fc.record({
  onMs: fc.integer({ min: 10, max: 1500 }),
  offMs: fc.integer({ min: 10, max: 1500 }),
});
const policy: fc.Arbitrary<Partial<LightPolicy>> = fc.record({
  onCrack: fc.constantFrom('latch' as const, 'hold' as const),
  holdSeconds: fc.integer({ min: 0, max: 10 }),
  corrosion: fc.constantFrom('off' as const, 'on' as const),
  faultAfterSeconds: fc.integer({ min: 0, max: 10 }),
  idle: fc.constantFrom('off' as const, 'heartbeat' as const),
  lampTestSeconds: fc.constantFrom(0, 0.3, 2),
  safeLevel: fc.constantFrom('off' as const, 'on' as const),
  lampTestBlink: blink,
  faultBlink: blink,
  heartbeat: blink,
});

type Event =
  | { readonly kind: 'start' | 'stop' | 'acknowledge' | 'beat' | 'break' | 'mend' }
  | { readonly kind: 'test'; readonly seconds: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'down'; readonly part: 'camera' | 'engine'; readonly isDown: boolean }
  | {
      readonly kind: 'finding';
      readonly phase: 'opened' | 'updated' | 'closed';
      readonly defect: 'crack' | 'corrosion';
      readonly id: string;
    };

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('start' as const, 'beat' as const).map((kind) => ({ kind })) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom('stop' as const, 'acknowledge' as const, 'break' as const, 'mend' as const)
      .map((kind) => ({ kind })),
  },
  {
    weight: 1,
    arbitrary: fc
      .double({ min: 0, max: 5, noNaN: true })
      .map((seconds) => ({ kind: 'test', seconds }) as const),
  },
  {
    weight: 5,
    arbitrary: fc
      .oneof(fc.integer({ min: 0, max: 8000 }), fc.double({ min: 0, max: 3000, noNaN: true }))
      .map((ms) => ({ kind: 'wait', ms }) as const),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('down' as const),
      part: fc.constantFrom('camera' as const, 'engine' as const),
      isDown: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('finding' as const),
      phase: fc.constantFrom('opened' as const, 'updated' as const, 'closed' as const),
      defect: fc.constantFrom('crack' as const, 'corrosion' as const),
      id: fc.constantFrom('a', 'b', 'c'),
    }),
  },
);

/** What must be remembered of cracks, told in the plainest way. */
class CrackLedger {
  readonly open = new Map<string, boolean>();
  unacknowledged = 0;

  follow(phase: 'opened' | 'updated' | 'closed', id: string): void {
    if (phase !== 'closed') {
      if (!this.open.has(id)) this.open.set(id, false);
      return;
    }
    if (this.open.get(id) !== true) this.unacknowledged += 1;
    this.open.delete(id);
  }

  acknowledge(): void {
    for (const id of this.open.keys()) this.open.set(id, true);
    this.unacknowledged = 0;
  }
}

async function play(bench: BenchLight, events: readonly Event[], look: (cracks: CrackLedger) => void) {
  const cracks = new CrackLedger();
  for (const each of events) {
    if (each.kind === 'start') bench.light.start();
    else if (each.kind === 'stop') bench.light.stop();
    else if (each.kind === 'beat') bench.light.beat();
    else if (each.kind === 'break') bench.pin.breakDown('chip unbound');
    else if (each.kind === 'mend') bench.pin.mend();
    else if (each.kind === 'test') bench.light.test(each.seconds);
    else if (each.kind === 'wait') await bench.clock.advance(each.ms);
    else if (each.kind === 'down') bench.light.setDown(each.part, each.isDown);
    else if (each.kind === 'acknowledge') {
      bench.light.acknowledge();
      cracks.acknowledge();
    } else if (each.kind === 'finding') {
      bench.light.follow(change(each.phase, each.id, each.defect));
      if (each.defect === 'crack') cracks.follow(each.phase, each.id);
    }
    look(cracks);
  }
}

test('whatever happens, a crack that is open or latched lights the lamp steadily, and a stop leaves it safe', async () => {
  await fc.assert(
    fc.asyncProperty(policy, fc.array(event, { maxLength: 60 }), async (withPolicy, events) => {
      const bench = new BenchLight(withPolicy);
      const { light, pin, line, clock } = bench;
      await play(bench, events, (cracks) => {
        const { kind } = light.state;
        const isRunning = kind !== 'stopped';
        expect(clock.pendingTimers).toBe(isRunning ? 1 : 0);
        expect(line.state.kind === 'closed').toBe(!isRunning);
        expect(light.status.condition === 'absent').toBe(!isRunning);
        const isDue = cracks.open.size > 0 || (withPolicy.onCrack === 'latch' && cracks.unacknowledged > 0);
        if (isRunning && kind !== 'lamp-test') {
          expect(kind === 'crack' || kind === 'latched').toBe(isDue);
          if (isDue) expect(light.lit).toBe(true);
        }
        if (line.state.kind === 'open') expect(pin.level).toBe(light.lit);
        if (kind === 'dark') expect(light.lit).toBe(false);
        if (isRunning && pin.fault === null && line.state.kind === 'failed')
          expect(light.status.condition).toBe('recovering');
      });
      pin.mend();
      light.start();
      await clock.advance(MAX_PAUSE_MS + 5000);
      expect(light.status.condition).toBe('ok');
      expect(pin.level).toBe(light.lit);
      light.stop();
      expect(pin.level).toBe(withPolicy.safeLevel === 'on');
      expect(clock.pendingTimers).toBe(0);
    }),
    { numRuns: 150 },
  );
}, 60_000);

test('a state is told exactly when it differs from the one told before', async () => {
  await fc.assert(
    fc.asyncProperty(policy, fc.array(event, { maxLength: 40 }), async (withPolicy, events) => {
      const bench = new BenchLight(withPolicy);
      const told: string[] = [JSON.stringify({ ...bench.light.state, since: null })];
      bench.light.onState((state) => {
        expect(state).toBe(bench.light.state);
        told.push(JSON.stringify({ ...state, since: null }));
      });
      await play(bench, events, () => {
        expect(told.at(-1)).toBe(JSON.stringify({ ...bench.light.state, since: null }));
      });
      told.forEach((state, index) => {
        if (index > 0) expect(state).not.toBe(told[index - 1]);
      });
      bench.light.stop();
    }),
    { numRuns: 80 },
  );
}, 60_000);
