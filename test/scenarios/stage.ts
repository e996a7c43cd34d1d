import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mosquitto, type MosquittoOptions, startMosquitto } from '../fixtures/mosquitto.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import { DaemonProcess } from './daemon-process.ts';
import { type Shot, shootFilm } from './film.ts';
import { LiveCamera, type Sight } from './live-camera.ts';
import { Surface, type SurfaceOptions } from './surface.ts';
import { type Seen, until } from './until.ts';

/** Sections of a configuration; what is not said is as `BASE` says, and then SPECTA's default. */
export type Settings = Readonly<Record<string, unknown>>;

/** Short times, so that a scenario takes seconds; longer than a busy machine may hold up frames. */
const BASE: Readonly<Record<string, Settings>> = {
  inspection: { minimumDetections: 2, openWindowSeconds: 5, offDelaySeconds: 0.8, mergeGapSeconds: 0.4 },
  light: { lampTestSeconds: 0.2, holdSeconds: 0.5, faultAfterSeconds: 0.5 },
  surface: { detectionsPerSecond: 20, unheardRetrySeconds: 0.3 },
  camera: { stallSeconds: 1 },
};

/** A broker that hands on at once whatever it acknowledges, so that a kill takes nothing with it. */
export const HANDS_ON: MosquittoOptions = {
  configuration: ['max_inflight_messages 0', 'max_queued_messages 0'],
};

/** Everything a scenario plays with: one vehicle's folder, daemons, brokers, people above water. */
export class Stage implements AsyncDisposable {
  readonly folder: string;
  readonly stateFolder: string;
  readonly daemons: DaemonProcess[] = [];
  readonly surfaces: Surface[] = [];
  private readonly bundleFolder: string;
  private readonly brokers: Mosquitto[] = [];
  private files = 0;

  private constructor(folder: string, bundleFolder: string) {
    this.folder = folder;
    this.stateFolder = join(folder, 'state');
    this.bundleFolder = bundleFolder;
  }

  /** @param bundleFolder the bundle that serves; default: the tiny one, made here */
  static async set(bundleFolder?: string): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), 'specta-scenario-'));
    const stage = new Stage(folder, bundleFolder ?? join(folder, 'tiny'));
    if (bundleFolder === undefined) await makeTinyBundle(stage.bundleFolder);
    return stage;
  }

  film(shots: readonly Shot[]): Promise<string> {
    this.files += 1;
    return shootFilm(join(this.folder, `film-${this.files}`), shots);
  }

  /** @param camera `heeds` false: its process ends only on SIGKILL */
  liveCamera(first: Sight, camera: { readonly heeds: boolean } = { heeds: true }): Promise<LiveCamera> {
    this.files += 1;
    return LiveCamera.in(join(this.folder, `live-${this.files}`), first, camera.heeds);
  }

  async broker(options: MosquittoOptions = HANDS_ON): Promise<Mosquitto> {
    const broker = await startMosquitto({ ...HANDS_ON, ...options });
    this.brokers.push(broker);
    return broker;
  }

  /** Somebody above water, who has subscribed when this resolves. */
  async surface(url: string, options?: SurfaceOptions): Promise<Surface> {
    const surface = new Surface(url, options);
    this.surfaces.push(surface);
    while (surface.subscribed === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    return surface;
  }

  /** Writes a configuration: `BASE`, then what is given, section by section. */
  async configure(settings: Readonly<Record<string, Settings | string>>): Promise<string> {
    this.files += 1;
    const file = join(this.folder, `config-${this.files}.yaml`);
    const config: Record<string, unknown> = {
      vehicle: 'rov-1',
      stateFolder: this.stateFolder,
      model: { bundle: this.bundleFolder },
      engine: { threads: 1 },
    };
    for (const [name, section] of [...Object.entries(BASE), ...Object.entries(settings)]) {
      const before = config[name];
      config[name] =
        typeof section === 'object' && typeof before === 'object' ? { ...before, ...section } : section;
    }
    await writeFile(file, JSON.stringify(config, null, 2));
    return file;
  }

  /** Starts the daemon with these settings. */
  async daemon(settings: Readonly<Record<string, Settings | string>>): Promise<DaemonProcess> {
    return this.launch(await this.configure(settings));
  }

  /** Waits as `until` does; a daemon that ended by itself ends the waiting. */
  until<T>(what: string, seen: Seen<T>, ms?: number): Promise<T> {
    const alive: Seen<T> = () => {
      const lost = this.daemons.find((daemon) => daemon.endedByItself);
      if (lost) throw new Error(`a daemon ended while waiting for: ${what}`);
      return seen();
    };
    return until(what, alive, ms);
  }

  launch(configFile: string): DaemonProcess {
    const daemon = new DaemonProcess(configFile);
    this.daemons.push(daemon);
    return daemon;
  }

  /** A daemon that is dead and no longer of interest. */
  forget(daemon: DaemonProcess): void {
    this.daemons.splice(this.daemons.indexOf(daemon), 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.daemons.map((daemon) => daemon.kill()));
    await Promise.all(this.surfaces.map((surface) => surface.leave()));
    await Promise.all(this.brokers.map((broker) => broker.kill()));
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Plays a scenario and clears up after it. What fails tells the ends of the daemons' logs as well. */
export async function onStage(play: (stage: Stage) => Promise<void>): Promise<void> {
  await using stage = await Stage.set();
  await playOn(stage, play);
}

/** Plays on a stage that somebody else clears up. What fails tells the ends of the daemons' logs as well. */
export async function playOn(stage: Stage, play: (stage: Stage) => Promise<void>): Promise<void> {
  try {
    await play(stage);
    const breaches = stage.surfaces.flatMap((surface) => surface.breaches);
    if (breaches.length > 0) throw new Error(`messages that break the contract:\n${breaches.join('\n')}`);
  } catch (error) {
    const logs = stage.daemons.map(
      ({ output, ending }, index) =>
        `daemon ${index + 1} (${ending ? `ended with ${ending.code ?? ending.signal}` : 'running'}):\n${output.slice(-4_000)}`,
    );
    const heard = stage.surfaces.map(({ summary }, index) => `surface ${index + 1} heard:\n${summary}`);
    if (error instanceof Error) error.message += `\n\n${[...logs, ...heard].join('\n\n')}`;
    throw error;
  }
}
