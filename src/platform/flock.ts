import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { SystemCallError } from './libc.ts';

/** `LOCK_EX | LOCK_NB` of flock(2), on Linux. */
const EXCLUSIVE_AT_ONCE = 2 | 4;

/**
 * Locks an open file for this opening alone (flock(2)), which Node does not offer. The kernel gives the lock back
 * whatever becomes of its holder, so there is none to be found stale after a power failure, as a file with a process
 * number in it would be.
 *
 * @returns false when another opening holds it
 * Throws `SystemCallError` when the file system knows no locks, and an error of koffi's where that has no binary.
 */
export function flock(descriptor: number, path: string): boolean {
  const koffi: typeof import('koffi') = createRequire(import.meta.url)('koffi');
  const call = koffi.load('libc.so.6').func('int flock(int descriptor, int operation)');
  for (;;) {
    const result: number = call(descriptor, EXCLUSIVE_AT_ONCE);
    if (result === 0) return true;
    const number = koffi.errno();
    if (number === constants.errno.EWOULDBLOCK) return false;
    if (number === constants.errno.EINTR) continue;
    const name = Object.entries(constants.errno).find(([, value]) => value === number)?.[0];
    throw new SystemCallError(`flock ${path}`, name ?? `errno ${number}`);
  }
}
