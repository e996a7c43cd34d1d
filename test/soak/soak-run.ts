import { mkdir, stat, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DATABASE_FILE } from '../../src/record/open-record.ts';
import { Dice } from '../faults/dice.ts';
import { quietPort } from '../fixtures/mosquitto.ts';
import { configured } from '../scenarios/flashing.ts';
import { Stage } from '../scenarios/stage.ts';
import { type Books, balance } from './books.ts';
import { Figures, type FigureTrend } from './figures.ts';
import { writeFilm } from './film-list.ts';
import type { Progress } from './letters.ts';
import { PersistentListener } from './listener.ts';
import { mountSmallDisk } from './small-disk.ts';
import { FRAMES_EACH, RestartingBroker, TROUBLES, type Trouble, Troubles } from './troubles.ts';
import { VehicleProcess } from './vehicle-process.ts';

export interface SoakPlan {
  readonly frames: number;
  readonly seed: number;
  /** Another bundle than the tiny one, and a film that it can judge; then no models are swapped. */
  readonly real?: { readonly bundle: string; readonly film: string };
  /** Told every few seconds. */
  readonly onProgress?: (progress: SoakProgress) => void;
}

export interface SoakProgress {
  readonly frames: number;
  readonly seconds: number;
  readonly simulatedSeconds: number;
  readonly findings: number;
  readonly committed: number;
  readonly heard: number;
  readonly rssBytes: number;
  readonly descriptors: number;
  readonly troubles: readonly Trouble[];
}

export interface SoakResult extends Books {
  readonly frames: number;
  readonly seed: number;
  readonly seconds: number;
  readonly simulatedSeconds: number;
  /** What went wrong or was done, by kind, and what it came to. */
  readonly troubles: Readonly<Record<string, number>>;
  /** What the vehicle gave up, by part and reason, as its health tells. */
  readonly drops: Progress['drops'];
  readonly trends: readonly FigureTrend[];
  readonly rising: readonly string[];
}

/** The vehicle's own disk: room for the record of a million frames, 32 MiB of reserve and 4 MiB of stills. */
const DISK_BYTES = 256 * 1_048_576;
const FILM_FRAMES = 3_000;
const SAMPLES = 640;
const TELL_MS = 5_000;
const FILLER = 'filler';
/** The vehicle tells its health each 5 s of its own time: what it gave up is known behind the second. */
const SETTLE_SECONDS = 11;

const SETTINGS = {
  // As fast as frames are taken, so that none is superseded and each can be accounted for.
  inspection: { offDelaySeconds: 0.8, mergeGapSeconds: 0, minimumDetections: 2 },
  light: { lampTestSeconds: 1, holdSeconds: 2, faultAfterSeconds: 3 },
  record: { maxStillsMegabytes: 4 },
  log: { level: 'info' },
} as const;

/**
 * Runs the daemon, over real files, a real SQLite and a real Mosquitto, for `frames` frames on a clock that goes on with
 * the frames, while everything around it fails and comes back; then holds its record against what was heard above water.
 */
export async function soakRun(plan: SoakPlan): Promise<SoakResult> {
  const dice = new Dice(plan.seed);
  await using stage = await Stage.set(plan.real?.bundle);
  const disk = await mountSmallDisk(stage.stateFolder, DISK_BYTES);
  let vehicle: VehicleProcess | null = null;
  const store = join(stage.folder, 'sessions');
  await mkdir(store);
  const broker = new RestartingBroker(await quietPort(), store);
  const listener = new PersistentListener(broker.url, 'specta/+/alerts');
  try {
    const film = await filmFor(plan, stage.folder, dice);
    const settings = {
      ...SETTINGS,
      camera: { uri: `replay:${film.uri}`, loop: true },
      surface: { broker: broker.url },
    };
    await broker.up();
    await listener.come();
    const configuration = plan.real ? await stage.configure(settings) : await withModels(stage, settings);
    vehicle = new VehicleProcess(configuration, join(stage.folder, 'vehicle.log'));
    const troubles = new Troubles({
      vehicle,
      broker,
      listener,
      dice,
      pictures: film.pictures,
      filler: disk === null ? null : join(stage.stateFolder, FILLER),
      models: MODELS,
    });
    return await soak(plan, { vehicle, troubles, listener, dice, stateFolder: stage.stateFolder, disk });
  } catch (error) {
    if (error instanceof Error) error.message += `\n\nthe vehicle's log:\n${await vehicle?.logEnd()}`;
    throw error;
  } finally {
    await vehicle?.kill();
    await listener.leave();
    broker.signal('SIGCONT');
    await broker.down();
    await disk?.release();
  }
}

const MODELS = { good: '0.1.0', wrong: '0.3.0' } as const;

