import { afterEach, describe, expect, test } from 'vitest';
import type {
  PositionDrop,
  PositionSource,
  PositionSourceState,
  Readings,
  Sighting,
} from '../../src/position/position-source.ts';

/** A source under test with somebody at its other end. */
export interface PositionStage {
  readonly source: PositionSource;
  /** Says where the vehicle is, as the source's senders do. */
  readonly say: (readings: Pick<Readings, 'latitude' | 'longitude' | 'depth' | 'heading'>) => Promise<void>;
  /** Says something that no source can use, with the reason it must be counted under. */
  readonly babble: () => Promise<PositionDrop>;
  /** Takes away what the source listens to, and gives it back. */
  readonly takeAway: () => Promise<() => Promise<void>>;
  readonly close: () => Promise<void>;
}

/** Generous: a busy machine. */
const PATIENCE_MS = 15_000;

async function until(what: string, seen: () => boolean, again?: () => Promise<void>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!seen()) {
    if (Date.now() > end) throw new Error(`waited in vain for: ${what}`);
    await again?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What the daemon relies on, whoever tells the position. */
export function positionSourceSuite(name: string, create: () => Promise<PositionStage>): void {
  describe(name, () => {
    const stages: PositionStage[] = [];
    afterEach(async () => {
      for (const stage of stages.splice(0)) {
        await stage.source.stop();
        await stage.close();
      }
    });

    async function staged() {
      const stage = await create();
      stages.push(stage);
      const heard: Sighting[] = [];
      const states: PositionSourceState['kind'][] = [];
      stage.source.onSighting((sighting) => heard.push(sighting));
      stage.source.onState(({ kind }) => states.push(kind));
      const readings = () => Object.assign({}, ...heard.map((sighting) => sighting.readings));
      return { ...stage, heard, states, readings };
    }

    const HERE = { latitude: -6.1234567, longitude: 106.8765432, depth: 42.5, heading: 271.5 };

    test('listens when started, and tells what was said with the time of hearing', async () => {
      const { source, say, heard, states, readings } = await staged();
      expect(source.state.kind).toBe('idle');
      source.start();
      source.start();
      await until('listening', () => source.state.kind === 'listening');
      await until(
        'a sighting',
        () => Object.keys(readings()).length >= 4,
        () => say(HERE),
      );
      expect(states).toEqual(['starting', 'listening']);
      expect(readings().latitude).toBeCloseTo(HERE.latitude, 6);
      expect(readings().longitude).toBeCloseTo(HERE.longitude, 6);
      expect(readings().depth).toBeCloseTo(HERE.depth, 2);
      expect(readings().heading).toBeCloseTo(HERE.heading, 1);
      for (const { at } of heard) expect(at.utcMs).toBeGreaterThan(Date.UTC(2026, 0, 1) - 1);
    });

    test('counts what it cannot use, with the reason, and goes on', async () => {
      const { source, say, babble, heard, readings } = await staged();
      source.start();
      await until('listening', () => source.state.kind === 'listening');
      const reason = await babble();
      await until('the count', () => (source.dropped[reason] ?? 0) > 0);
      expect(heard).toEqual([]);
      await until(
        'a sighting',
        () => readings().depth !== undefined,
        () => say(HERE),
      );
    });

    test('says why it cannot listen, and listens when it can again', async () => {
      const { source, say, takeAway, readings } = await staged();
      const giveBack = await takeAway();
      source.start();
      await until('recovering', () => source.state.kind === 'recovering');
      expect(source.state).toMatchObject({ reason: expect.stringMatching(/\w+/) });
      await giveBack();
      await until('listening', () => source.state.kind === 'listening');
      await until(
        'a sighting',
        () => readings().depth !== undefined,
        () => say(HERE),
      );
    });

    test('stopped, it hears nothing more and does not begin again', async () => {
      const { source, say, heard } = await staged();
      source.start();
      await until('listening', () => source.state.kind === 'listening');
      await Promise.all([source.stop(), source.stop()]);
      source.start();
      const before = heard.length;
      await say(HERE);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(source.state.kind).toBe('stopped');
      expect(heard.length).toBe(before);
    });

    test('stopped while it begins, it ends', async () => {
      const { source, states } = await staged();
      source.start();
      await source.stop();
      expect(source.state.kind).toBe('stopped');
      expect(states).not.toContain('listening');
    });

    test('stopped before it started, it stays so', async () => {
      const { source } = await staged();
      await source.stop();
      source.start();
      expect(source.state.kind).toBe('stopped');
    });
  });
}
