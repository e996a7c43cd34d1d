import { join } from 'node:path';
import type { Verdict } from '../../domain/verdict.ts';
import { asSpectaError } from '../../platform/errors.ts';
import type { FileSystem, WritableFile } from '../../platform/files.ts';
import type { Logger } from '../../platform/log.ts';

/** Records of trials that are kept; older ones go. */
const KEPT_RECORDS = 8;
/** No record grows beyond this: about 20,000 frames. */
const MOST_BYTES = 16_000_000;
/** Lines that wait for the disk; more are not recorded. */
const MOST_WAITING = 512;

function wordsOf({ label, blind, probabilities, stages }: Verdict): object {
  return { label, blind, probabilities, ms: stages.decode + stages.preprocess + stages.infer };
}

/**
 * What both models said of each frame of a trial: one JSON line a frame, in `<folder>/<name>.jsonl`. It never holds a
 * frame up, and a disk that fails ends the record, not the trial; what is missing then is counted and logged.
 */
export class TrialRecord {
  private readonly path: string;
  private readonly fs: FileSystem;
  private readonly log: Logger;
  private readonly opened: Promise<WritableFile | null>;
  private turn: Promise<void>;
  private waiting = 0;
  private bytes = 0;
  private missing = 0;
  private failed = false;

  private constructor(path: string, fs: FileSystem, log: Logger) {
    this.path = path;
    this.fs = fs;
    this.log = log;
    this.opened = this.open();
    this.turn = this.opened.then(() => undefined);
  }

  /** Begins a record; older ones beyond those kept are removed. */
  static begin(folder: string, name: string, fs: FileSystem, log: Logger): TrialRecord {
    return new TrialRecord(join(folder, `${name}.jsonl`), fs, log);
  }

  /** Adds one frame. @param shadow null: it failed, for `reason` */
  add(serving: Verdict, shadow: Verdict | null, ms: number, reason: string | null = null): void {
    if (this.failed || this.waiting >= MOST_WAITING || this.bytes > MOST_BYTES) {
      this.missing += 1;
      return;
    }
    const { sequence, capturedAt } = serving.frame;
    const line = {
      sequence,
      at: new Date(capturedAt.utcMs).toISOString(),
      serving: wordsOf(serving),
      trial: shadow && { ...wordsOf(shadow), waitedMs: ms },
      ...(reason === null ? {} : { error: reason }),
    };
    const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
    this.bytes += bytes.byteLength;
    this.waiting += 1;
    this.turn = this.turn.then(() => this.write(bytes));
  }

  /** Writes what waits. Idempotent; never rejects. */
  async close(): Promise<void> {
    await this.turn;
    const file = await this.opened;
    await file?.close().catch((error: unknown) => this.fail(error));
    if (this.missing > 0)
      this.log.warn({ path: this.path, frames: this.missing }, 'frames of the trial were not recorded');
    this.missing = 0;
  }

  private async write(bytes: Uint8Array): Promise<void> {
    const file = await this.opened;
    try {
      if (file !== null && !this.failed) await file.write(bytes);
      else this.missing += 1;
    } catch (error) {
      this.missing += 1;
      this.fail(error);
    }
    this.waiting -= 1;
  }

  private async open(): Promise<WritableFile | null> {
    const folder = join(this.path, '..');
    try {
      await this.fs.mkdir(folder);
      const records = (await this.fs.list(folder)).filter((name) => name.endsWith('.jsonl'));
      for (const name of records.slice(0, Math.max(0, records.length - KEPT_RECORDS + 1)))
        await this.fs.remove(join(folder, name));
      return await this.fs.createFile(this.path);
    } catch (error) {
      this.fail(error);
      return null;
    }
  }

  private fail(error: unknown): void {
    this.failed = true;
    const { code, message } = asSpectaError(error);
    this.log.warn({ code, path: this.path }, `the trial goes on unrecorded: ${message}`);
  }
}
