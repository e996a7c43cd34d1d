import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Capture } from '../../src/camera/v4l2/capture.ts';
import { loadLibc } from '../../src/platform/libc.ts';
import type { HealthMessage } from '../../src/surface/messages/health.ts';
import { heldBy, type Scene, sceneOf } from './scene.ts';
import {
  controlSetter,
  isFull,
  isPlugged,
  NODE,
  plug,
  setControls,
  small,
  unplug,
} from './virtual-camera.ts';

// The whole daemon on the kernel's virtual camera, one fault after the other, without a restart.

/** A time without frames that is longer than this is lost, ms: DEFAULT_RULES. */
const LOST_AFTER_MS = 2_000;
/** Seconds that the camera was away for sure, by this test's own clock. */
let awaySeconds = 0;
let other: Capture | null = null;

beforeAll(() => {
  if (!isPlugged()) plug();
  const mode = { fourcc: 'YUYV', pixels: 'yuyv', width: 320, height: 180, interval: null } as const;
  other = Capture.open(loadLibc(), NODE, mode, []);
});
afterAll(() => {
  other?.close();
  if (isPlugged()) unplug();
  plug();
});

const { play } = sceneOf({
  camera: { uri: `v4l2:${NODE}`, width: small.width, height: small.height, rate: 10, stallSeconds: 4 },
  // The bars of a test pattern may well be cracks; here only the camera is looked at.
  inspection: { minimumDetections: 1_000, openWindowSeconds: 1 },
  light: { lampTestSeconds: 0, idle: 'off', faultAfterSeconds: 1 },
});

/** The first health that was gathered wholly after now and in which frames are judged. */
async function healthFromNow(scene: Scene): Promise<HealthMessage> {
  await scene.untilWell();
  const before = scene.surface.raw('health').length;
  return scene.until('frames are judged', () =>
    scene.surface
      .all('health')
      .slice(before + 1)
      .find(({ fps }) => fps > 0),
  );
}

const gaps = (health: HealthMessage): number => health.drops.camera?.gap ?? 0;

test('another program holds the camera at the start: said, shown by the light, and it streams once it is free', async ({
  task,
}) => {
  await play(async (scene) => {
    const reason = await scene.untilCamera('recovering', /^another program holds the camera \(.*EBUSY\)$/);
    expect(await scene.retained()).toMatchObject({ condition: 'recovering', reason });
    await scene.until('the light blinks', () => scene.surface.last('light')?.shows === 'cannot-see');
    other?.close();
    other = null;
    await scene.untilWell();
    await scene.until('the light blinks no more', () => scene.surface.last('light')?.shows === 'dark');
    task.meta.figures = reason;
  });
});

test('what it sees on the test pattern, and how fast', async ({ task }) => {
  await play(async (scene) => {
    const health = await healthFromNow(scene);
    const run = await scene.until('coverage', () => {
      const told = scene.surface.last('run')?.run?.coverage;
      return told && told.framesJudged + told.framesBlind > 0 ? told : null;
    });
    task.meta.figures = `${health.fps.toFixed(1)} of 10 frames judged a second, drops ${JSON.stringify(health.drops.camera)}; seen ${run.seenSeconds.toFixed(0)} s, unsure ${run.unsureRate.toFixed(2)}, blind ${JSON.stringify(run.blindSeconds)}`;
  });
});

const TIMES = isFull ? 50 : 3;

test(`unplugged and plugged in ${TIMES} times: the reason is told, it is back by itself, nothing is left behind`, async ({
  task,
}) => {
  await play(async (scene) => {
    const cycle = async (awayMs: number): Promise<{ readonly reason: string; readonly backMs: number }> => {
      const from = scene.told;
      const gone = performance.now();
      unplug();
      const reason = await scene.untilCamera('recovering', /unplugged|not there|no camera/, from);
      const held = heldBy(scene.daemon.pid);
      expect(held).toMatchObject({ nodes: 0, mappings: 0 });
      await sleep(awayMs);
      const since = performance.now();
      if (since - gone > LOST_AFTER_MS) awaySeconds += (since - gone) / 1000;
      plug();
      await scene.untilCamera('ok', /(?:)/, from + 1);
      return { reason, backMs: performance.now() - since };
    };
    // The first leaves a retained message to be read, and is long enough to count as lost.
    await cycle(3_000);
    const before = heldBy(scene.daemon.pid);
    const cycles = [];
    for (let count = 1; count < TIMES; count++) cycles.push(await cycle(count % 10 === 1 ? 2_500 : 0));
    const after = await scene.untilHolding(before);
    expect(after.memory - before.memory).toBeLessThan(80);
    await healthFromNow(scene);
    const times = cycles.map(({ backMs }) => backMs).sort((a, b) => a - b);
    const reasons = [...new Set(cycles.map(({ reason }) => reason))];
    task.meta.figures = `back after ms: median ${times[times.length >> 1].toFixed(0)}, most ${times.at(-1)?.toFixed(0)}; held ${JSON.stringify(before)} before, ${JSON.stringify(after)} after; reasons: ${reasons.join(' | ')}`;
  });
}, 3_600_000);

