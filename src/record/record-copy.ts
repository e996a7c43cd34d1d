import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Finding } from '../domain/finding.ts';
import type { Run } from '../domain/run.ts';
import { SpectaError } from '../platform/errors.ts';
import { recordError } from './database.ts';
import type { StoredEvidence } from './evidence.ts';
import { EvidenceTable } from './evidence-table.ts';
import { DATABASE_FILE } from './open-record.ts';
import { bytes, stored } from './row.ts';
import { MIGRATIONS, newestVersion, schemaNewer, schemaVersion } from './schema.ts';

/** A finding with everything that is kept for it. */
export interface RecordedFinding {
  readonly finding: Finding;
  /** Oldest first, also what had to be removed since. */
  readonly evidence: readonly StoredEvidence[];
}

/** A record as it stands, for those who only read it. */
export interface RecordCopy {
  /** Holds the stills that the evidence names. */
  readonly folder: string;
  readonly runs: readonly Run[];
  /** Oldest first. */
  readonly findings: readonly RecordedFinding[];
  /** The newest alert of each finding, JSON as it was told; empty where the record keeps none. */
  readonly alerts: readonly string[];
}

/**
 * Reads the whole of a record, without changing it and without keeping a daemon from writing to it.
 * Throws `FOLDER_EMPTY` where there is none, `RECORD_SCHEMA_NEWER`, `RECORD_CORRUPT`, `RECORD_BUSY`, `DISK_FAILED`.
 */
export function readRecordCopy(folder: string): RecordCopy {
  const path = join(folder, DATABASE_FILE);
  if (!existsSync(path)) {
    throw new SpectaError(
      'FOLDER_EMPTY',
      `There is no record in ${folder}: ${DATABASE_FILE} is not there.`,
      'Name the folder `record` of a state folder, or a whole copy of one.',
    );
  }
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(path, { readOnly: true });
    return { folder, ...read(db, path) };
  } catch (error) {
    throw recordError(error, path);
  } finally {
    db?.close();
  }
}

function read(db: DatabaseSync, path: string): Omit<RecordCopy, 'folder'> {
  const [found, known] = [schemaVersion(db), newestVersion(MIGRATIONS)];
  // Version 2 adds the alerts, which are read below where they are there.
  if (found > Math.max(2, known)) throw schemaNewer(path, found, known);
  // One moment for all of it, whatever a daemon writes meanwhile.
  db.exec('BEGIN');
  const evidence = new EvidenceTable(db);
  const runs = db.prepare('SELECT body FROM runs ORDER BY rowid').all();
  const findings = db.prepare('SELECT body FROM findings ORDER BY rowid').all();
  const kept = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alerts'").get();
  const alerts =
    kept === undefined ? [] : db.prepare('SELECT payload FROM alerts WHERE newest = 1 ORDER BY id').all();
  const decoder = new TextDecoder();
  const copy = {
    runs: runs.map((row) => stored<Run>(row, 'body')),
    findings: findings.map((row) => {
      const finding = stored<Finding>(row, 'body');
      return { finding, evidence: evidence.of(finding.id) };
    }),
    alerts: alerts.map((row) => decoder.decode(bytes(row, 'payload'))),
  };
  db.exec('COMMIT');
  return copy;
}
