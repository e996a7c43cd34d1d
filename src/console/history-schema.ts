import type { DatabaseSync } from 'node:sqlite';
import { SpectaError } from '../platform/errors.ts';

/**
 * What the console keeps. `alerts` holds each alert once, by the vehicle's own order; `findings` the newest word on each
 * defect, with what the list is sorted and filtered by in columns of its own. Times are UTC ms: `at` by the vehicle's
 * clock, `heard` by ours.
 */
const VERSION_1 = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE vehicles (name TEXT PRIMARY KEY, heard REAL) STRICT, WITHOUT ROWID;

CREATE TABLE boots (
  number INTEGER PRIMARY KEY,
  vehicle TEXT NOT NULL,
  boot TEXT NOT NULL,
  UNIQUE (vehicle, boot)
) STRICT;

CREATE TABLE alerts (
  vehicle TEXT NOT NULL,
  boot TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  finding TEXT NOT NULL,
  at REAL NOT NULL,
  heard REAL NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (vehicle, boot, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_finding ON alerts (vehicle, finding);

CREATE TABLE findings (
  vehicle TEXT NOT NULL,
  id TEXT NOT NULL,
  run TEXT NOT NULL,
  class TEXT NOT NULL,
  severity INTEGER NOT NULL,
  opened REAL NOT NULL,
  changed REAL NOT NULL,
  heard REAL NOT NULL,
  open INTEGER NOT NULL,
  review TEXT NOT NULL,
  acknowledged INTEGER NOT NULL,
  boot TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (vehicle, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX findings_severity ON findings (severity DESC, opened DESC, vehicle, id);
CREATE INDEX findings_opened ON findings (opened DESC, vehicle, id);
CREATE INDEX findings_vehicle ON findings (vehicle, severity DESC, opened DESC, id);
CREATE INDEX findings_waiting ON findings (vehicle, class) WHERE acknowledged = 0;

CREATE TABLE images (
  vehicle TEXT NOT NULL,
  finding TEXT NOT NULL,
  heard REAL NOT NULL,
  bytes INTEGER NOT NULL,
  jpeg BLOB NOT NULL,
  PRIMARY KEY (vehicle, finding)
) STRICT;
CREATE INDEX images_heard ON images (heard);

CREATE TABLE samples (
  vehicle TEXT NOT NULL,
  run TEXT NOT NULL,
  class TEXT NOT NULL,
  at REAL NOT NULL,
  probability REAL NOT NULL
) STRICT;
CREATE INDEX samples_run ON samples (vehicle, run, class, at);

CREATE TABLE coverage (
  vehicle TEXT NOT NULL,
  ended REAL NOT NULL,
  began REAL NOT NULL,
  run TEXT NOT NULL,
  seen REAL NOT NULL,
  blind REAL NOT NULL,
  lost REAL NOT NULL,
  reason TEXT,
  PRIMARY KEY (vehicle, ended)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
`;

/** Where along the route a stretch of coverage was, km. */
const VERSION_2 = `
ALTER TABLE coverage ADD COLUMN kp_from REAL;
ALTER TABLE coverage ADD COLUMN kp_to REAL;

PRAGMA user_version = 2;
`;

const STEPS: readonly string[] = [VERSION_1, VERSION_2];

/** Brings a history up to date. Throws `RECORD_SCHEMA_NEWER` for one that a newer console wrote. */
export function migrateHistory(db: DatabaseSync, path: string): void {
  const row = db.prepare('PRAGMA user_version').get();
  const found = Number(row?.user_version ?? 0);
  if (found > STEPS.length) {
    throw new SpectaError(
      'RECORD_SCHEMA_NEWER',
      `The console's history ${path} was written by a newer SPECTA (schema ${found}, this one knows ${STEPS.length}).`,
      'Use that version, or give another folder with --folder.',
    );
  }
  for (const step of STEPS.slice(found)) {
    db.exec('BEGIN IMMEDIATE');
    db.exec(step);
    db.exec('COMMIT');
  }
}
