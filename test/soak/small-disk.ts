import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A small disk of its own at a folder. */
export interface SmallDisk {
  release(): Promise<void>;
}

/** Mounts a small disk (a tmpfs) at `folder`, made if need be; null where this user may not. */
export async function mountSmallDisk(folder: string, bytes: number): Promise<SmallDisk | null> {
  await mkdir(folder, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]);
  } catch {
    // Needs root: the caller tells that the disk is never filled.
    return null;
  }
  return {
    async release() {
      await run('umount', [folder]);
    },
  };
}
