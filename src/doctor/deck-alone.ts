import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { openCamera } from '../camera/open-camera.ts';
import type { Config } from '../daemon/config.ts';
import { drawSnapshot } from '../daemon/control/snapshot.ts';
import type { ServingModel } from '../daemon/model-to-serve.ts';
import { cameraOptions, engineOptions, lightPolicy, lineConfig } from '../daemon/part-options.ts';
import { openLine } from '../light/gpio/open-line.ts';
import { createLight, type Light } from '../light/light.ts';
import { startBoot } from '../platform/boot.ts';
import { systemClock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';
import { silentLog } from '../platform/log.ts';
import { DATABASE_FILE } from '../record/open-record.ts';
import { startVision } from '../vision/vision.ts';
import { brokerCheck } from './broker-check.ts';
import type { DaemonSight } from './daemon-sight.ts';
import { type LampTest, type LookedAt, seen } from './deck.ts';
import { nearestFolder } from './disk-check.ts';
import { lastExport } from './last-export.ts';
import type { DeckFacts } from './predive.ts';

const FRAME_WITHIN_MS = 10_000;
const HELD_BACK = {
  error: 'not looked at: a daemon that does not answer may have it',
  help: 'Mend what is said of the daemon above, then look again.',
} as const;

/**
 * Looks at everything without a daemon: takes camera and engine for one frame. `silent`: leaves both alone.
 *
 * @param serving opens the model that would serve
 */
export async function lookAlone(
  config: Config,
  daemon: Exclude<DaemonSight, { kind: 'answers' }>,
  serving: () => Promise<ServingModel>,
  signal: AbortSignal,
): Promise<LookedAt> {
  const { utcMs } = systemClock.now();
  const clock = {
    at: new Date(utcMs).toISOString(),
    clockQuality: startBoot({ clock: systemClock }).clockQuality(),
  };
  const judged: Judged =
    daemon.kind === 'silent'
      ? { sight: HELD_BACK, model: HELD_BACK, picture: null }
      : await judgeOneFrame(config, serving, signal);
  signal.throwIfAborted();
  const [link, disk] = [await tryBroker(config, signal), await seen(() => diskOf(config.stateFolder))];
  return {
    daemon,
    ...judged,
    clock,
    disk,
    link,
    backup: {
      exportedAt: lastExport(config.stateFolder),
      newestFindingAt: hasRecord(config.stateFolder) ? 'unknown' : null,
      folder: config.stateFolder,
    },
    nowUtcMs: utcMs,
  };
}

type Judged = Pick<LookedAt, 'sight' | 'model' | 'picture'>;

async function judgeOneFrame(
  config: Config,
  serving: () => Promise<ServingModel>,
  signal: AbortSignal,
): Promise<Judged> {
  let model: Judged['model'] = HELD_BACK;
  let picture: Uint8Array | null = null;
  const sight = await seen(async () => {
    const { bundle, signature, passedOver = null } = await serving();
    const vision = await startVision({ bundle, ...engineOptions(config), stills: true, signal });
    try {
      const { name, version, engine, provider } = vision.model;
      const { createdAt } = bundle.manifest;
      model = { value: { name, version, engine, provider, createdAt, signature, passedOver } };
      await using camera = openCamera(cameraOptions(config), { clock: systemClock, log: silentLog() });
      await camera.start();
      const given = await camera
        .next(AbortSignal.any([signal, AbortSignal.timeout(FRAME_WITHIN_MS)]))
        // Too late, or stopped: what the camera says of itself is the better reason.
        .catch(() => null);
      if (given === null) {
        const why = camera.state.kind === 'recovering' ? camera.state.reason : 'it gave no picture';
        return { missing: `${camera.uri}: ${why}` };
      }
      const { verdict, frame } = await vision.judge(given);
      picture = (await drawSnapshot(frame)).bytes;
      const { label, blind, probabilities, quality } = verdict;
      return {
        label,
        blind,
        probabilities,
        quality,
        ageSeconds: 0,
        source: frame.source,
        mode: camera.mode ?? camera.uri,
      };
    } finally {
      await vision.close();
    }
  });
  if ('error' in sight) return { sight, model: 'value' in model ? model : sight, picture };
  if ('missing' in sight.value) {
    const help = 'Check cable, power and camera.uri; specta doctor --config FILE lists the cameras.';
    return { sight: { error: sight.value.missing, help }, model, picture };
  }
  return { sight: { value: sight.value }, model, picture };
}

async function tryBroker(config: Config, signal: AbortSignal): Promise<DeckFacts['link']> {
  const looked = await seen(() => brokerCheck({ ...config.surface, vehicle: config.vehicle }).look(signal));
  if ('error' in looked) return looked;
  const [result] = looked.value;
  if (result?.health === 'good') return { value: result.found };
  return { error: result?.found ?? 'not looked at', help: result?.todo ?? 'Look again.' };
}

async function diskOf(
  folder: string,
): Promise<NonNullable<Extract<DeckFacts['disk'], { value: unknown }>['value']>> {
  const { bavail, bsize } = await statfs(await nearestFolder(folder));
  return { folder, freeBytes: bavail * bsize, fillsBytesPerHour: null, measuredSeconds: 0 };
}

/** The lamp without a daemon: takes the line, and gives it back at its safe level in the end. */
export function lampAlone(config: Config, daemon: DaemonSight): LampTest {
  let light: Light | null = null;
  const { kind } = config.light.line;
  return {
    blink: async (seconds) => {
      if (daemon.kind === 'silent') return HELD_BACK;
      return seen(async () => {
        const line = openLine(lineConfig(config));
        light ??= createLight(line, { ...lightPolicy(config), idle: 'off' }, systemClock);
        light.start();
        light.test(seconds);
        const { condition, reason } = light.status;
        if (condition !== 'ok') {
          throw new SpectaError(
            'LIGHT_FAILED',
            reason ?? `${line.description} cannot be taken.`,
            'specta doctor --config FILE lists the GPIO chips, and the line of this board.',
          );
        }
        return { kind, line: line.description };
      });
    },
    [Symbol.asyncDispose]: async () => light?.stop(),
  };
}

/** Whether a state folder has a record at all. */
function hasRecord(stateFolder: string): boolean {
  return existsSync(join(stateFolder, 'record', DATABASE_FILE));
}
