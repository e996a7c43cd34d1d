import { randomBytes } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import { type DiskCalls, type DiskFacts, nodeCalls } from './disk-calls.ts';
import { SpectaError, systemCode } from './errors.ts';

/** What stands at a path. */
export interface FileFacts {
  readonly kind: 'file' | 'folder' | 'other';
  /** Size in bytes; of a folder, whatever the file system says. */
  readonly bytes: number;
  /** UTC ms of the last change. */
  readonly modifiedUtcMs: number;
}

/** A plain file open for reading, from its beginning on. */
export interface ReadableFile {
  /** Size when it was opened. */
  readonly bytes: number;
  /** Puts the next bytes into `into`; resolves to how many, 0 at the end. */
  read(into: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** A new file open for writing. Not durable before {@link sync}, nor before the folder it stands in is synced. */
export interface WritableFile {
  write(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A lock that this process holds. */
export interface FileLock {
  /** Gives it back; idempotent. */
  release(): Promise<void>;
}

/**
 * The disk as the product sees it; injected, so that a test can let it fail at any operation.
 * Every method rejects with SpectaError `DISK_FULL` or `DISK_FAILED`.
 */
export interface FileSystem {
  readFile(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Creates or replaces the content in place and syncs it. Not atomic: use {@link writeDurably} for what matters. */
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  /** Moves within one file system, replacing what is there. Not durable before {@link syncFolder}. */
  rename(from: string, to: string): Promise<void>;
  /** Makes the names in a folder durable. */
  syncFolder(path: string): Promise<void>;
  /** Creates the folder and its missing parents, each durable in its own parent. Idempotent. */
  mkdir(path: string): Promise<void>;
  /** The names in a folder, sorted; empty when there is no such folder. */
  list(path: string): Promise<readonly string[]>;
  /** Removes a file or a folder with everything in it. Idempotent. */
  remove(path: string): Promise<void>;
  /** null when nothing stands there. */
  stat(path: string): Promise<FileFacts | null>;
  /** As {@link stat}, but a link is itself, and so `other`. */
  lstat(path: string): Promise<FileFacts | null>;
  /** Opens a plain file for reading; anything else there, a link included, is `DISK_FAILED`. */
  openFile(path: string): Promise<ReadableFile>;
  /** Makes a file that must not exist yet. @param permissions as of chmod(1), less the process's mask; default 0o644 */
  createFile(path: string, permissions?: number): Promise<WritableFile>;
  /** Takes the lock on a file, made if need be; null when another holds it. It ends with the process at the latest. */
  lock(path: string): Promise<FileLock | null>;
  /** Bytes that this user may still write to the file system that holds `path`. */
  freeBytes(path: string): Promise<number>;
}

const FULL_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

const HELP: Readonly<Record<string, string>> = {
  EACCES: 'Give the user that runs SPECTA the right to read and write there.',
  EPERM: 'Give the user that runs SPECTA the right to read and write there.',
  EROFS: 'The file system is mounted read-only: remount it writable, and check the storage for faults.',
  EIO: 'The storage gives errors: check its cable and health, and replace it.',
  ENOENT: 'Check that the path exists and that its file system is mounted.',
  ENOTDIR: 'A part of the path is a file, not a folder: name another place.',
  EISDIR: 'A folder stands where a file is wanted: name another place.',
  EMFILE: 'Too many files are open: raise the limit of open files (LimitNOFILE in the unit).',
};

/**
 * The error of a disk operation as SPECTA tells it: `DISK_FULL` for a full disk or quota, else `DISK_FAILED`.
 *
 * @param doing what was being done, as in "write"
 */
export function diskError(error: unknown, doing: string, path: string): SpectaError {
  if (error instanceof SpectaError) return error;
  const code = systemCode(error) ?? 'unknown';
  if (FULL_CODES.has(code)) {
    return new SpectaError(
      'DISK_FULL',
      `Cannot ${doing} ${path}: no space is left (${code}).`,
      'Free space on that disk, or lower the limits of the record in the configuration.',
      error,
    );
  }
  const why = error instanceof Error ? error.message : String(error);
  return new SpectaError(
    'DISK_FAILED',
    `Cannot ${doing} ${path}: ${why}`,
    HELP[code] ?? 'Check the disk, its mount and the rights on that path.',
    error,
  );
}

async function attempt<T>(doing: string, path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw diskError(error, doing, path);
  }
}

function factsOf(found: DiskFacts): FileFacts {
  const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
  return { kind, bytes: found.size, modifiedUtcMs: found.mtimeMs };
}

async function unlessMissing<T, Other>(otherwise: Other, operation: () => Promise<T>): Promise<T | Other> {
  try {
    return await operation();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return otherwise;
    throw error;
  }
}

async function syncFolder(calls: DiskCalls, path: string): Promise<void> {
  const handle = await calls.open(path, 'read');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The folders on the way to `path` that do not exist, outermost first. Throws for a file in the way. */
async function missingFolders(calls: DiskCalls, path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    try {
      // A file here is refused by the operating system, in its own words.
      if (!(await calls.stat(at)).isDirectory()) await calls.mkdir(at);
      return missing;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      missing.unshift(at);
    }
  }
}

/** One folder at a time: Node's recursive mkdir never comes back where a parent exists but takes no folder (/proc). */
async function makeFolder(calls: DiskCalls, path: string): Promise<void> {
  try {
    await calls.mkdir(path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST' || !(await calls.stat(path)).isDirectory()) throw error;
  }
}

async function openPlain(calls: DiskCalls, path: string): Promise<ReadableFile> {
  const handle = await calls.open(path, 'plain');
  let bytes: number;
  try {
    const found = await handle.stat();
    if (!found.isFile()) throw new SpectaError('DISK_FAILED', `${path} is no plain file.`, 'Name a file.');
    bytes = found.size;
  } catch (error) {
    await handle.close();
    throw error;
  }
  return {
    bytes,
    read: (into) => attempt('read', path, () => handle.read(into, null)),
    close: () => attempt('close', path, () => handle.close()),
  };
}

async function createPlain(calls: DiskCalls, path: string, permissions: number): Promise<WritableFile> {
  const handle = await calls.open(path, 'create', permissions);
  return {
    write: (bytes) => attempt('write', path, () => handle.write(bytes)),
    sync: () => attempt('sync', path, () => handle.sync()),
    close: () => attempt('close', path, () => handle.close()),
  };
}

async function takeLock(calls: DiskCalls, path: string): Promise<FileLock | null> {
  const handle = await calls.open(path, 'lock');
  let isTaken = false;
  try {
    isTaken = await handle.lock();
  } finally {
    if (!isTaken) await handle.close();
  }
  if (!isTaken) return null;
  return {
    async release() {
      if (isTaken) await attempt('unlock', path, () => handle.close());
      isTaken = false;
    },
  };
}

/** The product's file system over an operating system's calls. */
export function filesOver(calls: DiskCalls): FileSystem {
  return {
    readFile: (path) =>
      attempt('read', path, async () => {
        const bytes = await calls.readFile(path);
        // Small reads come out of a shared pool: give the caller bytes of its own.
        return new Uint8Array(bytes);
      }),

    writeFile: (path, bytes) =>
      attempt('write', path, async () => {
        const handle = await calls.open(path, 'replace');
        try {
          await handle.write(bytes);
          await handle.sync();
        } finally {
          await handle.close();
        }
      }),

    rename: (from, to) => attempt(`rename ${from} to`, to, () => calls.rename(from, to)),

    syncFolder: (path) => attempt('sync', path, () => syncFolder(calls, path)),

    mkdir: (path) =>
      attempt('create', path, async () => {
        for (const folder of await missingFolders(calls, resolve(path))) {
          await makeFolder(calls, folder);
          await syncFolder(calls, dirname(folder));
        }
      }),

    list: (path) =>
      attempt('list', path, () => unlessMissing([], async () => (await calls.readdir(path)).sort())),

    remove: (path) => attempt('remove', path, () => calls.rm(path)),

    stat: (path) =>
      attempt('look at', path, () => unlessMissing(null, async () => factsOf(await calls.stat(path)))),

    lstat: (path) =>
      attempt('look at', path, () => unlessMissing(null, async () => factsOf(await calls.lstat(path)))),

    openFile: (path) => attempt('open', path, () => openPlain(calls, path)),

    createFile: (path, permissions = 0o644) =>
      attempt('create', path, () => createPlain(calls, path, permissions)),

    lock: (path) => attempt('lock', path, () => takeLock(calls, path)),

    freeBytes: (path) => attempt('measure', path, () => calls.freeBytes(path)),
  };
}

/** The machine's disk. */
export const nodeFiles: FileSystem = filesOver(nodeCalls);

const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

/** Whether a file name is one that {@link writeDurably} leaves behind when it is cut off. */
export function isTemporary(name: string): boolean {
  return TEMPORARY.test(name);
}

/**
 * Writes a whole file so that after a crash at any instant either the old or the new content is there, and the
 * new one once this resolves: temporary file, sync, rename, sync of the folder. The folder must exist.
 * A write that fails leaves the old content; its temporary file is removed if the disk lets it.
 */
export async function writeDurably(fs: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await fs.writeFile(temporary, bytes);
    await fs.rename(temporary, path);
  } catch (error) {
    // The first failure is the one to tell; a temporary file that cannot go now is swept at the next start.
    await fs.remove(temporary).catch(() => undefined);
    throw error;
  }
  await fs.syncFolder(folder);
}
