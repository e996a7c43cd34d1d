import type { DatabaseSync } from 'node:sqlite';
import { isBelievable } from '../platform/boot.ts';
import type { AlertTable } from './alert-table.ts';
import { transaction } from './database.ts';
import type { EvidenceTable } from './evidence-table.ts';
import type { RecordLimits } from './limits.ts';
import { type Aging, LANES, type Stamp } from './message.ts';
import type { OutboxTable } from './outbox-table.ts';
import type { Stills } from './stills.ts';

/** Rows looked at in one go: bounds the time that an alert may wait behind a clean-up. */
const BATCH = 64;

/** Stills removed at a time when the disk is full. */
const ROOM_BATCH = 8;

/** Less than this given back by folding the log does not save a commit. */
const WORTHWHILE_BYTES = 65_536;

/** The parts of an open record that keeping within limits works on. */
export interface Kept {
  readonly db: DatabaseSync;
  readonly outbox: OutboxTable;
  readonly alerts: AlertTable;
  readonly evidence: EvidenceTable;
}

/**
 * Whether something is older than `ageMs`. In its own boot the monotonic clock tells; across boots UTC, and only if
 * the clock was set then and is now: a clock that leaps must not empty the record.
 */
export function isAged(thing: Aging, now: Stamp, ageMs: number): boolean {
  if (thing.boot === now.boot) return now.monoMs - thing.monoMs > ageMs;
  if (!isBelievable(thing.utcMs) || !isBelievable(now.utcMs)) return false;
  return now.utcMs - thing.utcMs > ageMs;
}

/** Keeps the record within its limits: lowest lane first, oldest first, each loss counted by reason. */
export class Retention {
  private readonly stills: Stills;
  private readonly limits: RecordLimits;
  /** Files removed in need of room, whose rows could not be told yet. */
  private readonly untold = new Map<string, string>();

  constructor(stills: Stills, limits: RecordLimits) {
    this.stills = stills;
    this.limits = limits;
  }

  /** Gives up what is too old or too much; of aged things and stills a batch at a time, the rest the next time. */
  async enforce(kept: Kept, now: Stamp): Promise<void> {
    const told = [...this.untold];
    const gone = transaction(kept.db, false, () => {
      for (const [file, reason] of told) this.dropStill(kept, file, reason);
      this.dropAgedMessages(kept, now);
      this.dropRunsOverLimit(kept);
      this.dropMessagesOverLimit(kept);
      this.forgetToldOverLimit(kept);
      return this.dropStills(kept, now);
    });
    for (const [file] of told) this.untold.delete(file);
    for (const file of gone) await this.stills.remove(file);
  }

  /** Whether {@link enforce} has something to do beyond ages. */
  isOver(kept: Kept): boolean {
    if (this.untold.size > 0) return true;
    const { bytes, waiting } = kept.outbox.depth();
    return (
      bytes > this.limits.outboxBytes ||
      waiting.run > this.limits.runMessages ||
      kept.alerts.bytes() > this.limits.toldBytes ||
      kept.evidence.liveBytes() > this.limits.stillBytes
    );
  }

  /**
   * Makes room on a full disk: first by folding SQLite's log into the database, which loses nothing, then by
   * removing the oldest stills. Their files go first, because telling so in the database needs room itself; the rows
   * follow with the next {@link enforce}, or at the next start.
   *
   * @returns false when nothing is left to remove
   */
  async makeRoom(kept: Kept, reason: string): Promise<boolean> {
    if (await this.foldLog(kept)) return true;
    const victims = kept.evidence
      .oldest(ROOM_BATCH + this.untold.size)
      .filter((still) => !this.untold.has(still.file))
      .slice(0, ROOM_BATCH);
    for (const { file } of victims) this.untold.set(file, reason);
    for (const { file } of victims) await this.stills.remove(file);
    return victims.length > 0;
  }

  /** Whether folding the log gave a worthwhile piece of the disk back. */
  private async foldLog({ db }: Kept): Promise<boolean> {
    const before = await this.stills.freeBytes();
    try {
      db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // The database may have to grow for it, and cannot: then stills must go.
      return false;
    }
    return (await this.stills.freeBytes()) - before >= WORTHWHILE_BYTES;
  }

  /** Takes note of files that are not there though a row says so. */
  tellMissing(kept: Kept, files: readonly string[]): void {
    for (const file of files) this.dropStill(kept, file, 'missing');
  }

  private dropAgedMessages({ outbox }: Kept, now: Stamp): void {
    for (const lane of LANES) {
      for (const row of outbox.oldest(lane, BATCH)) {
        if (!isAged(row, now, this.limits.outboxAgeMs)) break;
        outbox.drop(row.id, `${lane}-expired`);
      }
    }
  }

  private dropRunsOverLimit({ outbox }: Kept): void {
    const excess = outbox.depth().waiting.run - this.limits.runMessages;
    if (excess <= 0) return;
    for (const { id } of outbox.oldest('run', Math.min(excess, BATCH))) outbox.drop(id, 'run-over-limit');
  }

  private dropMessagesOverLimit({ outbox }: Kept): void {
    let excess = outbox.depth().bytes - this.limits.outboxBytes;
    for (const lane of LANES.toReversed()) {
      for (let rows = outbox.oldest(lane, BATCH); rows.length > 0; rows = outbox.oldest(lane, BATCH)) {
        for (const row of rows) {
          if (excess <= 0) return;
          outbox.drop(row.id, `${lane}-over-limit`);
          excess -= row.bytes;
        }
      }
    }
  }

  /** Steps that were told and superseded go first told first; how a finding stands stays known. */
  private forgetToldOverLimit({ alerts, outbox }: Kept): void {
    let excess = alerts.bytes() - this.limits.toldBytes;
    if (excess <= 0) return;
    let forgotten = 0;
    for (const { id, bytes } of alerts.superseded(BATCH)) {
      if (excess <= 0) break;
      alerts.forget(id);
      excess -= bytes;
      forgotten += 1;
    }
    if (forgotten > 0) outbox.addDrops('told-over-limit', forgotten);
  }

  private dropStills(kept: Kept, now: Stamp): string[] {
    const gone: string[] = [];
    let excess = kept.evidence.liveBytes() - this.limits.stillBytes;
    for (const still of kept.evidence.oldest(BATCH)) {
      const aged = isAged(still, now, this.limits.stillAgeMs);
      if (!aged && excess <= 0) break;
      this.dropStill(kept, still.file, aged ? 'expired' : 'over-limit');
      gone.push(still.file);
      excess -= still.bytes;
    }
    return gone;
  }

  /** A still goes with the message that would have sent it. */
  private dropStill({ outbox, evidence }: Kept, file: string, reason: string): void {
    if (!evidence.drop(file, reason)) return;
    outbox.addDrops(`still-${reason}`, 1);
    for (const id of outbox.idsOfFile(file)) outbox.drop(id, `image-still-${reason}`);
  }
}
