import { createHash } from 'node:crypto';
import type { Progress } from './letters.ts';
import { type ProcessSample, sampleDisk, sampleProcess } from './process-sample.ts';
import { type Flatness, isRising, type Point, type Trend, trendOf } from './slope.ts';

/** A figure that must stay flat, or that is only shown. */
interface Figure {
  readonly name: string;
  readonly unit: string;
  /** null: shown only, for the reason in `note`. */
  readonly flat: Flatness | null;
  readonly note?: string;
}

const MIB = 1_048_576;
const SHARED = "shown only: it is the machine's other work as much as ours";

const FIGURES = {
  rss: { name: 'resident memory', unit: 'MiB', flat: { least: 8, leastShare: 0.04 } },
  heap: { name: 'heap', unit: 'MiB', flat: { least: 6, leastShare: 0.1 } },
  offHeap: { name: 'buffers outside the heap', unit: 'MiB', flat: { least: 4, leastShare: 0.1 } },
  descriptors: { name: 'descriptors', unit: '', flat: { least: 2, leastShare: 0.05 } },
  threads: { name: 'threads', unit: '', flat: { least: 1, leastShare: 0.05 } },
  timers: { name: 'timers that wait', unit: '', flat: { least: 3, leastShare: 0.1 } },
  resources: { name: 'resources of the event loop', unit: '', flat: { least: 3, leastShare: 0.1 } },
  stills: { name: 'disk: stills', unit: 'MiB', flat: { least: 0.5, leastShare: 0.1 } },
  databaseLog: { name: "disk: the database's log", unit: 'MiB', flat: { least: 1, leastShare: 0.1 } },
  rest: { name: 'disk: models, trials, slots', unit: 'MiB', flat: { least: 1, leastShare: 0.1 } },
  log: { name: 'disk: log, rotated at 1 MiB', unit: 'MiB', flat: { least: 1, leastShare: 0.1 } },
  perFinding: { name: 'disk: database, for each finding', unit: 'KiB', flat: { least: 1, leastShare: 0.15 } },
  database: {
    name: 'disk: database',
    unit: 'MiB',
    flat: null,
    note: 'shown only: findings are kept for good; what each takes is judged above',
  },
  work: { name: 'CPU a frame, against fixed work', unit: '', flat: { least: 0, leastShare: 0.1 } },
  cpu: { name: 'CPU a frame', unit: 'ms', flat: null, note: SHARED },
  verdict: { name: 'decode + preprocess + infer', unit: 'ms', flat: null, note: SHARED },
  findings: {
    name: 'findings in 1,000 frames',
    unit: '',
    flat: null,
    note: 'shown only: outages of the camera and trials shift it',
  },
} as const satisfies Readonly<Record<string, Figure>>;

type FigureName = keyof typeof FIGURES;

/** How one figure went. */
export interface FigureTrend {
  readonly figure: string;
  readonly unit: string;
  readonly trend: Trend | null;
  /** null: it is not judged, or there was too little to judge. */
  readonly rising: boolean | null;
  readonly note: string | null;
}

/** Frames below which a run is all warm-up: figures are shown and not judged. */
export const LEAST_JUDGED = 100_000;
/** Before so many findings the empty database weighs more than they do. */
const LEAST_FINDINGS = 20;

/** Samples the vehicle over a run and says which figures rose. */
export class Figures {
  private readonly points = new Map<FigureName, Point[]>();
  private before: { readonly frames: number; readonly cpuMs: number; readonly findings: number } | null =
    null;
  /** The newest, for whoever shows progress. */
  newest: { readonly rssBytes: number; readonly descriptors: number } = { rssBytes: 0, descriptors: 0 };

  /**
   * @param stateFolder of the vehicle
   * @param without a file in it that is not the vehicle's
   */
  async take(
    pid: number,
    progress: Progress,
    stateFolder: string,
    without: string,
    logBytes: number,
  ): Promise<void> {
    const [process, disk] = await Promise.all([sampleProcess(pid), sampleDisk(stateFolder, without)]);
    this.newest = process;
    const { frames } = progress;
    const add = (name: FigureName, value: number): void => {
      const points = this.points.get(name) ?? [];
      points.push({ at: frames, value });
      this.points.set(name, points);
    };
    add('rss', process.rssBytes / MIB);
    add('heap', progress.heapBytes / MIB);
    add('offHeap', progress.offHeapBytes / MIB);
    add('descriptors', process.descriptors);
    add('threads', process.threads);
    add('timers', progress.timers);
    add('resources', progress.resources);
    add('stills', disk.stills / MIB);
    add('databaseLog', disk.databaseLog / MIB);
    add('rest', disk.rest / MIB);
    add('log', logBytes / MIB);
    add('database', disk.database / MIB);
    const { stages } = progress;
    if (stages) add('verdict', stages.decode + stages.preprocess + stages.infer);
    const { findings } = progress;
    if (findings >= LEAST_FINDINGS) add('perFinding', disk.database / 1024 / findings);
    this.addRates(progress, process, add);
  }

  /** How each figure went; judged from {@link LEAST_JUDGED} frames on. */
  trends(frames: number): FigureTrend[] {
    return (Object.keys(FIGURES) as FigureName[]).map((name) => {
      const { name: figure, unit, flat, note }: Figure = FIGURES[name];
      const trend = trendOf(this.points.get(name) ?? []);
      const isJudged = flat !== null && frames >= LEAST_JUDGED && trend !== null;
      return { figure, unit, trend, rising: isJudged ? isRising(trend, flat) : null, note: note ?? null };
    });
  }

  private addRates(
    { frames, findings }: Progress,
    { cpuMs }: ProcessSample,
    add: (name: FigureName, value: number) => void,
  ): void {
    const before = this.before;
    this.before = { frames, cpuMs, findings };
    if (before === null || frames <= before.frames) return;
    const each = (cpuMs - before.cpuMs) / (frames - before.frames);
    add('cpu', each);
    add('work', each / fixedWorkMs());
    add('findings', (1000 * (findings - before.findings)) / (frames - before.frames));
  }
}

const BLOCK = Buffer.alloc(65_536, 7);

/** What a fixed piece of work costs at this moment, ms of processor time: a busy machine is slower for everybody. */
function fixedWorkMs(): number {
  const begin = process.cpuUsage();
  for (let round = 0; round < 60; round += 1) createHash('sha256').update(BLOCK).digest();
  const { user, system } = process.cpuUsage(begin);
  return Math.max(0.1, (user + system) / 1000);
}
