import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { flock } from './flock.ts';

/** A lock on a file, held until it is released or its process has died, however it dies. */
export interface FileLock extends Disposable {
  readonly path: string;
  /** Replaces what the file says of its holder. Throws Node's error when the disk takes no write. */
  write(text: string): void;
  /** Empties the file and gives the lock back; idempotent. The file stays: removing it would open a race. */
  release(): void;
}

/**
 * Takes the lock (flock(2)) on a file, which is made if need be. Its descriptor is not inherited by children.
 * Throws Node's error when the file cannot be opened, `SystemCallError` when the file system knows no locks, and an
 * error of koffi's where that has no binary.
 *
 * @returns the lock, or what its holder wrote into the file
 */
export function lockFile(path: string): FileLock | { readonly heldBy: string } {
  const descriptor = openSync(path, 'a+', 0o640);
  try {
    if (!flock(descriptor, path)) return closing(descriptor, { heldBy: readFileSync(path, 'utf8') });
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return new HeldLock(path, descriptor);
}

/** What stands in the file whether or not anybody holds the lock; null when it cannot be read. */
export function readLockFile(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}

function closing<T>(descriptor: number, value: T): T {
  closeSync(descriptor);
  return value;
}

class HeldLock implements FileLock {
  readonly path: string;
  private descriptor: number | null;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.descriptor = descriptor;
  }

  write(text: string): void {
    if (this.descriptor === null) return;
    ftruncateSync(this.descriptor, 0);
    writeSync(this.descriptor, text);
  }

  release(): void {
    const { descriptor } = this;
    if (descriptor === null) return;
    this.descriptor = null;
    try {
      ftruncateSync(descriptor, 0);
    } finally {
      closeSync(descriptor);
    }
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
