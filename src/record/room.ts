import { SpectaError } from '../platform/errors.ts';
import type { OpenRecord } from './open-record.ts';

/** Times that a full disk is met with removing old stills before a request gives up. */
const TRIES = 16;

export function isFull(error: unknown): boolean {
  return error instanceof SpectaError && error.code === 'DISK_FULL';
}

/** Does `work`; while the disk is full, removes the oldest stills and does it again. */
export async function withRoom<T>(record: OpenRecord, work: () => T | Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isFull(error) || tries >= TRIES || !(await record.retention.makeRoom(record, 'disk-full')))
        throw error;
    }
  }
}

/**
 * Leaves the last of the disk to alerts: removes old stills until `reserveBytes` are free.
 *
 * @throws SpectaError `DISK_FULL` when that is not enough: no picture shall be written then
 */
export async function wantRoom(record: OpenRecord, reserveBytes: number): Promise<void> {
  for (let tries = 0; (await record.stills.freeBytes()) < reserveBytes; tries++) {
    if (tries < TRIES && (await record.retention.makeRoom(record, 'disk-full'))) continue;
    throw new SpectaError(
      'DISK_FULL',
      `Less than ${Math.ceil(reserveBytes / 1e6)} MB are free: no pictures are kept, so that alerts are.`,
      'Free space on the disk that holds the state folder.',
    );
  }
}
