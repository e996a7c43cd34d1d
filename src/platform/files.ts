import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { SpectaError, systemCode } from './errors.ts';

/** What stands at a path. */
export interface FileFacts {
  readonly kind: 'file' | 'folder' | 'other';
  /** Size in bytes; of a folder, whatever the file system says. */
  readonly bytes: number;
  /** UTC ms of the last change. */
  readonly modifiedUtcMs: number;
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

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The folders on the way to `path` that do not exist, outermost first. Throws for a file in the way. */
async function missingFolders(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    try {
      // A file here is refused by the operating system, in its own words.
      if (!(await stat(at)).isDirectory()) await mkdir(at);
      return missing;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      missing.unshift(at);
    }
  }
}

/** One folder at a time: Node's recursive mkdir never comes back where a parent exists but takes no folder (/proc). */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
  }
}

/** The machine's disk. */
export const nodeFiles: FileSystem = {
  readFile: (path) =>
    attempt('read', path, async () => {
      const bytes = await readFile(path);
      // Small reads come out of a shared pool: give the caller bytes of its own.
      return new Uint8Array(bytes);
    }),

  writeFile: (path, bytes) =>
    attempt('write', path, async () => {
      const handle = await open(path, 'w', 0o644);
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
    }),

  rename: (from, to) => attempt(`rename ${from} to`, to, () => rename(from, to)),

  syncFolder: (path) => attempt('sync', path, () => syncFolder(path)),

  mkdir: (path) =>
    attempt('create', path, async () => {
      for (const folder of await missingFolders(resolve(path))) {
        await makeFolder(folder);
        await syncFolder(dirname(folder));
      }
    }),

  list: (path) =>
    attempt('list', path, async () => {
      try {
        return (await readdir(path)).sort();
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return [];
        throw error;
      }
    }),

  remove: (path) => attempt('remove', path, () => rm(path, { recursive: true, force: true })),

  stat: (path) =>
    attempt('look at', path, async () => {
      try {
        const facts = await stat(path);
        const kind = facts.isFile() ? 'file' : facts.isDirectory() ? 'folder' : 'other';
        return { kind, bytes: facts.size, modifiedUtcMs: facts.mtimeMs };
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return null;
        throw error;
      }
    }),

  freeBytes: (path) =>
    attempt('measure', path, async () => {
      const facts = await statfs(path);
      return facts.bavail * facts.bsize;
    }),
};

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
