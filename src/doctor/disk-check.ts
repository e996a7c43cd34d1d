import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemCode } from '../platform/errors.ts';
import { bad, type Check, good, warning } from './examination.ts';

const LITTLE_BYTES = 1e9;

/** The folder itself, or the nearest one above it that is there. */
export async function nearestFolder(folder: string): Promise<string> {
  try {
    await stat(folder);
    return folder;
  } catch (error) {
    const parent = dirname(folder);
    if (systemCode(error) !== 'ENOENT' || parent === folder) throw error;
    return nearestFolder(parent);
  }
}

/** Where the daemon keeps its record; nothing is made or written. */
export function diskCheck(stateFolder: string): Check {
  return {
    name: 'disk',
    async look() {
      const folder = resolve(stateFolder);
      try {
        const there = await nearestFolder(folder);
        if (!(await stat(there)).isDirectory())
          return [bad('disk', `${there} is a file`, 'Name another stateFolder, or move the file away.')];
        await access(there, constants.W_OK | constants.X_OK);
        const { bavail, bsize } = await statfs(there);
        const free = bavail * bsize;
        const later = there === folder ? '' : ', made at the first start';
        const found = `${folder}${later}: ${(free / 1e9).toFixed(1)} GB free`;
        return free < LITTLE_BYTES
          ? [warning('disk', found, 'Make room: less than 1 GB is left for stills and alerts.')]
          : [good('disk', found)];
      } catch (error) {
        return [
          bad(
            'disk',
            `${folder} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
            'Create it and give it to the user that runs SPECTA.',
          ),
        ];
      }
    },
  };
}
