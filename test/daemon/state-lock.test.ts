import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { lockPath, readHolder, StateLock } from '../../src/daemon/control/state-lock.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { mountSmallDisk } from '../soak/small-disk.ts';
import { withFolder } from './folder.ts';

const holder = { pid: process.pid, since: '2026-01-01T00:00:00.000Z', socket: '/run/specta/control.sock' };

test('a full disk takes no lock: told once, and taken when there is room, by the daemon that asked', (context) =>
  withFolder(async (folder) => {
    const disk = await mountSmallDisk(folder, 65_536);
    if (disk === null) return context.skip('a disk cannot be mounted here: it needs root');
    const told: string[] = [];
    const log = pino({ base: null, timestamp: false }, { write: (line) => void told.push(line) });
    const clock = new ManualClock();
    // Made before: a full disk has no room for a new name.
    await writeFile(lockPath(folder), '');
    const { bsize, bavail } = await statfs(folder);
    await writeFile(join(folder, 'filler'), new Uint8Array(bsize * bavail));
    const lock = await StateLock.take(folder, holder, log, clock);
    try {
      await clock.advance(10_000);
      expect(told).toHaveLength(1);
      expect(told[0]).toContain('ENOSPC');
      await rm(join(folder, 'filler'));
      await clock.advance(2_000);
      expect(told.slice(1)).toEqual([expect.stringContaining('the state folder is locked')]);
      expect(readHolder(folder)).toEqual(holder);
      await expect(StateLock.take(folder, holder, log, clock)).rejects.toMatchObject({ code: 'DAEMON_RUNNING' });
    } finally {
      lock.release();
      await disk.release();
    }
  }));
