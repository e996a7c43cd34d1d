import { join } from 'node:path';
import type { Counters } from '../platform/counters.ts';
import { SpectaError } from '../platform/errors.ts';
import type { FileSystem } from '../platform/files.ts';
import { recordError, transaction } from './database.ts';
import type { RecordLimits } from './limits.ts';
import type { Stamp } from './message.ts';
import { DATABASE_FILE, type OpenRecord, openRecord } from './open-record.ts';
import type { Body, RecordCounter, Report } from './protocol.ts';
import { withRoom } from './room.ts';

/** Holds the record open: opens it, again after a failure or damage, and writes to it in transactions. */
export class RecordHolder {
  private readonly fs: FileSystem;
  private readonly counters: Counters<RecordCounter>;
  private order: Body<'open'> | null = null;
  private record: OpenRecord | null = null;
  private movedAside: string | null = null;
  private stillsAside: string | null = null;

  /** @param counters takes what is met at each opening */
  constructor(fs: FileSystem, counters: Counters<RecordCounter>) {
    this.fs = fs;
    this.counters = counters;
  }

  /** Opens the record, or notes what to open once the disk can: rejects as {@link openRecord} does. */
  async open(order: Body<'open'>, stamp: Stamp): Promise<void> {
    this.order = order;
    await this.ensureOpen(stamp, order.sweep);
  }

  /** null while it is not open. */
  get current(): OpenRecord | null {
    return this.record;
  }

  /** The open record. Throws `DISK_FAILED` while there is none. */
  opened(): OpenRecord {
    if (this.record === null) throw notOpen();
    return this.record;
  }

  /** null before anything was to be opened. */
  get limits(): RecordLimits | null {
    return this.order?.limits ?? null;
  }

  /** Where what was damaged, and stills without an index, were put; told once. */
  takeAside(): Pick<Report, 'movedAside' | 'stillsAside'> {
    const { movedAside, stillsAside } = this;
    this.movedAside = null;
    this.stillsAside = null;
    return { movedAside, stillsAside };
  }

  /** Opens the record where it is not open. */
  async ensureOpen(stamp: Stamp, sweep = false): Promise<void> {
    if (this.record) return;
    if (this.order === null) throw notOpen();
    const opening = await openRecord(this.fs, this.order, stamp, sweep);
    this.record = opening.record;
    this.movedAside = opening.movedAside ?? this.movedAside;
    this.stillsAside = opening.stillsAside ?? this.stillsAside;
    if (opening.movedAside !== null) this.counters.add('corrupt');
    if (opening.orphans > 0) this.counters.add('orphan-swept', opening.orphans);
    if (opening.missing > 0) this.counters.add('still-missing', opening.missing);
  }

  /** One transaction, tried again after making room on a full disk, and once in a fresh file after damage. */
  async commit<T>(stamp: Stamp, durable: boolean, work: (record: OpenRecord) => T): Promise<T> {
    await this.ensureOpen(stamp);
    const once = (): Promise<T> => {
      const record = this.opened();
      return withRoom(record, () => {
        try {
          return transaction(record.db, durable, () => work(record));
        } catch (error) {
          throw this.failure(error);
        }
      });
    };
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof SpectaError) || error.code !== 'RECORD_CORRUPT') throw error;
      this.close();
      await this.ensureOpen(stamp);
      return once();
    }
  }

  /** SQLite's error as SPECTA tells it; any other as it is. */
  failure(error: unknown): unknown {
    return recordError(error, join(this.order?.folder ?? '', DATABASE_FILE));
  }

  /** What is written next opens it again. */
  close(): void {
    this.record?.db.close();
    this.record = null;
  }
}

function notOpen(): SpectaError {
  return new SpectaError(
    'DISK_FAILED',
    'The record is not open.',
    'The reason is on status/record; opening is tried again by itself.',
  );
}
