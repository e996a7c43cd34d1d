import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Finding } from '../domain/finding.ts';
import type { Run } from '../domain/run.ts';
import { SpectaError } from '../platform/errors.ts';
import type { FileSystem } from '../platform/files.ts';
import { recordError } from './database.ts';
import type { StoredEvidence } from './evidence.ts';
import { EvidenceTable } from './evidence-table.ts';
import { HistoryTable } from './history-table.ts';
import { type Marks, marksIn } from './marks.ts';
import { DATABASE_FILE } from './open-record.ts';
import { bytes } from './row.ts';
import { MIGRATIONS, newestVersion, schemaNewer, schemaVersion } from './schema.ts';
import { Stills } from './stills.ts';

const MOST_FINDINGS = 1_000_000;

/**
 * A record as it is on the disk: only read, also while a daemon writes to it. All of it is of one moment, that of the first
 * look.
 */
export interface RecordReader {
  /** Newest first. */
  runs(): readonly Run[];
  /** Oldest first. @param runId null: of all runs @param since UTC ms: only those that changed then or later */
  findings(runId: string | null, since?: number): readonly Finding[];
  /** The newest alert of each finding, JSON as it was told, the first told first; empty where the record keeps none. */
  alerts(): readonly string[];
  /** What people have said of a finding. */
  marksOf(findingId: string): Marks;
  /** Everything kept for a finding, oldest first. */
  evidenceOf(findingId: string): readonly StoredEvidence[];
  /** The bytes of a still; null when the file is gone. */
  still(file: string): Promise<Uint8Array | null>;
  close(): void;
}

/**
 * Opens the record in a folder for reading.
 * Throws `DATA_INVALID` when there is none, `RECORD_SCHEMA_NEWER`, `RECORD_CORRUPT`, `RECORD_BUSY`, `DISK_FAILED`.
 */
export function readRecord(fs: FileSystem, folder: string): RecordReader {
  const path = join(folder, DATABASE_FILE);
  if (!existsSync(path)) {
    throw new SpectaError(
      'DATA_INVALID',
      `There is no record at ${path}.`,
      'Name the configuration of the vehicle with --config, or the folder itself.',
    );
  }
  const reading = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw recordError(error, path);
    }
  };
  const db = reading(() => new DatabaseSync(path, { readOnly: true, timeout: 5_000 }));
  try {
    const found = reading(() => schemaVersion(db));
    const known = newestVersion(MIGRATIONS);
    if (found > known) throw schemaNewer(path, found, known);
    const { history, evidence } = reading(() => {
      db.exec('BEGIN');
      return { history: new HistoryTable(db), evidence: new EvidenceTable(db) };
    });
    const stills = new Stills(fs, folder);
    // Records of before version 2 keep no alerts, and are not changed by reading.
    const newest =
      found < 2
        ? null
        : reading(() => db.prepare('SELECT payload FROM alerts WHERE finding = ? AND newest = 1'));
    return {
      marksOf: (findingId) =>
        reading(() => {
          const row = newest?.get(findingId);
          return marksIn(row === undefined ? null : new TextDecoder().decode(bytes(row, 'payload')));
        }),
      runs: () => reading(() => history.runs()),
      findings: (runId, since) =>
        reading(() =>
          history
            .findings({
              ...(runId !== null && { runId }),
              limit: MOST_FINDINGS,
              ...(since === undefined ? {} : { since }),
            })
            .toReversed(),
        ),
      alerts: () => reading(() => newestAlerts(db)),
      evidenceOf: (findingId) => reading(() => evidence.of(findingId)),
      still: (file) => stills.read(file),
      close: () => db.close(),
    };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A record of version 1 that no daemon opened since has no table of alerts. */
function newestAlerts(db: DatabaseSync): string[] {
  const table = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alerts'").get();
  if (table === undefined) return [];
  const decoder = new TextDecoder();
  const rows = db.prepare('SELECT payload FROM alerts WHERE newest = 1 ORDER BY id').all();
  return rows.map((row) => decoder.decode(bytes(row, 'payload')));
}
