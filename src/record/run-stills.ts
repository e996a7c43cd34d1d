import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SpectaError } from '../platform/errors.ts';
import { recordError } from './database.ts';
import { DATABASE_FILE } from './open-record.ts';
import { text } from './row.ts';

const BUSY_MS = 2_000;

/**
 * The pictures that a record keeps of a run, without anything drawn on them, in the order of capture; read beside a
 * running daemon. Throws `DATA_INVALID` for a run that it does not know, and as the record does.
 *
 * @param folder of the record
 * @returns absolute paths
 */
export function stillsOfRun(folder: string, run: string): string[] {
  const path = join(folder, DATABASE_FILE);
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
    try {
      if (db.prepare('SELECT 1 FROM runs WHERE id = ?').get(run) === undefined) throw unknown(db, run);
      const rows = db
        .prepare(
          "SELECT file FROM evidence WHERE run = ? AND kind = 'clean' AND dropped IS NULL " +
            'ORDER BY captured_utc_ms, sequence',
        )
        .all(run);
      return rows.map((row) => join(folder, text(row, 'file')));
    } finally {
      db.close();
    }
  } catch (error) {
    throw recordError(error, path);
  }
}

function unknown(db: DatabaseSync, run: string): SpectaError {
  const newest = db.prepare('SELECT id FROM runs ORDER BY touched_utc_ms DESC LIMIT 5').all();
  return new SpectaError(
    'DATA_INVALID',
    `The record knows no run ${run}. The newest: ${newest.map((row) => text(row, 'id')).join(', ') || 'none'}.`,
    'Name one of these, or a folder of pictures.',
  );
}
