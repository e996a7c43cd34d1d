import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import type { CameraState, FrameSource } from '../../src/camera/frame-source.ts';
import type { Frame } from '../../src/domain/frame.ts';

/** One kind of camera under the suite. */
export interface FrameSourceKind {
  readonly name: string;
  /** Why this kind cannot run here; null where it can. */
  readonly skip: string | null;
  /** A source, not started, that shows images without end, at least ten a second, and never drops one as bad. */
  endless(): Promise<FrameSource>;
  /** A source that shows exactly `images` images, each handed out, and then ends; null where the kind has no such. */
  pulled: ((images: number) => Promise<FrameSource>) | null;
}

const LEGAL: Readonly<Record<CameraState['kind'], readonly CameraState['kind'][]>> = {
  idle: ['starting', 'stopped'],
  starting: ['streaming', 'recovering', 'idle', 'stopped'],
  streaming: ['recovering', 'stopped'],
  recovering: ['recovering', 'streaming', 'stopped'],
  stopped: [],
};

/** What every FrameSource does, whatever its kind. */
export function frameSourceSuite(kind: FrameSourceKind): void {
  if (kind.skip !== null) console.log(`frame source ${kind.name} is skipped: ${kind.skip}`);
  describe.skipIf(kind.skip !== null)(`frame source: ${kind.name}`, () => {
    const opened: FrameSource[] = [];
    const open = async (): Promise<FrameSource> => {
      const source = await kind.endless();
      opened.push(source);
      return source;
    };
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((source) => source.stop()));
    });

    test('gives frames in rising sequence with bytes, a source and times that never go back', async () => {
      const source = await open();
      await source.start();
      const frames: Frame[] = [];
      for (let count = 0; count < 5; count++) frames.push(await taken(source));
      for (const [index, frame] of frames.entries()) {
        expect(frame.data.length).toBeGreaterThan(0);
        expect(frame.source).not.toBe('');
        if (index === 0) continue;
        expect(frame.sequence).toBeGreaterThan(frames[index - 1].sequence);
        expect(frame.capturedAt.monoMs).toBeGreaterThanOrEqual(frames[index - 1].capturedAt.monoMs);
      }
      expect(source.delivered).toBe(5);
    });

    test('never writes again to the bytes of a frame it gave', async () => {
      const source = await open();
      await source.start();
      const first = await taken(source);
      const copy = Buffer.from(first.data);
      for (let count = 0; count < 3; count++) await taken(source);
      expect(copy.equals(first.data)).toBe(true);
    });

    test('starting twice starts once', async () => {
      const source = await open();
      const seen = statesOf(source);
      await Promise.all([source.start(), source.start()]);
      await source.start();
      await taken(source);
      expect(seen.filter((state) => state.kind === 'starting')).toHaveLength(1);
    });

    test('the newest frame wins; the older ones are counted, so that delivered and dropped make all seen', async () => {
      const source = await open();
      await source.start();
      await taken(source);
      await until(() => (source.drops.superseded ?? 0) >= 3);
      const newest = await taken(source);
      expect(newest.sequence).toBeGreaterThanOrEqual(4);
      expect(source.delivered + sum(source.drops)).toBe(newest.sequence + 1);
      await source.stop();
      expect(source.delivered).toBe(2);
    });

    test('an aborted next rejects with the reason and takes no frame with it', async () => {
      const source = await open();
      const abort = new AbortController();
      const pending = source.next(abort.signal);
      const reason = new Error('enough');
      abort.abort(reason);
      await expect(pending).rejects.toBe(reason);
      await expect(source.next(abort.signal)).rejects.toBe(reason);
      await source.start();
      // On a slow machine newer frames may pass the first, but none goes uncounted.
      const { sequence } = await taken(source);
      expect(sequence).toBeLessThanOrEqual(sum(source.drops));
      expect(source.delivered).toBe(1);
    });

    test('after the stop every next gives null, those pending too', async () => {
      const source = await open();
      const pending = [source.next(), source.next()];
      await source.stop();
      expect(await Promise.all(pending)).toEqual([null, null]);
      expect(await source.next()).toBeNull();
      expect(source.state).toEqual({ kind: 'stopped', reason: 'requested' });
    });

    test('a stopped source is not started again, and says so', async () => {
      const source = await open();
      await source.start();
      await source.stop();
      await expect(source.start()).rejects.toMatchObject({ code: 'CAMERA_FAILED' });
    });

    test('stopping is idempotent, also at once after the start, and frees processes and descriptors', async () => {
      const before = resources();
      const source = await open();
      await source.start();
      await taken(source);
      await Promise.all([source.stop(), source.stop()]);
      await source.stop();
      expect(await source.next()).toBeNull();
      const hasty = await open();
      const starting = hasty.start();
      await Promise.all([starting, hasty.stop()]);
      await until(
        () => resources().children <= before.children && resources().descriptors <= before.descriptors,
      );
    });

    test('states follow each other in a legal order, and a listener that left hears no more', async () => {
      const source = await open();
      const seen = statesOf(source);
      const heard: CameraState[] = [];
      const leave = source.onState((state) => heard.push(state));
      expect(source.state).toEqual({ kind: 'idle' });
      await source.start();
      await taken(source);
      leave();
      leave();
      await source.stop();
      expect(seen.map((state) => state.kind)).toEqual(['starting', 'streaming', 'stopped']);
      expect(heard.map((state) => state.kind)).toEqual(['starting', 'streaming']);
      expectLegal(seen);
    });

    test('disposing stops', async () => {
      const source = await open();
      await source.start();
      await source[Symbol.asyncDispose]();
      expect(source.state.kind).toBe('stopped');
    });

    const { pulled } = kind;
    if (pulled === null) return;
    test('pulled, it hands out every image and then ends', async () => {
      const source = await pulled(7);
      opened.push(source);
      const seen = statesOf(source);
      await source.start();
      const sequences: number[] = [];
      for (;;) {
        const frame = await source.next();
        if (frame === null) break;
        sequences.push(frame.sequence);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      expect(sequences).toEqual([0, 1, 2, 3, 4, 5, 6]);
      expect(sum(source.drops)).toBe(0);
      expect(source.state).toEqual({ kind: 'stopped', reason: 'ended' });
      expect(await source.next()).toBeNull();
      expectLegal(seen);
      await source.stop();
      expect(source.state).toEqual({ kind: 'stopped', reason: 'ended' });
    });
  });
}

/** The next frame, which must come. */
export async function taken(source: FrameSource): Promise<Frame> {
  const frame = await source.next();
  if (frame === null) throw new Error('the source ended');
  return frame;
}

/** The list of states, growing as they come. */
export function statesOf(source: FrameSource): CameraState[] {
  const states: CameraState[] = [];
  source.onState((state) => states.push(state));
  return states;
}

/** Fails unless each state may follow the one before; the first follows `idle`. */
export function expectLegal(states: readonly CameraState[]): void {
  let before: CameraState['kind'] = 'idle';
  for (const { kind } of states) {
    expect(LEGAL[before], `${kind} after ${before}`).toContain(kind);
    before = kind;
  }
}

/** Waits, generously, until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1500; tries++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('the condition never held');
}

export function sum(counts: Readonly<Partial<Record<string, number>>>): number {
  return Object.values(counts).reduce<number>((total, count) => total + (count ?? 0), 0);
}

/** Open descriptors and living or dead children of this process. */
export function resources(): { descriptors: number; children: number } {
  let children = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (parentOf(pid) === process.pid) children += 1;
  }
  return { descriptors: readdirSync('/proc/self/fd').length, children };
}

function parentOf(pid: string): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    // It ended between the listing and the look.
    return null;
  }
}
