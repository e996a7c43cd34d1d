import { join, resolve } from 'node:path';
import { z } from 'zod';
import { SpectaError } from '../../platform/errors.ts';
import { type FileLock, lockFile, readLockFile } from '../../platform/file-lock.ts';
import { nodeFiles } from '../../platform/files.ts';
import type { Logger } from '../../platform/log.ts';

/** Who holds a state folder. */
const holderSchema = z.object({
  pid: z.int().positive(),
  since: z.string(),
  /** Its control socket, absolute. */
  socket: z.string(),
});

export type Holder = z.infer<typeof holderSchema>;

export function lockPath(stateFolder: string): string {
  return join(resolve(stateFolder), 'daemon.lock');
}

/** What the lock's file says of its holder, dead or alive; null when it says nothing. */
export function readHolder(stateFolder: string): Holder | null {
  return holderOf(readLockFile(lockPath(stateFolder)));
}

function holderOf(text: string | null): Holder | null {
  if (text === null || text.trim() === '') return null;
  try {
    return holderSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch (error) {
    // Cut off by a crash or a full disk: the lock itself needs no text.
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * Makes this daemon the only one on its state folder. The lock dies with the process, so that nothing is left locked
 * after a crash. A disk that takes no lock keeps nobody on deck: that is logged, and null comes back.
 * Rejects with `DAEMON_RUNNING`, naming the process that holds it.
 */
export async function lockStateFolder(
  stateFolder: string,
  holder: Holder,
  log: Logger,
): Promise<FileLock | null> {
  const path = lockPath(stateFolder);
  let found: ReturnType<typeof lockFile>;
  try {
    await nodeFiles.mkdir(resolve(stateFolder));
    found = lockFile(path);
    if (!('heldBy' in found)) found.write(`${JSON.stringify(holder)}\n`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log.error({ path }, `the state folder cannot be locked against a second daemon: ${why}`);
    return null;
  }
  if (!('heldBy' in found)) return found;
  const other = holderOf(found.heldBy);
  const who = other === null ? 'another process' : `process ${other.pid}, since ${other.since}`;
  throw new SpectaError(
    'DAEMON_RUNNING',
    `A daemon runs on the state folder ${resolve(stateFolder)} already: ${who}.`,
    other === null
      ? 'Stop it first (systemctl stop specta), or give this one a stateFolder of its own.'
      : `Stop it first (systemctl stop specta, or kill ${other.pid}), or give this one a stateFolder of its own.`,
  );
}
