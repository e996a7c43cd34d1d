import type { DatabaseSync } from 'node:sqlite';
import { SpectaError } from '../platform/errors.ts';
import { number } from './row.ts';

/** One step from a schema version to the next. Its SQL sets `user_version` to the new one itself. */
export interface Migration {
  /** The version that the step leads to. */
  readonly version: number;
  readonly sql: string;
}

/**
 * Version 1. `outbox` rows of an image name a file below the record's folder instead of carrying a payload.
 * `totals` is kept by triggers, so that counts are as whole as the rows and cost nothing to read.
 * `commits` remembers requests of the session that writes, so that one given again after the worker died changes
 * nothing. Times are UTC ms; `mono_ms` is the clock of the boot, for ages that a set clock cannot spoil.
 */
const VERSION_1 = `
CREATE TABLE boots (
  id TEXT PRIMARY KEY,
  started_utc_ms REAL NOT NULL,
  probed_utc_ms REAL
) STRICT;

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  boot TEXT NOT NULL,
  vehicle TEXT NOT NULL,
  ended INTEGER NOT NULL CHECK (ended IN (0, 1)),
  touched_utc_ms REAL NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX runs_open ON runs (vehicle, ended);

CREATE TABLE findings (
  id TEXT PRIMARY KEY,
  run TEXT NOT NULL,
  defect TEXT NOT NULL,
  open INTEGER NOT NULL CHECK (open IN (0, 1)),
  touched_utc_ms REAL NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX findings_run ON findings (run, open);

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  lane TEXT NOT NULL CHECK (lane IN ('alert', 'run', 'image')),
  topic TEXT NOT NULL,
  content_type TEXT NOT NULL,
  payload BLOB,
  file TEXT,
  bytes INTEGER NOT NULL,
  boot TEXT NOT NULL,
  committed_utc_ms REAL NOT NULL,
  committed_mono_ms REAL NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  reason INTEGER,
  CHECK ((payload IS NULL) <> (file IS NULL))
) STRICT;
CREATE INDEX outbox_lane ON outbox (lane, id);
CREATE INDEX outbox_file ON outbox (file) WHERE file IS NOT NULL;

CREATE TABLE evidence (
  file TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('clean', 'annotated')),
  finding TEXT NOT NULL,
  run TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  captured_utc_ms REAL NOT NULL,
  probability REAL NOT NULL,
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  boot TEXT NOT NULL,
  saved_utc_ms REAL NOT NULL,
  saved_mono_ms REAL NOT NULL,
  dropped TEXT
) STRICT;
CREATE INDEX evidence_finding ON evidence (finding);
CREATE INDEX evidence_live ON evidence (dropped) WHERE dropped IS NULL;

CREATE TABLE drops (
  reason TEXT PRIMARY KEY,
  count INTEGER NOT NULL
) STRICT;

CREATE TABLE commits (
  session TEXT NOT NULL,
  number INTEGER NOT NULL,
  ids TEXT NOT NULL,
  PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE totals (
  name TEXT PRIMARY KEY,
  count INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  unheard INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES ('alert', 0, 0, 0), ('run', 0, 0, 0), ('image', 0, 0, 0), ('stills', 0, 0, 0);

CREATE TRIGGER outbox_in AFTER INSERT ON outbox BEGIN
  UPDATE totals SET count = count + 1, bytes = bytes + NEW.bytes, unheard = unheard + (NEW.reason IS 16)
  WHERE name = NEW.lane;
END;
CREATE TRIGGER outbox_out AFTER DELETE ON outbox BEGIN
  UPDATE totals SET count = count - 1, bytes = bytes - OLD.bytes, unheard = unheard - (OLD.reason IS 16)
  WHERE name = OLD.lane;
END;
CREATE TRIGGER outbox_marked AFTER UPDATE OF reason ON outbox BEGIN
  UPDATE totals SET unheard = unheard + (NEW.reason IS 16) - (OLD.reason IS 16) WHERE name = NEW.lane;
END;
CREATE TRIGGER evidence_in AFTER INSERT ON evidence WHEN NEW.dropped IS NULL BEGIN
  UPDATE totals SET count = count + 1, bytes = bytes + NEW.bytes WHERE name = 'stills';
END;
CREATE TRIGGER evidence_dropped AFTER UPDATE OF dropped ON evidence
WHEN OLD.dropped IS NULL AND NEW.dropped IS NOT NULL BEGIN
  UPDATE totals SET count = count - 1, bytes = bytes - OLD.bytes WHERE name = 'stills';
END;

PRAGMA user_version = 1;
`;

/**
 * Version 2. `alerts` keeps what the surface was told, byte for byte, so that it can be told again: `newest` marks the
 * last alert of each finding, `outbox` the row that carries or carried it.
 */
const VERSION_2 = `
CREATE TABLE alerts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  outbox INTEGER NOT NULL,
  run TEXT NOT NULL,
  finding TEXT NOT NULL,
  newest INTEGER NOT NULL CHECK (newest IN (0, 1)),
  topic TEXT NOT NULL,
  content_type TEXT NOT NULL,
  payload BLOB NOT NULL,
  bytes INTEGER NOT NULL,
  boot TEXT NOT NULL,
  committed_utc_ms REAL NOT NULL,
  committed_mono_ms REAL NOT NULL
) STRICT;
CREATE INDEX alerts_finding ON alerts (finding, newest);
CREATE INDEX alerts_newest ON alerts (newest, id);
CREATE INDEX alerts_run ON alerts (run, id);

INSERT INTO totals VALUES ('told', 0, 0, 0);
CREATE TRIGGER alerts_in AFTER INSERT ON alerts BEGIN
  UPDATE totals SET count = count + 1, bytes = bytes + NEW.bytes WHERE name = 'told';
END;
CREATE TRIGGER alerts_out AFTER DELETE ON alerts BEGIN
  UPDATE totals SET count = count - 1, bytes = bytes - OLD.bytes WHERE name = 'told';
END;

PRAGMA user_version = 2;
`;

/** Every step from an empty file to the newest schema, in order. A step that has been released never changes. */
export const MIGRATIONS: readonly Migration[] = [
  { version: 1, sql: VERSION_1 },
  { version: 2, sql: VERSION_2 },
];

/** The version that a list of migrations ends at. */
export function newestVersion(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}

/** The error of a file that a newer SPECTA wrote. */
export function schemaNewer(path: string, found: number, known: number): SpectaError {
  return new SpectaError(
    'RECORD_SCHEMA_NEWER',
    `The record ${path} has schema ${found}; this SPECTA knows up to ${known}. It was left as it is.`,
    'Start the newer SPECTA that wrote it, or move the file away to begin a fresh record.',
  );
}

/** The schema version of an open database; 0 when it is empty. */
export function schemaVersion(db: DatabaseSync): number {
  const row = db.prepare('PRAGMA user_version').get();
  return row === undefined ? 0 : number(row, 'user_version');
}

/**
 * Brings a database to the newest schema, all steps in one transaction: after a crash or an error it has the old
 * schema or the new one, whole.
 *
 * @throws SpectaError `RECORD_SCHEMA_NEWER`; SQLite's own errors
 */
export function migrate(db: DatabaseSync, path: string, migrations: readonly Migration[] = MIGRATIONS): void {
  const found = schemaVersion(db);
  const known = newestVersion(migrations);
  if (found > known) throw schemaNewer(path, found, known);
  if (found === known) return;
  db.exec('BEGIN IMMEDIATE');
  try {
    for (const step of migrations) {
      if (step.version > found) db.exec(step.sql);
    }
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
