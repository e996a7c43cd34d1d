import { randomUUID } from 'node:crypto';
import type { SQLInputValue } from 'node:sqlite';
import type { AlertMessage } from '../surface/messages/alert.ts';
import type { DetectionMessage } from '../surface/messages/detection.ts';
import { BootOrder } from './boot-order.ts';
import { HistoryDatabase, type Row } from './history-database.ts';
import { SEVERITIES } from './severities.ts';

export type Review = AlertMessage['review'];

/** What people have said of a finding travels in its alerts; a vehicle of an older version says nothing. */
export type MarkedAlert = AlertMessage & {
  readonly reviewed?: {
    readonly at: string;
    readonly by: string | null;
    readonly note: string | null;
  } | null;
  readonly acknowledged?: { readonly at: string; readonly by: string | null } | null;
};

/** What an alert changed. `known`: it had come before. */
export interface AlertKept {
  readonly known: boolean;
  /** It is the newest word on its finding. */
  readonly isNewest: boolean;
  /** Its finding was never heard of. */
  readonly isNewFinding: boolean;
}

/** A stretch of time by what the camera could do, seconds. */
export interface CoverageStretch {
  readonly run: string;
  readonly beganUtcMs: number;
  readonly endedUtcMs: number;
  readonly seen: number;
  readonly blind: number;
  readonly lost: number;
  /** The most frequent reason for being blind. */
  readonly reason: string | null;
  /** Kilometre points at its ends, km; null where not known. */
  readonly kpFrom: number | null;
  readonly kpTo: number | null;
}

/** Limits of what a console keeps; the oldest goes first, counted. */
export interface HistoryLimits {
  readonly imageBytes: number;
  readonly samples: number;
  readonly coverageDays: number;
}

export const HISTORY_LIMITS: HistoryLimits = {
  imageBytes: 4_000_000_000,
  samples: 2_000_000,
  coverageDays: 60,
};

/** Samples are thinned so that a finding of an hour stays a readable curve. */
const MOST_CURVE_POINTS = 600;
const TIDY_EVERY = 500;

/**
 * The console's own memory. It is on the disk before a message is acknowledged; written without waiting for the disk's
 * cache, since what a power cut takes is taken whole, and then asked for again from the vehicle.
 */
export class History implements Disposable {
  readonly path: string;
  private readonly db: HistoryDatabase;
  private readonly boots: BootOrder;
  private readonly limits: HistoryLimits;
  private writes = 0;
  private droppedImages = 0;

  /** @param path a file, made if need be; `:memory:` for none. Throws `DISK_FAILED` or `RECORD_SCHEMA_NEWER`. */
  constructor(path: string, limits: HistoryLimits = HISTORY_LIMITS) {
    this.path = path;
    this.limits = limits;
    this.db = new HistoryDatabase(path);
    this.boots = new BootOrder(this.db);
  }

  /** The name under which the broker keeps what is meant for this history: made once, then always the same. */
  get clientId(): string {
    const made = `specta-console-${randomUUID().slice(0, 13)}`;
    this.db.run("INSERT INTO meta VALUES ('client', ?) ON CONFLICT DO NOTHING", made);
    return String(this.row("SELECT value FROM meta WHERE key = 'client'")?.value ?? made);
  }

  /** Pictures given up for room. */
  get imagesDropped(): number {
    return this.droppedImages;
  }

  /** Everything `work` writes is kept, or nothing of it. */
  together<T>(work: () => T): T {
    return this.db.together(work);
  }

  /** Notes that a vehicle said something at `utcMs` (ours). */
  putHeard(vehicle: string, utcMs: number): void {
    this.db.run(
      'INSERT INTO vehicles VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET heard = max(coalesce(heard, 0), ?2)',
      vehicle,
      utcMs,
    );
  }

  /** Up to which time of its own clock a vehicle's findings were compared with ours; null: never. */
  comparedUntil(vehicle: string): string | null {
    const found = this.row('SELECT value FROM meta WHERE key = ?', `compared ${vehicle}`);
    return found === undefined ? null : String(found.value);
  }

