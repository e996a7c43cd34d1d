import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../platform/errors.ts';
import { diskError, nodeFiles } from '../platform/files.ts';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/**
 * A new folder for the state of this demo below `parent`; those of demos that have ended are removed.
 * Throws `DISK_FULL` or `DISK_FAILED`.
 */
export async function beginSession(parent: string): Promise<string> {
  const folder = join(parent, `session-${process.pid}`);
  try {
    await nodeFiles.mkdir(parent);
    for (const name of await readdir(parent)) {
      const pid = Number(/^session-(\d+)$/.exec(name)?.[1]);
      // One of our own number is of a process that had it before us.
      if (pid === process.pid || (pid > 0 && !isAlive(pid)))
        await rm(join(parent, name), { recursive: true, force: true });
    }
    await mkdir(folder);
    return folder;
  } catch (error) {
    throw diskError(error, 'make the folder', folder);
  }
}
