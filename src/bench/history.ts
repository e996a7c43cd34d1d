import { appendFile, readFile } from 'node:fs/promises';
import { SpectaError, systemCode } from '../platform/errors.ts';
import type { Measurement } from './measurement.ts';

/** One line of a history file: what was measured, when and by which SPECTA. */
export interface HistoryEntry {
  readonly at: string;
  readonly version: string;
  readonly measured: Measurement;
}

/** What must be the same for two measurements to be compared. */
const CIRCUMSTANCES = [
  'machine',
  'cores',
  'model',
  'lanes',
  'threads',
  'picture',
  'rate',
  'mqtt',
] as const satisfies readonly (keyof Measurement)[];

/** A figure beside that of the measurement before. */
export interface Change {
  readonly figure: string;
  readonly before: number;
  readonly now: number;
  /** now / before */
  readonly ratio: number;
}

/**
 * Adds a measurement to a history file (JSON lines) and gives the newest one before it of the same circumstances; null
 * where there is none. Throws `USAGE` when the file is no history, `DISK_FAILED` when it cannot be written.
 */
export async function remember(file: string, entry: HistoryEntry): Promise<HistoryEntry | null> {
  const before = await entriesOf(file);
  try {
    await appendFile(file, `${JSON.stringify(entry)}\n`);
  } catch (error) {
    throw new SpectaError(
      'DISK_FAILED',
      `The history ${file} cannot be written: ${systemCode(error) ?? String(error)}.`,
      'Name a file in a folder that this user may write to.',
      error,
    );
  }
  const same = ({ measured }: HistoryEntry): boolean =>
    CIRCUMSTANCES.every((key) => measured[key] === entry.measured[key]);
  return before.findLast(same) ?? null;
}

async function entriesOf(file: string): Promise<HistoryEntry[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw unreadable(file, error);
  }
  try {
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => {
        const entry: HistoryEntry = JSON.parse(line);
        if (typeof entry.measured?.fps !== 'number') throw new Error('a line is no measurement');
        return entry;
      });
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, cause: unknown): SpectaError {
  return new SpectaError(
    'USAGE',
    `${file} is no history of measurements: ${systemCode(cause) ?? String(cause)}.`,
    'Name a file that `specta bench --history` has written, or one that is not there yet.',
    cause,
  );
}

/** The figures that tell whether something got slower or larger. */
export function changesBetween(before: Measurement, now: Measurement): Change[] {
  const figures = (of: Measurement): Record<string, number> => ({
    'frames a second': of.fps,
    'CPU a frame': of.cpu_ms_per_frame,
    'share of the bound': of.bound.share,
    'capture to verdict p99': of.capture_to_verdict_ms.p99,
    ...(of.capture_to_puback_ms ? { 'capture to PUBACK p99': of.capture_to_puback_ms.p99 } : {}),
    memory: of.rss_mb,
    'first verdict': of.first_verdict_ms,
  });
  const earlier = figures(before);
  return Object.entries(figures(now)).flatMap(([figure, value]) => {
    const was = earlier[figure];
    return was === undefined || was === 0 ? [] : [{ figure, before: was, now: value, ratio: value / was }];
  });
}