/** What the camera plays, and the folder without which it sees nothing; one that was given is not touched. */
async function filmFor(
  { real }: SoakPlan,
  folder: string,
  dice: Dice,
): Promise<{ readonly uri: string; readonly pictures: string }> {
  if (!real) {
    const { list, pictures } = await writeFilm(join(folder, 'film'), FILM_FRAMES, dice);
    return { uri: list, pictures };
  }
  const link = join(folder, 'film');
  await symlink(resolve(real.film), link);
  return { uri: link, pictures: link };
}

/** Puts both models on board; gives the configuration's file. */
async function withModels(stage: Stage, settings: Parameters<typeof configured>[1]): Promise<string> {
  const { file, store, ashore } = await configured(stage, settings);
  await store.install(await ashore.pack('good', MODELS.good));
  await store.install(await ashore.pack('wrong', MODELS.wrong));
  return file;
}

interface Soaked {
  readonly vehicle: VehicleProcess;
  readonly troubles: Troubles;
  readonly listener: PersistentListener;
  readonly dice: Dice;
  readonly stateFolder: string;
  readonly disk: object | null;
}

async function soak(
  plan: SoakPlan,
  { vehicle, troubles, listener, dice, stateFolder, disk }: Soaked,
): Promise<SoakResult> {
  const begin = performance.now();
  const seconds = (): number => (performance.now() - begin) / 1000;
  const kinds = TROUBLES.filter(
    (trouble) => !(trouble === 'disk-full' && disk === null) && !(trouble === 'model-swap' && plan.real),
  );
  const schedule = scheduleOf(plan.frames, kinds, dice);
  const figures = new Figures();
  await vehicle.until('it sees', ({ frames }) => frames > 0);
  let told = 0;
  let sampled = 0;
  for (;;) {
    const now = await vehicle.until('frames come', ({ frames }) => frames >= Math.min(sampled, plan.frames));
    if (now.frames >= plan.frames) break;
    while (schedule[0] !== undefined && schedule[0].at <= now.frames) {
      const { trouble } = schedule.shift() ?? schedule[0];
      troubles.begin(trouble);
    }
    troubles.check();
    const { size } = await stat(vehicle.logFile);
    await figures.take(vehicle.pid, now, stateFolder, FILLER, size);
    await vehicle.rotateLog();
    sampled = now.frames + plan.frames / SAMPLES;
    if (performance.now() - told > TELL_MS) {
      told = performance.now();
      const { frames, findings, committed, monoMs } = now;
      plan.onProgress?.({
        ...{ frames, findings, committed },
        seconds: seconds(),
        simulatedSeconds: monoMs / 1000,
        heard: listener.heard.size,
        ...figures.newest,
        troubles: troubles.names,
      });
    }
  }
  await troubles.over();
  // What is open closes, and nothing opens any more.
  const { status } = await vehicle.ask('run/stop');
  if (status !== 'ok') throw new Error('the run could not be ended');
  await vehicle.until(
    'everything is committed and sent',
    ({ uncommitted, alertsWaiting }) => uncommitted === 0 && alertsWaiting === 0,
  );
  await vehicle.pass(SETTLE_SECONDS);
  const end = vehicle.progress;
  await vehicle.stop();
  if (end === null) throw new Error('the vehicle never told anything');
  const books = balance(join(stateFolder, 'record', DATABASE_FILE), listener);
  const trends = figures.trends(plan.frames);
  return {
    ...books,
    frames: end.frames,
    seed: plan.seed,
    seconds: seconds(),
    simulatedSeconds: end.monoMs / 1000,
    troubles: { ...Object.fromEntries(troubles.counts), 'log rotated': vehicle.rotations },
    drops: end.drops,
    trends,
    rising: trends.filter(({ rising }) => rising).map(({ figure }) => figure),
    faults: [...books.faults, ...unaccounted(end), ...(listener.forgotten > 0 ? [FORGOTTEN] : [])],
  };
}

const FORGOTTEN = 'the broker forgot the session of the listener: the count says nothing';

/** Each frame that the camera gave was judged, or given up and counted. */
function unaccounted({ delivered, frames, drops }: Progress): string[] {
  const counted = Object.values(drops.frameLoop ?? {}).reduce((sum, count) => sum + count, 0);
  // Frames in flight: judged, and taken before the last letter.
  const missing = delivered - frames - counted;
  if (missing >= 0 && missing <= 3) return [];
  return [`${missing} frames of ${delivered} are neither judged nor counted as given up`];
}

/** When each trouble begins, frames; each kind at least once, at random moments of its share of the run. */
function scheduleOf(
  frames: number,
  kinds: readonly Trouble[],
  dice: Dice,
): { readonly at: number; readonly trouble: Trouble }[] {
  return kinds
    .flatMap((trouble) => {
      const times = Math.max(1, Math.round(frames / FRAMES_EACH[trouble]));
      const each = (frames * 0.96) / times;
      return Array.from({ length: times }, (_, number) => ({
        trouble,
        at: frames * 0.02 + each * (number + dice.between(0, 0.8)),
      }));
    })
    .toSorted((a, b) => a.at - b.at);
}
