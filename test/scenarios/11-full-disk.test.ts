import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { systemCode } from '../../src/platform/errors.ts';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { peekBlackBox } from './black-box.ts';
import { onStage } from './stage.ts';

const run = promisify(execFile);

/** Room for the record and the reserve of 32 MiB that SPECTA leaves to alerts. */
const DISK_BYTES = 40 * 1_048_576;

/** Mounts a small disk at `folder`; says why where this user may not. */
async function mountSmallDisk(folder: string): Promise<string | null> {
  await mkdir(folder, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder]);
    return null;
  } catch (error) {
    return `a small tmpfs cannot be mounted here (needs root): ${String(error).split('\n')[0]}`;
  }
}

test(
  '11 the disk runs full: said on status/record, the daemon lives, and no committed alert is lost',
  {
    timeout: 90_000,
  },
  async (context) => {
    if (mosquittoMissing !== null) context.skip(mosquittoMissing);
    await onStage(async (stage) => {
      const missing = await mountSmallDisk(stage.stateFolder);
      if (missing !== null) context.skip(missing);
      try {
        const broker = await stage.broker();
        const bridge = await stage.surface(broker.url, { filters: ['specta/+/status/+', 'specta/+/light'] });
        const camera = await stage.liveCamera('crack');
        // Nobody is subscribed to alerts: they stay in the outbox.
        const daemon = await stage.daemon({ camera: { uri: camera.uri }, surface: { broker: broker.url } });
        await stage.until(
          'a first finding is committed',
          () => peekBlackBox(stage.stateFolder)?.waiting.length,
        );
        await stage.until('the record is well', () => bridge.last('status/record')?.condition === 'ok');
        await camera.show('sound');
        await stage.until('and closed', () =>
          peekBlackBox(stage.stateFolder)?.waiting.some(({ phase }) => phase === 'closed'),
        );
        const committed = peekBlackBox(stage.stateFolder)?.waiting ?? [];

        // Something else takes all of the disk.
        const filler = join(stage.stateFolder, 'filler');
        await fill(filler);
        await stage.until('status/record says so', () =>
          bridge.last('status/record')?.reason?.includes('DISK_FULL'),
        );
        await camera.show('rust');
        await stage.until('a commit was refused', () => daemon.output.includes('alert not committed yet'));
        await camera.show('crack');
        await stage.until('the light still works', () => bridge.last('light')?.shows === 'crack');
        expect(daemon.ending).toBeNull();
        expect(peekBlackBox(stage.stateFolder)?.waiting.slice(0, committed.length)).toEqual(committed);

        await rm(filler);
        await stage.until('it works again', () => bridge.last('status/record')?.condition === 'ok', 40_000);
        const surface = await stage.surface(broker.url);
        await stage.until(
          'what was found on the full disk is told',
          () => {
            const opened = surface.all('alerts').filter(({ phase }) => phase === 'opened');
            const rust = opened.find((alert) => alert.class === 'corrosion');
            return opened.some(
              (alert) => alert.class === 'crack' && alert.sequence > (rust?.sequence ?? Infinity),
            );
          },
          40_000,
        );
        const alerts = surface.all('alerts');
        expect(alerts.slice(0, committed.length).map(({ sequence }) => sequence)).toEqual(
          committed.map(({ sequence }) => sequence),
        );
        const sequences = alerts.map(({ sequence }) => sequence);
        expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
        expect(await daemon.stop()).toMatchObject({ code: 0 });
        expect(peekBlackBox(stage.stateFolder)?.damage).toBeNull();
      } finally {
        await Promise.all(stage.daemons.map((daemon) => daemon.kill()));
        await run('umount', [stage.stateFolder]).catch(() => undefined /* it was never mounted */);
      }
    });
  },
);

/** Writes until not a byte is left on the disk. */
async function fill(file: string): Promise<void> {
  try {
    await writeFile(file, Buffer.alloc(DISK_BYTES));
  } catch (error) {
    if (systemCode(error) !== 'ENOSPC') throw error;
  }
}