test('a camera that is away: the retained status says why, and coverage counts the gap as lost', async ({
  task,
}) => {
  await play(async (scene) => {
    const from = scene.told;
    const lostBefore = scene.surface.last('run')?.run?.coverage.lostSeconds ?? 0;
    unplug();
    const gone = performance.now();
    await scene.untilCamera('recovering', /(?:)/, from);
    await sleep(3_000);
    const retained = await scene.retained();
    expect(retained.condition).toBe('recovering');
    expect(retained.reason).toMatch(/not there|unplugged|no camera/);
    await scene.until('the light blinks', () => scene.surface.last('light')?.shows === 'cannot-see');
    expect(scene.surface.last('light')?.down).toEqual(['camera']);
    const seconds = (performance.now() - gone) / 1000;
    awaySeconds += seconds;
    plug();
    await scene.untilWell();
    const lost = await scene.until('the gap is told', () => {
      const told = scene.surface.last('run')?.run?.coverage.lostSeconds ?? 0;
      return told >= lostBefore + seconds - 0.5 ? told - lostBefore : null;
    });
    task.meta.figures = `away ${seconds.toFixed(1)} s, lost ${lost.toFixed(1)} s more; retained: ${retained.reason}`;
  });
});

test('a fatal streaming error: the reason, and it streams again', async ({ task }) => {
  await play(async (scene) => {
    const reasons: string[] = [];
    const before = heldBy(scene.daemon.pid);
    for (const fault of ['inject_fatal_streaming_error', 'inject_vidioc_qbuf_error']) {
      const from = scene.told;
      setControls(loadLibc(), { [fault]: 1 });
      reasons.push(await scene.untilCamera('recovering', /VIDIOC_|reports an error/, from));
      await scene.untilCamera('ok', /(?:)/, from + 1);
    }
    await scene.untilHolding(before);
    task.meta.figures = reasons.join(' | ');
  });
});

test('half of the buffers dropped by the driver: counted as gaps, and nothing else happens', async ({
  task,
}) => {
  await play(async (scene) => {
    const from = scene.told;
    const start = await healthFromNow(scene);
    setControls(loadLibc(), { percentage_of_dropped_buffers: 50 });
    const end = await scene.until('drops', () => {
      const health = scene.surface.last('health');
      return health && gaps(health) - gaps(start) >= 30 ? health : null;
    });
    setControls(loadLibc(), { percentage_of_dropped_buffers: 0 });
    expect(scene.statuses(from)).toEqual([]);
    task.meta.figures = `${gaps(end) - gaps(start)} gaps in ${(end.uptimeSeconds - start.uptimeSeconds).toFixed(0)} s, ${end.fps.toFixed(1)} frames judged a second, drops ${JSON.stringify(end.drops.camera)}`;
  });
});

test('frames that the driver flags as bad: counted, never judged, and nothing else happens', async ({
  task,
}) => {
  await play(async (scene) => {
    const from = scene.told;
    const flag = controlSetter(loadLibc(), { inject_v4l2_buf_flag_error: 1 });
    const health = await scene.until('flagged frames', async () => {
      flag();
      await sleep(150);
      const newest = scene.surface.last('health');
      return (newest?.drops.camera?.flagged ?? 0) >= 5 ? newest : null;
    });
    expect(scene.statuses(from)).toEqual([]);
    task.meta.figures = `drops ${JSON.stringify(health.drops.camera)}`;
  });
});

test('a camera that goes silent: the reason, and it streams again once it speaks', async ({ task }) => {
  await play(async (scene) => {
    const from = scene.told;
    setControls(loadLibc(), { percentage_of_dropped_buffers: 100 });
    const reason = await scene.untilCamera('recovering', /^no frame for 4000 ms/, from);
    setControls(loadLibc(), { percentage_of_dropped_buffers: 0 });
    await scene.untilCamera('ok', /(?:)/, from + 1);
    awaySeconds += 4;
    task.meta.figures = reason;
  });
});

test('in the end the run tells of every second that the camera was away', async ({ task }) => {
  await play(async (scene) => {
    const { code } = await scene.daemon.stop();
    expect(code).toBe(0);
    const run = await scene.until('the end of the run', () => {
      const told = scene.surface.last('run')?.run;
      return told?.end === 'shutdown' ? told : null;
    });
    const { lostSeconds, seenSeconds, blindSeconds, framesJudged, framesBlind } = run.coverage;
    expect(lostSeconds).toBeGreaterThan(awaySeconds - 1);
    expect(framesJudged + framesBlind).toBeGreaterThan(0);
    task.meta.figures = `away ${awaySeconds.toFixed(0)} s by the test's clock in gaps over ${LOST_AFTER_MS / 1000} s; lost ${lostSeconds.toFixed(0)} s, seen ${seenSeconds.toFixed(0)} s, blind ${JSON.stringify(blindSeconds)}`;
  });
});
