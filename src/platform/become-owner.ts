import { lstatSync } from 'node:fs';
import { SpectaError, systemCode } from './errors.ts';

/**
 * Makes this process the user that a folder belongs to, for good, when it is root and the folder is somebody else's.
 * What it writes from then on has the right owner, and a link planted in that folder leads root nowhere.
 *
 * @returns whose rights it took; null when nothing changed
 * Throws `DISK_FAILED` when root finds no such folder: one that root made would lock its user out.
 */
export function becomeOwner(folder: string): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const { uid, gid } = factsOf(folder);
  if (uid === 0) return null;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  return { uid, gid };
}

function factsOf(folder: string): { readonly uid: number; readonly gid: number } {
  try {
    const found = lstatSync(folder);
    if (found.isDirectory()) return found;
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  throw new SpectaError(
    'DISK_FAILED',
    `There is no folder ${folder}, whose owner is asked for.`,
    'Start SPECTA once: its service makes its state folder, with the right owner.',
  );
}
