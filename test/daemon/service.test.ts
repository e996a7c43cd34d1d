import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { CameraState } from '../../src/camera/frame-source.ts';
import type { DaemonEvent } from '../../src/daemon/events.ts';
import { Service } from '../../src/daemon/service.ts';
import { readiness, type ServiceFacts, vitality } from '../../src/daemon/service-state.ts';
import type { Part, PartCondition } from '../../src/domain/status.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { ServiceManager } from '../../src/platform/systemd.ts';
import type { LinkState } from '../../src/surface/link.ts';

const WORKING: ServiceFacts = {
  camera: { kind: 'streaming' },
  link: { kind: 'connected', protocol: 5, session: 'a' },
  engine: 'ok',
  startedMs: 0,
  lastVerdictMs: 0,
  lastChangeMs: 0,
};
const PATIENCE = { verdictMs: 15_000, recoveryMs: 300_000 };
const RECOVERING: CameraState = { kind: 'recovering', reason: 'unplugged', attempt: 1 };

describe('readiness', () => {
  test('needs a verdict or a named fault, a warm engine and an attempt to reach the broker', () => {
    expect(readiness(WORKING, 0)).toEqual({ isReady: true, waitsFor: [] });
    expect(readiness({ ...WORKING, lastVerdictMs: null }, 0).waitsFor).toEqual(['the first verdict']);
    expect(readiness({ ...WORKING, lastVerdictMs: null, camera: RECOVERING }, 0).isReady).toBe(true);
    expect(readiness({ ...WORKING, lastVerdictMs: null, camera: { kind: 'starting' } }, 0).isReady).toBe(
      false,
    );
    expect(readiness({ ...WORKING, engine: 'recovering' }, 0).waitsFor).toEqual(['the engine to warm up']);
    expect(
      readiness({ ...WORKING, camera: null, link: null, engine: null, lastVerdictMs: null }, 0).waitsFor,
    ).toHaveLength(3);
  });

  test('a broker that refuses was tried; one that says nothing was, after a while', () => {
    const tried = (link: LinkState, nowMs = 0): boolean => readiness({ ...WORKING, link }, nowMs).isReady;
    expect(tried({ kind: 'waiting', reason: 'refused', attempt: 1 })).toBe(true);
    const connecting = { kind: 'connecting', protocol: 5, after: null } as const;
    expect(tried({ ...connecting, attempt: 1 })).toBe(false);
    expect(tried({ ...connecting, attempt: 2 })).toBe(true);
    expect(tried({ ...connecting, attempt: 1 }, 10_000)).toBe(true);
  });
});

describe('vitality', () => {
  test('while camera and engine work, only verdicts count', () => {
    expect(vitality(WORKING, 15_000, PATIENCE)).toEqual({ isAlive: true, because: 'verdicts come' });
    expect(vitality(WORKING, 15_001, PATIENCE)).toMatchObject({
      isAlive: false,
      because: expect.stringMatching(/no verdict came for 15 s/),
    });
    expect(vitality({ ...WORKING, lastVerdictMs: null }, 15_001, PATIENCE).isAlive).toBe(false);
    // A camera that has just come back is given the same time.
    expect(vitality({ ...WORKING, lastChangeMs: 20_000 }, 30_000, PATIENCE).isAlive).toBe(true);
  });

  test('a recovery lives while something new is told of it', () => {
    const facts = { ...WORKING, camera: RECOVERING, lastChangeMs: 100_000 };
    expect(vitality(facts, 399_000, PATIENCE)).toEqual({ isAlive: true, because: 'the camera recovers' });
    expect(vitality(facts, 401_000, PATIENCE).isAlive).toBe(false);
    expect(vitality({ ...WORKING, engine: 'recovering' }, 60_000, PATIENCE).because).toBe(
      'the engine recovers',
    );
    expect(
      vitality({ ...WORKING, camera: { kind: 'stopped', reason: 'ended' } }, 1e9, PATIENCE).isAlive,
    ).toBe(true);
  });

  test('more silence never brings life, and more signs never take it', () => {
    const states: CameraState[] = [{ kind: 'streaming' }, { kind: 'starting' }, RECOVERING, { kind: 'idle' }];
    fc.assert(
      fc.property(
        fc.record({
          camera: fc.constantFrom(...states),
          engine: fc.constantFrom<PartCondition>('ok', 'recovering', 'absent'),
          verdict: fc.option(fc.nat(1e6)),
          change: fc.nat(1e6),
          now: fc.nat(2e6),
          more: fc.nat(1e6),
        }),
        ({ camera, engine, verdict, change, now, more }) => {
          const facts = { ...WORKING, camera, engine, lastVerdictMs: verdict, lastChangeMs: change };
          const isAlive = (some: ServiceFacts, nowMs: number): boolean =>
            vitality(some, nowMs, PATIENCE).isAlive;
          if (!isAlive(facts, now)) expect(isAlive(facts, now + more)).toBe(false);
          if (isAlive(facts, now)) expect(isAlive({ ...facts, lastChangeMs: change + more }, now)).toBe(true);
        },
      ),
    );
  });
});

