import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openCamera } from '../../src/camera/open-camera.ts';
import { FrameLoop } from '../../src/daemon/frame-loop.ts';
import { type EngineState, SupervisedVision } from '../../src/daemon/supervised-vision.ts';
import type { Bundle } from '../../src/domain/manifest.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import { type Clock, ManualClock, systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { pictureOfStill } from '../../src/vision/golden.ts';
import { crackPicture, soundPicture } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import { until } from '../scenarios/until.ts';

let folder = '';
let bundle: Bundle;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-supervised-'));
  bundle = await makeTinyBundle(join(folder, 'tiny'));
});

afterAll(() => rm(folder, { recursive: true }));

/** Vision under supervision, with a hand on its worker threads. */
async function withVision(
  clock: Clock,
  use: (vision: SupervisedVision, states: EngineState[], killWorker: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const posted = vi.spyOn(Worker.prototype, 'postMessage');
  const vision = new SupervisedVision({ bundle, provider: 'cpu', threads: 1 }, clock, silentLog());
  const states: EngineState[] = [];
  vision.changes.on((state) => states.push(state));
  const killWorker = async (): Promise<void> => {
    posted.mockClear();
    await judge(vision);
    const worker = posted.mock.contexts[0] as Worker;
    // No message at all: the thread stumbles over it and dies.
    worker.postMessage(null);
    await until('the death is noticed', () => vision.state.kind === 'recovering');
  };
  try {
    await vision.start();
    await use(vision, states, killWorker);
  } finally {
    await vision.stop();
    posted.mockRestore();
  }
}

async function judge(vision: SupervisedVision): Promise<Verdict | undefined> {
  const frame = {
    ...pictureOfStill(crackPicture()),
    sequence: 1,
    capturedAt: { monoMs: 1, utcMs: 1 },
    source: 'test',
  };
  return (await vision.vision?.judge(frame))?.verdict;
}

/** A clock that tells whether somebody sleeps. */
class SleepCountingClock extends ManualClock {
  waiting = 0;

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.waiting += 1;
    try {
      await super.sleep(ms, signal);
    } finally {
      this.waiting -= 1;
    }
  }
}

const kindsOf = (states: readonly EngineState[]): string[] => states.map(({ kind }) => kind);

test('a worker that dies is started anew and judges again', () =>
  withVision(systemClock, async (vision, states, killWorker) => {
    expect((await judge(vision))?.label).toBe('crack');
    await killWorker();
    expect(vision.vision).toBeNull();
    await until('it is ready again', () => vision.state.kind === 'ready');
    expect((await judge(vision))?.label).toBe('crack');
    expect(kindsOf(states)).toEqual(['ready', 'recovering', 'ready']);
    expect(states[1]).toMatchObject({ reason: expect.stringMatching(/.+/), attempt: 1 });
  }));

test('pauses grow while it keeps dying, and begin anew once verdicts flow', async () => {
  const clock = new SleepCountingClock();
  await withVision(clock, async (vision, _, killWorker) => {
    const comesBackAfter = async (ms: number): Promise<void> => {
      await killWorker();
      // The dead worker is cleared away first; only then the pause begins.
      await until('it pauses', () => clock.waiting > 0);
      await clock.advance(ms - 1);
      expect(vision.state.kind).toBe('recovering');
      await clock.advance(1);
      await until('it is ready again', () => vision.state.kind === 'ready');
    };
    await comesBackAfter(1_000);
    await comesBackAfter(2_000);
    vision.proved();
    await comesBackAfter(1_000);
  });
});

test('a stop in the middle of a recovery ends it', () =>
  withVision(new ManualClock(), async (vision, states, killWorker) => {
    await killWorker();
    await vision.stop();
    expect(kindsOf(states)).toEqual(['ready', 'recovering', 'stopped']);
    expect(vision.vision).toBeNull();
    await vision.stop();
  }));

test('a bundle that never served is not tried again: the start rejects', async () => {
  const vision = new SupervisedVision({ bundle, provider: 'abacus', threads: 1 }, systemClock, silentLog());
  await expect(vision.start()).rejects.toMatchObject({ code: 'PROVIDER_ABSENT' });
  await vision.stop();
});

test('no picture, no engine, a faulty listener: dropped and counted; the loop goes on', () =>
  withVision(systemClock, async (vision, _, killWorker) => {
    const images = join(folder, 'images');
    await rm(images, { recursive: true, force: true });
    await mkdir(images);
    await writeFile(join(images, '1.jpg'), soundPicture());
    await writeFile(join(images, '2.jpg'), crackPicture().subarray(0, 2_000));
    await writeFile(join(images, '3.jpg'), crackPicture());
    const options = {
      uri: `replay:${images}`,
      rate: null,
      loop: false,
      format: 'mjpeg',
      width: null,
      height: null,
      stallMs: 10_000,
      maxFrameBytes: 1_000_000,
      controls: {},
    } as const;
    const run = async (faulty = ''): Promise<{ labels: unknown[]; dropped: unknown }> => {
      await using camera = openCamera(options, { clock: systemClock, log: silentLog() });
      const labels: unknown[] = [];
      const onVerdict = ({ label }: Verdict): void => {
        if (label === faulty) throw new Error('a fault in whoever listens');
        labels.push(label);
      };
      const loop = new FrameLoop({ camera, vision, log: silentLog(), onVerdict });
      await camera.start();
      await loop.run();
      return { labels, dropped: loop.dropped };
    };
    expect(await run()).toEqual({ labels: ['intact', 'crack'], dropped: { 'picture-refused': 1 } });
    expect(await run('intact')).toEqual({
      labels: ['crack'],
      dropped: { 'picture-refused': 1, 'verdict-faulty': 1 },
    });
    await killWorker();
    expect(await run()).toEqual({ labels: [], dropped: { 'engine-away': 3 } });
  }));
