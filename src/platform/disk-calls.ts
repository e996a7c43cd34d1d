import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { flock } from './flock.ts';

/** An open file or folder. */
export interface OpenedFile {
  /** Puts bytes from `position` on (null: where the last call ended) into `into`; 0 at the end. */
  read(into: Uint8Array, position: number | null): Promise<number>;
  /** Writes all of `bytes` behind what was written before. */
  write(bytes: Uint8Array): Promise<void>;
  /** fsync(2). */
  sync(): Promise<void>;
  stat(): Promise<DiskFacts>;
  /**
   * An exclusive flock(2), which ends with the opening or the process.
   *
   * @returns false when another opening holds it
   */
  lock(): Promise<boolean>;
  close(): Promise<void>;
}

/** What stat(2) tells. */
export interface DiskFacts {
  readonly size: number;
  readonly mtimeMs: number;
  readonly uid: number;
  readonly gid: number;
  isFile(): boolean;
  isDirectory(): boolean;
}

/**
 * How a file is opened: `read` a file or folder; `plain` for reading, a link at the end of the path is refused (ELOOP);
 * `replace` for writing, emptied or made; `create` for writing, must not exist (EEXIST); `lock` made if need be, for
 * nothing but its lock.
 */
export type OpenMode = 'read' | 'plain' | 'replace' | 'create' | 'lock';

/**
 * The operating system's calls below {@link FileSystem}, each one step that power can fall behind. Injected, so that a
 * test sees every sync that the product makes or leaves out. They reject as Node's own do, with `code`.
 */
export interface DiskCalls {
  open(path: string, mode: OpenMode, permissions?: number): Promise<OpenedFile>;
  readFile(path: string): Promise<Uint8Array>;
  rename(from: string, to: string): Promise<void>;
  mkdir(path: string): Promise<void>;
  readdir(path: string): Promise<string[]>;
  /** Removes a file, or a folder with everything in it; nothing there is no error. */
  rm(path: string): Promise<void>;
  stat(path: string): Promise<DiskFacts>;
  /** As stat, but a link is itself. */
  lstat(path: string): Promise<DiskFacts>;
  /** Bytes that this user may still write. */
  freeBytes(path: string): Promise<number>;
}

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants;
const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  // A FIFO in a file's place must not hold the reader.
  plain: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
  replace: O_WRONLY | O_CREAT | O_TRUNC,
  create: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
  lock: O_RDONLY | O_CREAT | O_NOFOLLOW,
};

/** The machine's own calls. */
export const nodeCalls: DiskCalls = {
  async open(path, mode, permissions = 0o644) {
    const handle = await open(path, FLAGS[mode], permissions);
    return {
      read: async (into, position) => (await handle.read(into, 0, into.byteLength, position)).bytesRead,
      write: (bytes) => handle.writeFile(bytes),
      sync: () => handle.sync(),
      stat: () => handle.stat(),
      lock: async () => flock(handle.fd, path),
      close: () => handle.close(),
    };
  },
  readFile: (path) => readFile(path),
  rename: (from, to) => rename(from, to),
  mkdir: async (path) => {
    await mkdir(path);
  },
  readdir: (path) => readdir(path),
  rm: (path) => rm(path, { recursive: true, force: true }),
  stat: (path) => stat(path),
  lstat: (path) => lstat(path),
  async freeBytes(path) {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
};
