import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Finding } from '../domain/finding.ts';
import type { Run } from '../domain/run.ts';
import type { Stamp } from './message.ts';
import { number, stored } from './row.ts';

/** A run that never ended, as a crash or a power cut leaves it. */
export interface UnfinishedRun {
  readonly run: Run;
  /** Findings of it that were never closed, oldest first. */
  readonly openFindings: readonly Finding[];
  /** When the record last heard of the run, UTC ms: from then on its coverage is unknown. */
  readonly lastHeardUtcMs: number;
}

/** Which findings are asked for. */
export interface FindingQuery {
  readonly runId?: string;
  /** UTC ms: only findings that changed then or later. */
  readonly since?: number;
  readonly limit: number;
}

/** Boots, runs and findings: what stays for good. */
export class HistoryTable {
  private readonly insertBoot: StatementSync;
  private readonly probeBoot: StatementSync;
  private readonly upsertRun: StatementSync;
  private readonly allRuns: StatementSync;
  private readonly openRuns: StatementSync;
  private readonly upsertFinding: StatementSync;
  private readonly openFindings: StatementSync;
  private readonly someFindings: StatementSync;

  constructor(db: DatabaseSync) {
    this.insertBoot = db.prepare(
      'INSERT INTO boots (id, started_utc_ms) VALUES (?, ?) ON CONFLICT (id) DO NOTHING',
    );
    this.probeBoot = db.prepare('UPDATE boots SET probed_utc_ms = ? WHERE id = ?');
    this.upsertRun = db.prepare(
      'INSERT INTO runs (id, boot, vehicle, ended, touched_utc_ms, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ' +
        'ON CONFLICT (id) DO UPDATE SET boot = ?2, vehicle = ?3, ended = ?4, touched_utc_ms = ?5, body = ?6',
    );
    this.allRuns = db.prepare('SELECT body FROM runs ORDER BY rowid DESC');
    this.openRuns = db.prepare(
      'SELECT body, touched_utc_ms FROM runs WHERE vehicle = ? AND ended = 0 ORDER BY rowid DESC',
    );
    this.upsertFinding = db.prepare(
      'INSERT INTO findings (id, run, defect, open, touched_utc_ms, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ' +
        'ON CONFLICT (id) DO UPDATE SET run = ?2, defect = ?3, open = ?4, touched_utc_ms = ?5, body = ?6',
    );
    this.openFindings = db.prepare('SELECT body FROM findings WHERE run = ? AND open = 1 ORDER BY rowid');
    this.someFindings = db.prepare(
      'SELECT body FROM findings WHERE (?1 IS NULL OR run = ?1) AND (?2 IS NULL OR touched_utc_ms >= ?2) ' +
        'ORDER BY rowid DESC LIMIT ?3',
    );
  }

  addBoot(stamp: Stamp): void {
    this.insertBoot.run(stamp.boot, stamp.utcMs);
  }

  /** A write of no consequence: shows whether the disk takes one. */
  probe(stamp: Stamp): void {
    this.probeBoot.run(stamp.utcMs, stamp.boot);
  }

  putRun(run: Run, stamp: Stamp): void {
    const ended = run.endedAt === null ? 0 : 1;
    this.upsertRun.run(run.id, stamp.boot, run.vehicle, ended, stamp.utcMs, JSON.stringify(run));
  }

  /** Newest first. */
  runs(): Run[] {
    return this.allRuns.all().map((row) => stored<Run>(row, 'body'));
  }

  /** Newest first. */
  unfinished(vehicle: string): UnfinishedRun[] {
    return this.openRuns.all(vehicle).map((row) => {
      const run = stored<Run>(row, 'body');
      const openFindings = this.openFindings.all(run.id).map((found) => stored<Finding>(found, 'body'));
      return { run, openFindings, lastHeardUtcMs: number(row, 'touched_utc_ms') };
    });
  }

  putFinding(finding: Finding, stamp: Stamp): void {
    const open = finding.closedAt === null ? 1 : 0;
    this.upsertFinding.run(
      finding.id,
      finding.runId,
      finding.defect,
      open,
      stamp.utcMs,
      JSON.stringify(finding),
    );
  }

  /** Newest first. */
  findings(query: FindingQuery): Finding[] {
    return this.someFindings
      .all(query.runId ?? null, query.since ?? null, query.limit)
      .map((row) => stored<Finding>(row, 'body'));
  }
}
