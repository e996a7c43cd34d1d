import { existsSync, readFileSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { PrediveItem } from '../../src/doctor/predive.ts';
import type { AlertMessage } from '../../src/surface/messages/alert.ts';
import { specta } from '../cli/specta.ts';
import type { Surface } from '../scenarios/surface.ts';
import { Ffmpeg, KeptFfmpeg, keepFormat, playRun, type Sending, withLoopbacks } from './loopback.ts';
import { CRACKS_AT, RIG_RUN } from './run-of-rig.ts';
import { sceneOf } from './scene.ts';
import { isFull } from './virtual-camera.ts';
import { distribution, type Edge, isDriven, monotonicOf, Witness } from './witness.ts';

/** Short, so that the lamp goes out between two cracks. */
const HOLD_SECONDS = 0.4;

const { play } = sceneOf({
  camera: {
    uri: 'v4l2:Loopback9',
    width: RIG_RUN.width,
    height: RIG_RUN.height,
    rate: RIG_RUN.rate,
    stallSeconds: 10,
  },
  inspection: { minimumDetections: 2, openWindowSeconds: 3, offDelaySeconds: 0.6, mergeGapSeconds: 0.4 },
  light: {
    line: { kind: 'chardev', chip: 'rig', line: 'RELAY' },
    holdSeconds: HOLD_SECONDS,
    lampTestSeconds: 0.2,
    idle: 'off',
    faultAfterSeconds: 600,
  },
  surface: { detectionsPerSecond: 2 },
});

/** How often each way of sending must show the run. */
const PASSES: Readonly<Record<Sending, number>> = isFull ? { mjpeg: 4, yuyv: 4 } : { mjpeg: 2, yuyv: 1 };

/** Each crack that was told of, with the first rise of the line after its frame was captured. */
function switchings(
  opened: readonly AlertMessage[],
  rises: readonly Edge[],
): { readonly capturedMs: number; readonly rise: Edge }[] {
  return opened.flatMap((alert) => {
    // At the opening, the frame last seen is the one that opened it.
    const capturedMs = monotonicOf(alert.lastSeenAt);
    const rise = rises.find(({ atMs }) => atMs >= capturedMs - CLOCKS_APART_MS);
    return rise === undefined ? [] : [{ capturedMs, rise }];
  });
}

/** A message's times are of the wall clock, in whole ms. */
const CLOCKS_APART_MS = 3;

function cracks(surface: Surface, phase: AlertMessage['phase'], from: number): AlertMessage[] {
  return surface
    .all('alerts')
    .filter((alert) => alert.class === 'crack' && alert.phase === phase)
    .slice(from);
}

for (const sending of ['mjpeg', 'yuyv'] satisfies Sending[]) {
  test(`a rendered run through /dev/video9 as ${sending}: finding, alerts and a lit line for each crack, a dark line between`, async ({
    task,
  }) => {
    const wanted = PASSES[sending] * CRACKS_AT.length;
    const playing = () =>
      play(async (scene) => {
        const { surface, daemon } = scene;
        const before = cracks(surface, 'opened', 0).length;
        const healthBefore = surface.all('health').length;
        await using witness = await Witness.begin();
        // Longer than needed: what ends it is the number of cracks.
        await using run = playRun('/dev/video9', sending, 10 * PASSES[sending]);
        await scene.untilCamera('ok');
        await scene.until(
          `${wanted} cracks are told of (${run.complaints})`,
          () => cracks(surface, 'closed', before).length >= wanted,
          60_000 * wanted,
        );
        const last = cracks(surface, 'closed', before)[wanted - 1];
        const health = await scene.until('health', () => {
          const newest = surface.last('health');
          return surface.all('health').length > healthBefore && newest?.latencyMs.captureToLight
            ? newest
            : null;
        });
        const opened = cracks(surface, 'opened', before).slice(0, wanted);
        const closed = cracks(surface, 'closed', before).slice(0, wanted);
        await scene.until('the line is dark', () =>
          witness.falls.some(({ atMs }) => atMs > monotonicOf(last.closedAt ?? '')),
        );

        expect(closed.map(({ finding }) => finding)).toEqual(opened.map(({ finding }) => finding));
        // A still that the emulated disk was too slow for is refused by name, never left out in silence.
        const refused = daemon.log.filter(({ code }) => code === 'RECORD_BUSY').map(({ finding }) => finding);
        const told = opened.filter(({ evidence }) => evidence !== null);
        expect(opened.filter((alert) => !told.includes(alert) && !refused.includes(alert.finding))).toEqual(
          [],
        );
        expect(told.length).toBeGreaterThan(0);
        for (const { peakFrame } of opened) expect(peakFrame.source).toBe('/dev/video9');
        // The line rises once for each finding, and for nothing else.
        const pairs = switchings(opened, witness.rises);
        expect(new Set(pairs.map(({ rise }) => rise.atMs)).size).toBe(wanted);
        const end = pairs[wanted - 1].rise.atMs;
        const own = witness.rises.filter(({ atMs }) => atMs >= pairs[0].rise.atMs && atMs <= end);
        expect(own).toHaveLength(wanted);
        const darkAfter = closed.map((alert) => {
          const closedMs = monotonicOf(alert.closedAt ?? '');
          const fall = witness.falls.find(({ atMs }) => atMs > closedMs);
          if (fall === undefined) throw new Error(`the line stayed lit after ${alert.finding}`);
          return fall.atMs - closedMs;
        });
        expect(Math.min(...darkAfter)).toBeGreaterThan(HOLD_SECONDS * 1000 - CLOCKS_APART_MS);
        // Nothing but the cracks was found in the run.
        expect(surface.all('alerts').filter(({ class: name }) => name !== 'crack')).toEqual([]);

        const latencies = pairs.map(({ capturedMs, rise }) => rise.atMs - capturedMs);
        const blur = Math.max(...pairs.map(({ rise }) => rise.atMs - rise.afterMs));
        const { captureToLight, captureToVerdict, infer } = health.latencyMs;
        const chosen = daemon.log.findLast(({ msg }) => /^Asked for/.test(msg))?.msg ?? '';
        task.meta.figures = [
          `capture to GPIO by the witness: ${distribution(latencies)} (it looked at least every ${blur.toFixed(0)} ms)`,
          `by the daemon since its start: p50 ${captureToLight?.p50.toFixed(0)}, p95 ${captureToLight?.p95.toFixed(0)}, p99 ${captureToLight?.p99.toFixed(0)} ms`,
          `capture to verdict p50 ${captureToVerdict?.p50.toFixed(0)}, inference p50 ${infer?.p50.toFixed(0)} ms`,
          `dark after the closing, hold ${HOLD_SECONDS * 1000} ms: ${distribution(darkAfter)}`,
          `${health.fps.toFixed(1)} of ${RIG_RUN.rate} frames judged a second, drops ${JSON.stringify(health.drops.camera)}`,
          `stills ${told.length} of ${opened.length}`,
          chosen.slice(0, 110),
        ].join('; ');
        expect(Math.min(...latencies)).toBeGreaterThanOrEqual(-CLOCKS_APART_MS);
      });
    await withLoopbacks([9], playing);
  }, 3_600_000);
}

test('the pilot keeps his video: the camera teed to two nodes, the daemon on one of them, another reader on the other', async ({
  task,
}) => {
  const recording = '/tmp/pilot.mjpeg';
  rmSync(recording, { force: true });
  const teeing = () =>
    play(async (scene) => {
      const { surface } = scene;
      const before = cracks(surface, 'opened', 0).length;
      for (const number of [9, 11]) keepFormat(number);
      await using camera = playRun('/dev/video20', 'mjpeg', 50);
      // The command of docs/operations.md.
      const once = (path: string): string[] => ['-map', '0:v', '-c:v', 'copy', '-f', 'v4l2', path];
      const tee = ['-f', 'v4l2', '-input_format', 'mjpeg', '-i', '/dev/video20'];
      // As the unit with Restart=always: the camera may not send yet.
      await using first = new KeptFfmpeg([...tee, ...once('/dev/video9'), ...once('/dev/video11')]);
      await scene
        .until('the daemon sees the run', () => cracks(surface, 'opened', before).length > 0)
        .catch((error: unknown) => {
          throw new Error(`the tee: ${first.complaints}; the camera: ${camera.complaints}`, { cause: error });
        });
      const read = ['-f', 'v4l2', '-input_format', 'mjpeg', '-i', '/dev/video11', '-c:v', 'copy'];
      const images = (): number =>
        existsSync(recording)
          ? readFileSync(recording).toString('latin1').split('\xff\xd8\xff').length - 1
          : 0;
      {
        await using pilot = new Ffmpeg([...read, '-f', 'mjpeg', '-y', recording]);
        await scene.until(`the other reader gets images (${pilot.complaints})`, () => images() > 5);
        const seen = cracks(surface, 'opened', before).length;
        await scene.until('the daemon goes on', () => cracks(surface, 'opened', before).length > seen);
      }
      // Who reads the other node comes and goes without the daemon's notice.
      expect(surface.last('status/camera')?.condition).toBe('ok');
      const told = scene.told;
      await first[Symbol.asyncDispose]();
      const reason = await scene.untilCamera('recovering', /(?:)/, told);
      await using second = new KeptFfmpeg([...tee, ...once('/dev/video9'), ...once('/dev/video11')]);
      await scene.untilCamera('ok', /(?:)/, told + 1).catch((error: unknown) => {
        throw new Error(`the tee: ${second.complaints}; the camera: ${camera.complaints}`, { cause: error });
      });
      task.meta.figures = `the pilot's reader got ${images()} images while the daemon found ${cracks(surface, 'opened', before).length} cracks; with the tee gone: ${reason}; back with the tee ${second.complaints}`;
    });
  await withLoopbacks([9, 11, 20], teeing);
}, 1_800_000);

test('asked on the board, the lamp blinks on its real line, and the page before the dive believes who saw it', async ({
  task,
}) => {
  await play(async (scene) => {
    await scene.until('the daemon is up', () => scene.surface.last('health') !== null);
    await using witness = await Witness.begin();
    const { configFile } = scene.daemon;
    const lamp = await specta(['light', 'test', '--config', configFile, '--seconds', '3', '--json']);
    expect(lamp).toMatchObject({ status: 0, stderr: '' });
    await scene.until('it blinks', () => witness.rises.length > 2);
    const blinks = witness.rises.length;
    // Nobody is there to be asked, and the clock is set by nobody: the page stays red, and is printed whole.
    const lampItem = async (...words: string[]): Promise<PrediveItem | undefined> => {
      const page = await specta(['predive', '--config', configFile, '--json', ...words]);
      expect(page, page.stderr).toMatchObject({ stderr: '', stdout: expect.stringMatching(/^\{/) });
      const { items }: { items: PrediveItem[] } = JSON.parse(page.stdout);
      task.meta.figures = `${blinks} rises; ${items.map(({ item, state, found }) => `${item} ${state}: ${found}`).join(' | ')}`;
      return items.find(({ item }) => item === 'lamp');
    };
    expect(await lampItem()).toMatchObject({ state: 'red' });
    expect(await lampItem('--yes', 'lamp')).toMatchObject({
      state: 'green',
      found: expect.stringContaining('RELAY'),
    });
    await scene.until('it blinks again', () => witness.rises.length > blinks);
  });
}, 600_000);

test('stopped, it tells the surface and leaves the line dark', async () => {
  await play(async (scene) => {
    const { surface, daemon } = scene;
    const { code } = await daemon.stop();
    expect(code).toBe(0);
    expect(isDriven()).toBe(false);
    await scene.until('state', () => surface.last('state')?.state === 'stopped');
  });
});
