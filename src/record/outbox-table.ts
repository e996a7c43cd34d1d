import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { OutboxDepth, OutboxLane } from '../domain/outbox.ts';
import type { Aging, OutboxMessage, Stamp } from './message.ts';
import { bytes, number, numberOrNull, type Row, text, textOrNull } from './row.ts';

/** A row of the outbox; an image's payload is still in its file. */
export interface OutboxRow {
  readonly id: number;
  readonly lane: OutboxLane;
  readonly topic: string;
  readonly contentType: string;
  /** Either these bytes or {@link file} is null. */
  readonly payload: Uint8Array | null;
  /** Relative to the record's folder. */
  readonly file: string | null;
  readonly committedAtUtcMs: number;
  readonly boot: string;
  readonly attempts: number;
  readonly lastReason: number | null;
}

function lane(row: Row): OutboxLane {
  const value = text(row, 'lane');
  if (value === 'alert' || value === 'run' || value === 'image') return value;
  throw new TypeError(`The outbox has no lane ${value}.`);
}

function outboxRow(row: Row): OutboxRow {
  return {
    id: number(row, 'id'),
    lane: lane(row),
    topic: text(row, 'topic'),
    contentType: text(row, 'content_type'),
    payload: row.payload === null ? null : bytes(row, 'payload'),
    file: textOrNull(row, 'file'),
    committedAtUtcMs: number(row, 'committed_utc_ms'),
    boot: text(row, 'boot'),
    attempts: number(row, 'attempts'),
    lastReason: numberOrNull(row, 'reason'),
  };
}

/** The outbox in the database. Every method must run inside a transaction of the caller, but for the reading ones. */
export class OutboxTable {
  private readonly insert: StatementSync;
  private readonly read: StatementSync;
  private readonly remove: StatementSync;
  private readonly note: StatementSync;
  private readonly totals: StatementSync;
  private readonly first: StatementSync;
  private readonly dropCounts: StatementSync;
  private readonly count: StatementSync;
  private readonly oldestOf: StatementSync;
  private readonly ofFile: StatementSync;

  constructor(db: DatabaseSync) {
    this.insert = db.prepare(
      'INSERT INTO outbox (lane, topic, content_type, payload, file, bytes, boot, committed_utc_ms, committed_mono_ms) ' +
        'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.read = db.prepare('SELECT * FROM outbox WHERE lane = ? AND id > ? ORDER BY id LIMIT ?');
    this.remove = db.prepare('DELETE FROM outbox WHERE id = ?');
    this.note = db.prepare('UPDATE outbox SET attempts = attempts + 1, reason = ? WHERE id = ?');
    this.totals = db.prepare('SELECT name, count, bytes, unheard FROM totals');
    this.first = db.prepare('SELECT committed_utc_ms FROM outbox ORDER BY id LIMIT 1');
    this.dropCounts = db.prepare('SELECT reason, count FROM drops');
    this.count = db.prepare(
      'INSERT INTO drops (reason, count) VALUES (?1, ?2) ON CONFLICT (reason) DO UPDATE SET count = count + ?2',
    );
    this.oldestOf = db.prepare(
      'SELECT id, bytes, boot, committed_utc_ms, committed_mono_ms FROM outbox WHERE lane = ? ORDER BY id LIMIT ?',
    );
    this.ofFile = db.prepare('SELECT id FROM outbox WHERE file = ?');
  }

  /** Adds a message; gives its number. */
  add(message: OutboxMessage, stamp: Stamp): number {
    return this.insertRow(message, message.payload, null, message.payload.byteLength, stamp);
  }

  /** Adds a message whose payload stays in a file of `size` bytes until it is sent. */
  addFile(message: Omit<OutboxMessage, 'payload'>, file: string, size: number, stamp: Stamp): number {
    return this.insertRow(message, null, file, size, stamp);
  }

  private insertRow(
    message: Omit<OutboxMessage, 'payload'>,
    payload: Uint8Array | null,
    file: string | null,
    size: number,
    stamp: Stamp,
  ): number {
    const { lastInsertRowid } = this.insert.run(
      message.lane,
      message.topic,
      message.contentType,
      payload,
      file,
      size,
      stamp.boot,
      stamp.utcMs,
      stamp.monoMs,
    );
    return Number(lastInsertRowid);
  }

  /** The oldest rows of a lane behind `afterId`, in order. */
  head(of: OutboxLane, limit: number, afterId: number): OutboxRow[] {
    return this.read.all(of, afterId, limit).map(outboxRow);
  }

  /** Removes a row that reached the surface; false when it was not there. */
  settle(id: number): boolean {
    return this.remove.run(id).changes > 0;
  }

  /** Notes one try and what the broker said of it; false when the row is gone. */
  mark(id: number, reason: number | null): boolean {
    return this.note.run(reason, id).changes > 0;
  }

  /** Gives up a row and counts why. */
  drop(id: number, reason: string): void {
    if (this.settle(id)) this.addDrops(reason, 1);
  }

  addDrops(reason: string, count: number): void {
    this.count.run(reason, count);
  }

  /** The oldest rows of a lane. */
  oldest(of: OutboxLane, limit: number): (Aging & { id: number })[] {
    return this.oldestOf.all(of, limit).map((row) => ({
      id: number(row, 'id'),
      bytes: number(row, 'bytes'),
      boot: text(row, 'boot'),
      utcMs: number(row, 'committed_utc_ms'),
      monoMs: number(row, 'committed_mono_ms'),
    }));
  }

  /** Numbers of the rows that would send this file. */
  idsOfFile(file: string): number[] {
    return this.ofFile.all(file).map((row) => number(row, 'id'));
  }

  depth(): OutboxDepth {
    const waiting = { alert: 0, run: 0, image: 0 };
    let size = 0;
    let unheard = 0;
    for (const row of this.totals.all()) {
      const name = text(row, 'name');
      if (name !== 'alert' && name !== 'run' && name !== 'image') continue;
      waiting[name] = number(row, 'count');
      size += number(row, 'bytes');
      unheard += number(row, 'unheard');
    }
    const first = this.first.get();
    const drops = this.dropCounts.all().map((row) => [text(row, 'reason'), number(row, 'count')] as const);
    return {
      waiting,
      bytes: size,
      unheard,
      oldestUtcMs: first === undefined ? null : number(first, 'committed_utc_ms'),
      dropped: Object.fromEntries(drops),
    };
  }
}
