import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';
import type { StatusMessage } from '../../src/surface/messages/status.ts';
import type { DaemonProcess } from '../scenarios/daemon-process.ts';
import { playOn, type Settings, Stage } from '../scenarios/stage.ts';
import type { Surface } from '../scenarios/surface.ts';
import type { Seen } from '../scenarios/until.ts';
import { PREPARED } from './run-of-rig.ts';

/** Minutes: everything is emulated, and other work may go on around it. */
export const PATIENCE_MS = 300_000;

/** All but the live detections, which would only be many. */
const TOPICS = ['state', 'status/+', 'health', 'run', 'light', 'model', 'alerts'].map(
  (name) => `specta/+/${name}`,
);

/** One daemon for the tests of a file, with a Mosquitto and somebody above water: to start it costs a minute there. */
export class Scene implements AsyncDisposable {
  readonly stage: Stage;
  readonly surface: Surface;
  readonly daemon: DaemonProcess;
  private readonly broker: string;

  private constructor(stage: Stage, surface: Surface, daemon: DaemonProcess, broker: string) {
    this.stage = stage;
    this.surface = surface;
    this.daemon = daemon;
    this.broker = broker;
  }

  static async set(settings: Readonly<Record<string, Settings>>): Promise<Scene> {
    if (!existsSync(PREPARED.bundle)) {
      throw new Error('no bundle was prepared: start the rig by npm run test:rig');
    }
    const stage = await Stage.set(PREPARED.bundle);
    const { url } = await stage.broker();
    const surface = await stage.surface(url, { filters: TOPICS });
    const { surface: link, ...others } = settings;
    const daemon = await stage.daemon({ ...others, surface: { ...link, broker: url } });
    return new Scene(stage, surface, daemon, url);
  }

  /** Waits, patiently. */
  until<T>(what: string, seen: Seen<T>, ms = PATIENCE_MS): Promise<T> {
    return this.stage.until(what, seen, ms);
  }

  /** How often `status/camera` has spoken so far. */
  get told(): number {
    return this.surface.raw('status/camera').length;
  }

  /** What `status/camera` has said, from its `from`th message on. */
  statuses(from = 0): StatusMessage[] {
    return this.surface.all('status/camera').slice(from);
  }

  /** Waits until `status/camera` has said so in its `from`th message or a later one; gives the reason. */
  untilCamera(condition: StatusMessage['condition'], reason = /(?:)/, from = 0): Promise<string> {
    return this.until(`status/camera is ${condition}, ${reason}`, () => {
      const found = this.statuses(from).find(
        (status) => status.condition === condition && reason.test(status.reason ?? ''),
      );
      return found && (found.reason ?? condition);
    });
  }

  /** Waits until the newest thing that `status/camera` said is that all is well. */
  async untilWell(): Promise<void> {
    await this.until('status/camera is ok', () => this.surface.last('status/camera')?.condition === 'ok');
  }

  /** What somebody who comes now is told of the camera: the broker's retained message. */
  async retained(): Promise<StatusMessage> {
    const late = await this.stage.surface(this.broker, { filters: ['specta/+/status/camera'] });
    try {
      await this.until('a retained status/camera', () => late.raw('status/camera').length > 0);
      const [first] = late.raw('status/camera');
      if (!first.retained) throw new Error('status/camera is not retained');
      return late.all('status/camera')[0];
    } finally {
      this.stage.surfaces.splice(this.stage.surfaces.indexOf(late), 1);
      await late.leave();
    }
  }

  /**
   * Waits until the daemon holds no more than `before`, and one camera. What it holds for a moment, such as the file of
   * a picture that is being written, is not what it leaks.
   */
  async untilHolding(before: Held): Promise<Held> {
    let held = heldBy(this.daemon.pid);
    await this.until(
      `the daemon holds no more than ${JSON.stringify(before)}`,
      () => {
        held = heldBy(this.daemon.pid);
        return (
          held.nodes === 1 && held.mappings === before.mappings && held.descriptors <= before.descriptors
        );
      },
      60_000,
    ).catch((error: unknown) => {
      throw new Error(`it holds ${JSON.stringify(held)}`, { cause: error });
    });
    return held;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stage[Symbol.asyncDispose]();
  }
}

/** To be called once in a file. What `play` fails with tells the end of the daemon's log. */
export function sceneOf(settings: Readonly<Record<string, Settings>>): {
  readonly play: (play: (scene: Scene) => Promise<void>) => Promise<void>;
} {
  let scene: Scene | null = null;
  beforeAll(async () => {
    scene = await Scene.set(settings);
  }, PATIENCE_MS);
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
  });
  return {
    play: async (play) => {
      const made = scene;
      if (made === null) throw new Error('the daemon was never started');
      await playOn(made.stage, () => play(made));
    },
  };
}

/** What another process holds. */
export interface Held {
  readonly nodes: number;
  readonly mappings: number;
  readonly descriptors: number;
  /** Resident memory, MiB. */
  readonly memory: number;
}

/** Open video nodes, mappings of them, all descriptors and the memory of process `pid`. */
export function heldBy(pid: number): Held {
  const descriptors = readdirSync(`/proc/${pid}/fd`);
  const target = (name: string): string => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`);
    } catch {
      // It closed between the listing and the look.
      return '';
    }
  };
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return {
    nodes: descriptors.filter((name) => target(name).startsWith('/dev/video')).length,
    mappings: maps.filter((line) => line.includes('/dev/video')).length,
    descriptors: descriptors.length,
    memory: Math.round(Number(resident?.[1]) / 1024),
  };
}