  putComparedUntil(vehicle: string, at: string): void {
    const sql = 'INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2';
    this.db.run(sql, `compared ${vehicle}`, at);
  }

  /** The last that a vehicle told of its runs, as it came; null: never anything. */
  lastRunLog(vehicle: string): string | null {
    const found = this.row('SELECT value FROM meta WHERE key = ?', `run log ${vehicle}`);
    return found === undefined ? null : String(found.value);
  }

  putLastRunLog(vehicle: string, message: string): void {
    const sql = 'INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2';
    this.db.run(sql, `run log ${vehicle}`, message);
  }

  /** When each known vehicle was last heard, UTC ms (ours). */
  vehicles(): { readonly name: string; readonly heardUtcMs: number | null }[] {
    return this.rows('SELECT name, heard FROM vehicles ORDER BY name').map(({ name, heard }) => ({
      name: String(name),
      heardUtcMs: heard === null ? null : Number(heard),
    }));
  }

  /** Keeps an alert; one with the same boot and sequence is kept once. */
  putAlert(alert: MarkedAlert, heardUtcMs: number): AlertKept {
    const { vehicle, boot, sequence, finding } = alert;
    const body = JSON.stringify(alert);
    return this.together(() => {
      this.boots.heard(vehicle, boot, alert.historical);
      const added = this.db.run(
        'INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
        ...[vehicle, boot, sequence, finding, Date.parse(alert.at), heardUtcMs, body],
      );
      if (added === 0) return { known: true, isNewest: false, isNewFinding: false };
      const before = this.row(
        'SELECT boot, sequence, open, review FROM findings WHERE vehicle = ? AND id = ?',
        ...[vehicle, finding],
      );
      if (before !== undefined && !this.isNewer(alert, before))
        return { known: false, isNewest: false, isNewFinding: false };
      this.writeFinding(alert, body, heardUtcMs);
      return { known: false, isNewest: true, isNewFinding: before === undefined };
    });
  }

  /** Notes in which boot a vehicle is now: it is later than all others of its boots. */
  putPresentBoot(vehicle: string, boot: string): void {
    this.boots.present(vehicle, boot);
  }

  /** Order is by boot and sequence, but what is closed stays closed. */
  private isNewer({ vehicle, boot, sequence, closedAt }: AlertMessage, before: Row): boolean {
    if (boot === before.boot) return sequence > Number(before.sequence);
    const isOpen = closedAt === null;
    if (isOpen !== (before.open === 1)) return !isOpen;
    return this.boots.isLater(vehicle, boot, String(before.boot));
  }

  private writeFinding(alert: MarkedAlert, body: string, heardUtcMs: number): void {
    this.db.run(
      `INSERT INTO findings (vehicle, id, run, class, severity, opened, changed, heard, open, review, acknowledged, boot, sequence, body)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
       ON CONFLICT (vehicle, id) DO UPDATE SET run = ?3, class = ?4, severity = ?5, opened = ?6, changed = ?7, heard = ?8,
         open = ?9, review = ?10, acknowledged = ?11, boot = ?12, sequence = ?13, body = ?14`,
      ...[alert.vehicle, alert.finding, alert.run, alert.class, SEVERITIES.indexOf(alert.severity)],
      ...[Date.parse(alert.openedAt), Date.parse(alert.at), heardUtcMs, alert.closedAt === null ? 1 : 0],
      ...[alert.review, alert.acknowledged ? 1 : 0, alert.boot, alert.sequence, body],
    );
  }

  /** Keeps the still of a finding, also of one whose alert has not come yet. */
  putImage(vehicle: string, finding: string, jpeg: Uint8Array, heardUtcMs: number): void {
    this.db.run(
      'INSERT INTO images VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (vehicle, finding) DO UPDATE SET heard = ?3, bytes = ?4, jpeg = ?5',
      ...[vehicle, finding, heardUtcMs, jpeg.byteLength, jpeg],
    );
    this.keepImagesBounded();
  }

