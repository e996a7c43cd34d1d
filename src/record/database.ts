import { type FileHandle, open } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { SpectaError, systemCode } from '../platform/errors.ts';
import { diskError, type FileSystem } from '../platform/files.ts';
import { text } from './row.ts';
import { MIGRATIONS, type Migration, migrate, newestVersion, schemaNewer, schemaVersion } from './schema.ts';

/** How long SQLite waits for another process that holds the file, ms: a report that reads takes less. */
const BUSY_MS = 1_000;

/** Where SQLite's file header keeps `user_version`: four bytes, big-endian (sqlite.org/fileformat.html, 1.3). */
const VERSION_OFFSET = 60;

const MAGIC = 'SQLite format 3\u0000';
const HEADER_BYTES = 100;

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

/** An open record. */
export interface OpenedDatabase {
  readonly db: DatabaseSync;
  /** Whether it began empty, so that nothing on the disk can be in its index. */
  readonly fresh: boolean;
  /** Where the damaged file before it was put; null when there was none. */
  readonly movedAside: string | null;
}

/** SQLite's primary result code of an error; null when it is not SQLite's. */
function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null;
  return error.errcode & 0xff;
}

/**
 * A failure of the record as SPECTA tells it: `DISK_FULL`, `RECORD_CORRUPT`, `RECORD_BUSY` or `DISK_FAILED`.
 * An error that is not SQLite's is given back as a fault of ours or of the file system.
 *
 * @param path the database file
 */
export function recordError(error: unknown, path: string): unknown {
  const code = resultCode(error);
  if (code === null || !(error instanceof Error)) return error;
  switch (code) {
    case SQLITE_FULL:
      return new SpectaError(
        'DISK_FULL',
        `Cannot write to the record ${path}: no space is left.`,
        'Free space on that disk, or lower the limits of the record in the configuration.',
        error,
      );
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new SpectaError(
        'RECORD_CORRUPT',
        `The record ${path} is damaged: ${error.message}.`,
        'It is moved aside and kept; check the storage for faults.',
        error,
      );
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return new SpectaError(
        'RECORD_BUSY',
        `Another process holds the record ${path}.`,
        'Stop the other SPECTA or tool that works on the same state folder.',
        error,
      );
    default:
      return diskError(error, 'use the record', path);
  }
}

/** The first bytes of the file, as far as SQLite's header goes; null when there is no whole one. */
async function readHeader(path: string): Promise<Buffer | null> {
  let handle: FileHandle | null = null;
  try {
    handle = await open(path, 'r');
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return bytesRead === HEADER_BYTES ? buffer : null;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw diskError(error, 'read', path);
  } finally {
    await handle?.close();
  }
}

/**
 * Refuses a file of a newer schema before SQLite opens it, which could already write to it. Only the header is
 * looked at; a version that is still in the log only is found by `migrate`.
 */
async function refuseNewer(path: string, known: number): Promise<void> {
  const header = await readHeader(path);
  if (header === null || header.toString('latin1', 0, MAGIC.length) !== MAGIC) return;
  const found = header.readUInt32BE(VERSION_OFFSET);
  if (found > known) throw schemaNewer(path, found, known);
}

interface Healthy {
  readonly db: DatabaseSync;
  readonly fresh: boolean;
}

function openHealthy(path: string, migrations: readonly Migration[]): Healthy {
  const db = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    const verdict = db.prepare('PRAGMA quick_check(1)').get();
    if (verdict && text(verdict, 'quick_check') !== 'ok') {
      throw new SpectaError(
        'RECORD_CORRUPT',
        `The record ${path} is damaged: ${text(verdict, 'quick_check')}`,
        'It is moved aside and kept; check the storage for faults.',
      );
    }
    db.exec('PRAGMA journal_mode = WAL');
    db.exec('PRAGMA synchronous = FULL');
    // A short log (1 MiB): on a nearly full disk it must not take what alerts need.
    db.exec('PRAGMA wal_autocheckpoint = 256');
    db.exec('PRAGMA journal_size_limit = 1048576');
    const fresh = schemaVersion(db) === 0;
    migrate(db, path, migrations);
    return { db, fresh };
  } catch (error) {
    db.close();
    throw recordError(error, path);
  }
}

async function moveAside(fs: FileSystem, path: string, folder: string, utcMs: number): Promise<string> {
  const stamp = new Date(utcMs).toISOString().replaceAll(':', '-');
  let kept = `${path}.corrupt-${stamp}`;
  for (let again = 2; (await fs.stat(kept)) !== null; again++) kept = `${path}.corrupt-${stamp}-${again}`;
  // The log belongs to the file: SQLite would play it into a fresh one of the same name.
  for (const part of ['-wal', '-shm', '']) {
    if ((await fs.stat(path + part)) !== null) await fs.rename(path + part, kept + part);
  }
  await fs.syncFolder(folder);
  return kept;
}

/**
 * Opens the record, creating or migrating it. A damaged file is moved aside with the time in its name and a fresh
 * one is begun.
 *
 * @param folder holds the file; must exist
 * @param path the database file
 * @throws SpectaError `RECORD_SCHEMA_NEWER` (the file is not touched), `DISK_FULL`, `DISK_FAILED`, `RECORD_BUSY`
 */
export async function openDatabase(
  fs: FileSystem,
  folder: string,
  path: string,
  utcMs: number,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<OpenedDatabase> {
  await refuseNewer(path, newestVersion(migrations));
  try {
    return { ...openHealthy(path, migrations), movedAside: null };
  } catch (error) {
    if (!(error instanceof SpectaError) || error.code !== 'RECORD_CORRUPT') throw error;
  }
  const movedAside = await moveAside(fs, path, folder, utcMs);
  return { ...openHealthy(path, migrations), movedAside };
}

/**
 * Runs `work` as one transaction: all of it is on the disk, or nothing of it has happened.
 *
 * @param durable false: survives a death of the process, but perhaps not a loss of power just after
 */
export function transaction<T>(db: DatabaseSync, durable: boolean, work: () => T): T {
  db.exec(durable ? 'PRAGMA synchronous = FULL' : 'PRAGMA synchronous = NORMAL');
  db.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    db.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite has rolled back by itself after some errors (full disk, I/O).
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