describe('the service', () => {
  let clock: ManualClock;
  let told: string[];
  let manager: ServiceManager;
  let service: Service;
  let camera: CameraState;
  let link: LinkState;

  beforeEach(() => {
    clock = new ManualClock();
    told = [];
    camera = { kind: 'streaming' };
    link = { kind: 'connected', protocol: 5, session: 'a' };
    manager = {
      isThere: true,
      watchdogMs: 30_000,
      lost: 0,
      lostBecause: null,
      ready: () => told.push('READY'),
      status: (line) => told.push(`STATUS ${line}`),
      watchdog: () => told.push('WATCHDOG'),
      stopping: () => told.push('STOPPING'),
      extendTimeout: () => told.push('EXTEND'),
      close: () => told.push('CLOSE'),
    };
    service = new Service(manager, clock, silentLog());
  });

  const status = (part: Part, condition: PartCondition, reason: string | null = null): DaemonEvent => ({
    kind: 'status',
    status: { part, condition, reason, sinceUtcMs: 0 },
  });
  const verdict = { kind: 'verdict' } as DaemonEvent;
  const watch = (): void =>
    service.watch({
      camera: {
        get state() {
          return camera;
        },
      },
      link: {
        get state() {
          return link;
        },
      },
    });
  const count = (word: string): number => told.filter((line) => line.startsWith(word)).length;
  async function verdictsFor(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i += 1) {
      service.hear(verdict);
      await clock.advance(1_000);
    }
  }

  test('asks for more time while it starts, tells what it waits for, and is ready once', async () => {
    service.hear(status('engine', 'recovering', 'the engine is warming up'));
    await clock.advance(3_500);
    expect(count('EXTEND')).toBe(3);
    expect(told).toContainEqual(
      expect.stringMatching(/starting: waiting for the engine to warm up, the first verdict, an attempt/),
    );
    expect(count('READY') + count('WATCHDOG')).toBe(0);
    service.hear(status('engine', 'ok'));
    watch();
    expect(count('READY')).toBe(0);
    service.hear(verdict);
    expect(count('READY')).toBe(1);
    expect(count('WATCHDOG')).toBe(1);
    await verdictsFor(60);
    expect(count('READY')).toBe(1);
    expect(told.at(-1)).not.toContain('starting');
  });

  test('a start that never ends is not prolonged for ever', async () => {
    for (let i = 0; i < 60; i += 1) await clock.advance(60_000);
    expect(count('EXTEND')).toBeGreaterThan(1000);
    expect(count('EXTEND')).toBeLessThan(1200);
  });

  test('pings while verdicts come, and no longer when they stop though camera and engine work', async () => {
    service.hear(status('engine', 'ok'));
    watch();
    await verdictsFor(120);
    const pings = count('WATCHDOG');
    expect(pings).toBeGreaterThanOrEqual(12);
    await clock.advance(16_000);
    const atTheEnd = count('WATCHDOG');
    await clock.advance(60_000);
    expect(count('WATCHDOG')).toBe(atTheEnd);
    expect(told.at(-1)).toMatch(/no verdict came/);
    service.hear(verdict);
    await clock.advance(1_000);
    expect(count('WATCHDOG')).toBe(atTheEnd + 1);
  });

  test('an unplugged camera is ready with its fault in the status line, and lives while attempts are made', async () => {
    camera = RECOVERING;
    service.hear(status('camera', 'recovering', 'unplugged'));
    service.hear(status('engine', 'ok'));
    watch();
    expect(count('READY')).toBe(1);
    expect(told).toContainEqual(expect.stringMatching(/camera recovering: unplugged/));
    for (let attempt = 2; attempt < 40; attempt += 1) {
      camera = { kind: 'recovering', reason: 'unplugged', attempt };
      await clock.advance(30_000);
    }
    const pings = count('WATCHDOG');
    await clock.advance(30_000);
    expect(count('WATCHDOG')).toBeGreaterThan(pings);
    // The recovery itself hangs: no attempt more.
    await clock.advance(300_000);
    const last = count('WATCHDOG');
    await clock.advance(120_000);
    expect(count('WATCHDOG')).toBe(last);
  });

  test('says that it stops, once, and nothing after', async () => {
    service.hear(status('engine', 'ok'));
    watch();
    service.stopping('SIGTERM was received');
    service.stopping('again');
    service.close();
    const after = told.length;
    await clock.advance(120_000);
    expect(told.length).toBe(after);
    expect(told.slice(-3)).toEqual(['STOPPING', 'STATUS stopping: SIGTERM was received', 'CLOSE']);
  });
});
