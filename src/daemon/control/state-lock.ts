import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../../platform/clock.ts';
import { asSpectaError, SpectaError } from '../../platform/errors.ts';
import { type FileLock, lockFile, readLockFile } from '../../platform/file-lock.ts';
import { nodeFiles } from '../../platform/files.ts';
import type { Logger } from '../../platform/log.ts';
import { every, type Repetition } from '../every.ts';

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

/** So often a disk that took no lock is asked again, ms. */
const AGAIN_MS = 2_000;

/** This daemon's lock on its state folder, taken as soon as the disk lets it be taken. */
export class StateLock {
  private readonly path: string;
  private readonly holder: Holder;
  private readonly log: Logger;
  private lock: FileLock | null = null;
  private trying: Repetition | null = null;
  private complaint: string | null = null;
  private isReleased = false;

  private constructor(stateFolder: string, holder: Holder, log: Logger) {
    this.path = lockPath(stateFolder);
    this.holder = holder;
    this.log = log;
  }

  /**
   * Makes this daemon the only one on its state folder. The lock dies with the process, so that nothing is left locked
   * after a crash. A disk that takes no lock keeps nobody on deck: that is logged, and tried again until it does.
   * Rejects with `DAEMON_RUNNING`, naming the process that holds it.
   */
  static async take(stateFolder: string, holder: Holder, log: Logger, clock: Clock): Promise<StateLock> {
    const lock = new StateLock(stateFolder, holder, log);
    if (!(await lock.attempt())) {
      lock.trying = every(
        clock,
        AGAIN_MS,
        () => lock.again(),
        (error) => lock.complain(String(error)),
      );
    }
    return lock;
  }

  /** Gives it back; idempotent. */
  release(): void {
    this.isReleased = true;
    this.trying?.cancel();
    this.lock?.release();
    this.lock = null;
  }

  /** Whether it is taken now; throws `DAEMON_RUNNING`. */
  private async attempt(): Promise<boolean> {
    let found: ReturnType<typeof lockFile>;
    try {
      await nodeFiles.mkdir(dirname(this.path));
      if (this.isReleased) return true;
      found = lockFile(this.path);
      if (!('heldBy' in found)) this.hold(found);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.complain(`the state folder cannot be locked against a second daemon: ${why}`);
      return false;
    }
    if ('heldBy' in found) throw this.isHeld(found.heldBy);
    return true;
  }

  /** Keeps a lock once its file tells of this daemon; one that is only dropped would keep this daemon itself out. */
  private hold(lock: FileLock): void {
    try {
      lock.write(`${JSON.stringify(this.holder)}\n`);
    } catch (error) {
      lock.release();
      throw error;
    }
    this.lock = lock;
  }

  private async again(): Promise<void> {
    try {
      if (!(await this.attempt())) return;
      this.log.info({ path: this.path }, 'the state folder is locked against a second daemon');
      this.trying?.cancel();
    } catch (error) {
      // Another one came first while the disk was away. It is told, and this one goes on: it may hold the camera.
      const { code, message } = asSpectaError(error);
      this.complain(`${code}: ${message}`);
    }
  }

  /** Once for each reason: it is tried often. */
  private complain(why: string): void {
    if (why === this.complaint) return;
    this.complaint = why;
    this.log.error({ path: this.path }, why);
  }

  private isHeld(text: string): SpectaError {
    const other = holderOf(text);
    const who = other === null ? 'another process' : `process ${other.pid}, since ${other.since}`;
    return new SpectaError(
      'DAEMON_RUNNING',
      `A daemon runs on the state folder ${dirname(this.path)} already: ${who}.`,
      other === null
        ? 'Stop it first (systemctl stop specta), or give this one a stateFolder of its own.'
        : `Stop it first (systemctl stop specta, or kill ${other.pid}), or give this one a stateFolder of its own.`,
    );
  }
}
