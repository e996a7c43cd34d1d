import { statfs } from 'node:fs/promises';
import type { Clock } from '../platform/clock.ts';

/** How full the disk of the state folder is, and how fast it fills. */
export interface DiskReading {
  readonly folder: string;
  readonly freeBytes: number;
  /** Over the measured time, whoever wrote; negative while it empties. null before there is enough to measure. */
  readonly fillsBytesPerHour: number | null;
  readonly measuredSeconds: number;
}

interface Sample {
  readonly monoMs: number;
  readonly freeBytes: number;
}

/** Samples over the last hour, ms. */
const WINDOW_MS = 3_600_000;
/** Less is too short to say anything of the hours to come, ms. */
const ENOUGH_MS = 300_000;
/** One sample in so long, ms. */
export const SAMPLE_EVERY_MS = 30_000;

/**
 * Measures how fast the disk fills while the daemon runs: what matters is when it is full, not who filled it. A disk that
 * does not answer leaves the last reading; the record's own status tells of it.
 */
export class DiskGauge {
  private readonly folder: string;
  private readonly clock: Clock;
  private samples: Sample[] = [];

  constructor(folder: string, clock: Clock) {
    this.folder = folder;
    this.clock = clock;
  }

  /** Takes one sample. Rejects with Node's error when the disk cannot be asked. */
  async sample(): Promise<void> {
    const { bavail, bsize } = await statfs(this.folder);
    const { monoMs } = this.clock.now();
    this.samples = this.samples.filter((sample) => sample.monoMs >= monoMs - WINDOW_MS);
    this.samples.push({ monoMs, freeBytes: bavail * bsize });
  }

  /** null before the first sample. */
  get reading(): DiskReading | null {
    const [first] = this.samples;
    const last = this.samples.at(-1);
    if (first === undefined || last === undefined) return null;
    const ms = last.monoMs - first.monoMs;
    const perHour = ((first.freeBytes - last.freeBytes) * 3_600_000) / ms;
    return {
      folder: this.folder,
      freeBytes: last.freeBytes,
      fillsBytesPerHour: ms < ENOUGH_MS ? null : perHour,
      measuredSeconds: ms / 1000,
    };
  }
}
