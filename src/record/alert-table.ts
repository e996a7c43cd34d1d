import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Aging, OutboxMessage, Stamp } from './message.ts';
import { bytes, number, type Row, text } from './row.ts';

/** Which alerts are asked for; what is not given does not narrow. */
export interface AlertQuery {
  readonly runId?: string;
  readonly findingId?: string;
  /** UTC ms: only those committed then or later. */
  readonly since?: number;
}

/** One page of the newest alerts of findings. */
export interface AlertPage {
  readonly query: AlertQuery;
  /** Only those told before this one was. */
  readonly before: number | null;
  readonly limit: number;
}

/** An alert as it was told. */
export interface ToldAlert {
  /** Rises with each alert of the record. */
  readonly id: number;
  readonly payload: Uint8Array;
}

/** An alert that may be told again, with when it was committed first. */
export interface KeptAlert extends OutboxMessage {
  readonly id: number;
  readonly committed: Stamp;
}

const MATCHES =
  '(?1 IS NULL OR run = ?1) AND (?2 IS NULL OR finding = ?2) AND (?3 IS NULL OR committed_utc_ms >= ?3)';

/** What the surface was told of findings. Every method must run inside a transaction of the caller, but for the reading ones. */
export class AlertTable {
  private readonly supersede: StatementSync;
  private readonly insert: StatementSync;
  private readonly page: StatementSync;
  private readonly waiting: StatementSync;
  private readonly settled: StatementSync;
  private readonly carry: StatementSync;
  private readonly total: StatementSync;
  private readonly oldestSuperseded: StatementSync;
  private readonly remove: StatementSync;

  constructor(db: DatabaseSync) {
    this.supersede = db.prepare('UPDATE alerts SET newest = 0 WHERE finding = ? AND newest = 1');
    this.insert = db.prepare(
      'INSERT INTO alerts (outbox, run, finding, newest, topic, content_type, payload, bytes, boot, committed_utc_ms, ' +
        'committed_mono_ms) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.page = db.prepare(
      `SELECT id, payload FROM alerts WHERE newest = 1 AND ${MATCHES} AND (?4 IS NULL OR id < ?4) ORDER BY id DESC LIMIT ?5`,
    );
    this.waiting = db.prepare(
      `SELECT count(*) AS count FROM alerts WHERE ${MATCHES} AND outbox IN (SELECT id FROM outbox WHERE lane = 'alert')`,
    );
    this.settled = db.prepare(
      `SELECT * FROM alerts WHERE ${MATCHES} AND id > ?4 AND outbox NOT IN (SELECT id FROM outbox WHERE lane = 'alert') ` +
        'ORDER BY id LIMIT ?5',
    );
    this.carry = db.prepare('UPDATE alerts SET outbox = ? WHERE id = ?');
    this.total = db.prepare("SELECT bytes FROM totals WHERE name = 'told'");
    this.oldestSuperseded = db.prepare(
      'SELECT id, bytes, boot, committed_utc_ms, committed_mono_ms FROM alerts WHERE newest = 0 ORDER BY id LIMIT ?',
    );
    this.remove = db.prepare('DELETE FROM alerts WHERE id = ?');
  }

  /** Adds an alert of a finding: the newest from now on. */
  add(
    of: { readonly findingId: string; readonly runId: string },
    message: OutboxMessage,
    outbox: number,
    stamp: Stamp,
  ): void {
    this.supersede.run(of.findingId);
    this.insert.run(
      outbox,
      of.runId,
      of.findingId,
      message.topic,
      message.contentType,
      message.payload,
      message.payload.byteLength,
      stamp.boot,
      stamp.utcMs,
      stamp.monoMs,
    );
  }

  /** The newest alert of each finding asked for, the last told first. */
  newest({ query, before, limit }: AlertPage): ToldAlert[] {
    return this.page.all(...values(query), before, limit).map((row) => ({
      id: number(row, 'id'),
      payload: bytes(row, 'payload'),
    }));
  }

  /** How many of those asked for wait in the outbox. */
  countWaiting(query: AlertQuery): number {
    const row = this.waiting.get(...values(query));
    return row === undefined ? 0 : number(row, 'count');
  }

  /** Those asked for that do not wait in the outbox, in their order, behind `afterId`. */
  notWaiting(query: AlertQuery, afterId: number, limit: number): KeptAlert[] {
    return this.settled.all(...values(query), afterId, limit).map((row) => ({
      id: number(row, 'id'),
      lane: 'alert',
      topic: text(row, 'topic'),
      contentType: text(row, 'content_type'),
      payload: bytes(row, 'payload'),
      committed: stampOf(row),
    }));
  }

  /** Notes which row of the outbox carries an alert now. */
  carriedBy(id: number, outbox: number): void {
    this.carry.run(outbox, id);
  }

  /** Bytes of all alerts kept. */
  bytes(): number {
    const row = this.total.get();
    return row === undefined ? 0 : number(row, 'bytes');
  }

  /** The first told of those that are not the newest of their finding. */
  superseded(limit: number): (Aging & { id: number })[] {
    return this.oldestSuperseded
      .all(limit)
      .map((row) => ({ id: number(row, 'id'), bytes: number(row, 'bytes'), ...stampOf(row) }));
  }

  /** Forgets an alert. */
  forget(id: number): void {
    this.remove.run(id);
  }
}

function values({ runId, findingId, since }: AlertQuery): [string | null, string | null, number | null] {
  return [runId ?? null, findingId ?? null, since ?? null];
}

function stampOf(row: Row): Stamp {
  return {
    boot: text(row, 'boot'),
    utcMs: number(row, 'committed_utc_ms'),
    monoMs: number(row, 'committed_mono_ms'),
  };
}