  image(vehicle: string, finding: string): Uint8Array | null {
    const found = this.row('SELECT jpeg FROM images WHERE vehicle = ? AND finding = ?', vehicle, finding);
    return found?.jpeg instanceof Uint8Array ? found.jpeg : null;
  }

  private keepImagesBounded(): void {
    const sum = (): number => Number(this.row('SELECT sum(bytes) AS total FROM images')?.total ?? 0);
    while (sum() > this.limits.imageBytes) {
      const dropped = this.db.run(
        'DELETE FROM images WHERE rowid IN (SELECT rowid FROM images ORDER BY heard LIMIT 10)',
      );
      if (dropped === 0) return;
      this.droppedImages += dropped;
    }
  }

  /** Keeps the probabilities of a live detection, as a point of the curve of whatever is open then. */
  putSample(detection: DetectionMessage): void {
    if (detection.run === null) return;
    for (const { class: defect, probability } of detection.defects) {
      this.db.run(
        'INSERT INTO samples VALUES (?, ?, ?, ?, ?)',
        ...[detection.vehicle, detection.run, defect, Date.parse(detection.at), probability],
      );
    }
    this.writes += 1;
    if (this.writes % TIDY_EVERY !== 0) return;
    const sql = 'DELETE FROM samples WHERE rowid <= (SELECT max(rowid) FROM samples) - ?';
    this.db.run(sql, this.limits.samples);
  }

  putCoverage(vehicle: string, stretch: CoverageStretch): void {
    const { endedUtcMs, beganUtcMs, run, seen, blind, lost, reason, kpFrom, kpTo } = stretch;
    this.db.run(
      'INSERT INTO coverage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      ...[vehicle, endedUtcMs, beganUtcMs, run, seen, blind, lost, reason, kpFrom, kpTo],
    );
    // By the vehicle's own clock: ours may be another.
    const oldest = endedUtcMs - this.limits.coverageDays * 86_400_000;
    this.db.run('DELETE FROM coverage WHERE vehicle = ? AND ended < ?', vehicle, oldest);
  }

  /** The first 20,000 stretches that end at `sinceUtcMs` or later, oldest first: more than two days of them. */
  coverage(vehicle: string, sinceUtcMs: number): CoverageStretch[] {
    const found = this.rows(
      'SELECT * FROM coverage WHERE vehicle = ? AND ended >= ? ORDER BY ended LIMIT 20000',
      ...[vehicle, sinceUtcMs],
    );
    return found.map((row) => ({
      run: String(row.run),
      beganUtcMs: Number(row.began),
      endedUtcMs: Number(row.ended),
      seen: Number(row.seen),
      blind: Number(row.blind),
      lost: Number(row.lost),
      reason: row.reason === null ? null : String(row.reason),
      kpFrom: row.kp_from === null ? null : Number(row.kp_from),
      kpTo: row.kp_to === null ? null : Number(row.kp_to),
    }));
  }

  /** The curve of one class in a run from one time to another, thinned, oldest first. */
  curve(
    vehicle: string,
    run: string,
    defect: string,
    from: number,
    to: number,
  ): { readonly at: number; readonly probability: number }[] {
    const found = this.rows(
      'SELECT at, probability FROM samples WHERE vehicle = ? AND run = ? AND class = ? AND at BETWEEN ? AND ? ORDER BY at',
      ...[vehicle, run, defect, from, to],
    );
    const step = Math.max(1, Math.ceil(found.length / MOST_CURVE_POINTS));
    return found
      .filter((_, index) => index % step === 0)
      .map(({ at, probability }) => ({ at: Number(at), probability: Number(probability) }));
  }

  /** One row of a question; undefined when there is none. */
  row(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    return this.db.row(sql, ...values);
  }

  rows(sql: string, ...values: readonly SQLInputValue[]): Row[] {
    return this.db.rows(sql, ...values);
  }

  close(): void {
    this.db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
