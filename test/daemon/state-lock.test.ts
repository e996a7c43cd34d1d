import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { lockPath, readHolder, StateLock } from '../../src/daemon/control/state-lock.ts';
import { ManualClock } from '../../src/platform/clock.ts';
import { until } from '../scenarios/until.ts';
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
      for (let tries = 0; tries < 5; tries += 1) {
        await clock.advance(2_000);
        await sleep(20);
      }
      expect(told).toHaveLength(1);
      expect(told[0]).toContain('ENOSPC');
      await rm(join(folder, 'filler'));
      await until('it is tried again', async () => {
        await clock.advance(2_000);
        return told.length > 1;
      });
      expect(told.slice(1)).toEqual([expect.stringContaining('the state folder is locked')]);
      expect(readHolder(folder)).toEqual(holder);
      await expect(StateLock.take(folder, holder, log, clock)).rejects.toMatchObject({
        code: 'DAEMON_RUNNING',
      });
    } finally {
      lock.release();
      await disk.release();
    }
  }));
