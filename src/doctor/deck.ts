import { statfs } from 'node:fs/promises';
import { openCamera } from '../camera/open-camera.ts';
import type { Config } from '../daemon/config.ts';
import { askDaemon } from '../daemon/control/ask-daemon.ts';
import { drawSnapshot } from '../daemon/control/snapshot.ts';
import { cameraOptions, engineOptions, lightPolicy, lineConfig } from '../daemon/part-options.ts';
import { openLine } from '../light/gpio/open-line.ts';
import { createLight, type Light } from '../light/light.ts';
import { resolveBundle } from '../model/bundle.ts';
import { startBoot } from '../platform/boot.ts';
import { systemClock } from '../platform/clock.ts';
import { asSpectaError, SpectaError } from '../platform/errors.ts';
import { silentLog } from '../platform/log.ts';
import { startVision } from '../vision/vision.ts';
import { brokerCheck } from './broker-check.ts';
import type { DaemonSight } from './daemon-sight.ts';
import { nearestFolder } from './disk-check.ts';
import { hasRecord, lastExport } from './last-export.ts';
import type { DeckFacts, Seen } from './predive.ts';

/** What is looked at without a person. */
export type LookedAt = Omit<DeckFacts, 'lamp' | 'spoken' | 'diveHours'> & {
  /** The picture that was judged, as a file; null without one. */
  readonly picture: Uint8Array | null;
};

/** The lamp, for as long as it is looked at. */
export interface LampTest extends AsyncDisposable {
  /** Begins to blink for so many seconds. */
  blink(seconds: number): Promise<DeckFacts['lamp']>;
}

const FRAME_WITHIN_MS = 10_000;
const HELD_BACK = {
  error: 'not looked at: a daemon that does not answer may have it',
  help: 'Mend what is said of the daemon above, then look again.',
} as const;

async function seen<T>(look: () => Promise<T>): Promise<Seen<T>> {
  try {
    return { value: await look() };
  } catch (error) {
    const { message, help } = asSpectaError(error);
    return { error: message, help };
  }
}

/** Looks at everything through the daemon. */
export async function lookThroughDaemon(
  daemon: Extract<DaemonSight, { kind: 'answers' }>,
  signal: AbortSignal,
): Promise<LookedAt> {
  const { facts, socket } = daemon;
  const taken = await seen(() => askDaemon(socket, 'snapshot', {}, signal));
  signal.throwIfAborted();
  const { model, engine, disk, link, record } = facts;
  const status = (part: string) => facts.parts.find((told) => told.part === part);
  const excuse = (part: string): string => status(part)?.reason ?? 'it is still being started';
  const folder = record?.folder ?? '';
  return {
    daemon,
    picture: 'value' in taken ? Buffer.from(taken.value.image, 'base64') : null,
    sight:
      'value' in taken
        ? { value: { ...taken.value.sight, mode: facts.camera.mode ?? facts.camera.uri } }
        : { error: `${taken.error} Camera: ${excuse('camera')}`, help: taken.help },
    model:
      engine === null
        ? {
            error: `no engine runs: ${excuse('engine')}`,
            help: 'specta doctor --config FILE says what to do.',
          }
        : { value: { ...model, engine: engine.kind, provider: engine.provider } },
    clock: facts,
    disk:
      disk === null
        ? { error: 'the daemon has not measured its disk yet', help: 'Look again in a minute.' }
        : { value: disk },
    link:
      status('link')?.condition === 'ok' && link !== null
        ? { value: `${link.broker}${link.protocol === null ? '' : `, MQTT ${link.protocol}`}` }
        : {
            error: excuse('link'),
            help: 'Alerts wait on board until the vessel answers: check tether, network and broker.',
          },
    backup: { exportedAt: lastExport(folder), newestFindingAt: record?.newestFindingAt ?? null, folder },
    nowUtcMs: Date.parse(facts.at),
  };
}

/** Looks at everything without a daemon: takes camera and engine for one frame. `silent`: leaves both alone. */
export async function lookAlone(
  config: Config,
  daemon: Exclude<DaemonSight, { kind: 'answers' }>,
  models: string,
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
      : await judgeOneFrame(config, models, signal);
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

async function judgeOneFrame(config: Config, models: string, signal: AbortSignal): Promise<Judged> {
  let model: Judged['model'] = HELD_BACK;
  let picture: Uint8Array | null = null;
  const sight = await seen(async () => {
    const bundle = await resolveBundle(config.model.bundle, config.modelsFolder ?? models);
    const vision = await startVision({ bundle, ...engineOptions(config), stills: true, signal });
    try {
      const { name, version, engine, provider } = vision.model;
      model = { value: { name, version, engine, provider, createdAt: bundle.manifest.createdAt } };
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

/** The lamp through the daemon that holds its line. */
export function lampOfDaemon({ socket }: { readonly socket: string }, signal: AbortSignal): LampTest {
  return {
    blink: async (seconds) => {
      const asked = await seen(() => askDaemon(socket, 'light/test', { seconds }, signal));
      if ('error' in asked) return asked;
      const { light } = asked.value;
      if (light.held || light.kind === 'simulated') return { value: light };
      return {
        error: `${light.line} is not held by the daemon`,
        help: 'specta status says why; specta doctor what to do.',
      };
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
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
