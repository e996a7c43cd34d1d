import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { FileSystem } from '../platform/files.ts';
import { AlertTable } from './alert-table.ts';
import { CommitTable } from './commit-table.ts';
import { openDatabase, transaction } from './database.ts';
import { EvidenceTable } from './evidence-table.ts';
import { HistoryTable } from './history-table.ts';
import type { Stamp } from './message.ts';
import { OutboxTable } from './outbox-table.ts';
import type { Body } from './protocol.ts';
import { Retention } from './retention.ts';
import { Stills } from './stills.ts';

/** The database's file below the record's folder. */
export const DATABASE_FILE = 'black-box.db';

/** An open record: the tables with their prepared statements, and the stills beside them. */
export interface OpenRecord {
  readonly db: DatabaseSync;
  readonly history: HistoryTable;
  readonly outbox: OutboxTable;
  readonly alerts: AlertTable;
  readonly evidence: EvidenceTable;
  readonly commits: CommitTable;
  readonly stills: Stills;
  readonly retention: Retention;
}

/** What was met when the record was opened. */
export interface Opening {
  readonly record: OpenRecord;
  /** Where the damaged database before it was put. */
  readonly movedAside: string | null;
  /** Where stills were put that the fresh database cannot know. */
  readonly stillsAside: string | null;
  /** Files of a crash that were removed. */
  readonly orphans: number;
  /** Stills that should be there and are not. */
  readonly missing: number;
}

/**
 * Opens the record in a folder, creating both where they are not there.
 *
 * @param sweep whether to remove what a crash left: only when nothing of this process is under way
 * @throws SpectaError `RECORD_SCHEMA_NEWER`, `DISK_FULL`, `DISK_FAILED`, `RECORD_BUSY`; SQLite's errors
 */
export async function openRecord(
  fs: FileSystem,
  { folder, session, limits }: Body<'open'>,
  stamp: Stamp,
  sweep: boolean,
): Promise<Opening> {
  await fs.mkdir(folder);
  const stills = new Stills(fs, folder);
  const path = join(folder, DATABASE_FILE);
  const { db, fresh, movedAside } = await openDatabase(fs, folder, path, stamp.utcMs);
  try {
    const record: OpenRecord = {
      db,
      history: new HistoryTable(db),
      outbox: new OutboxTable(db),
      alerts: new AlertTable(db),
      evidence: new EvidenceTable(db),
      commits: new CommitTable(db),
      stills,
      retention: new Retention(stills, limits),
    };
    // A fresh index knows no still: those there are evidence of before, not orphans.
    const stillsAside = fresh ? await stills.setAside(stamp.utcMs) : null;
    const swept = sweep && !fresh ? await stills.sweep(record.evidence.liveFiles()) : null;
    transaction(db, true, () => {
      record.history.addBoot(stamp);
      record.commits.keepOnly(session);
      record.retention.tellMissing(record, swept?.missing ?? []);
    });
    return {
      record,
      movedAside,
      stillsAside,
      orphans: swept?.orphans ?? 0,
      missing: swept?.missing.length ?? 0,
    };
  } catch (error) {
    db.close();
    throw error;
  }
}
