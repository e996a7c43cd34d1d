import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ManualClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { type BlackBox, openBlackBox } from '../../src/record/black-box.ts';
import { DATABASE_FILE } from '../../src/record/open-record.ts';
import { jpegFrame, newFolder, sampleFinding, sampleJpeg, sampleMessage } from './samples.ts';

const run = promisify(execFile);

/** Mounts a small disk; null where this user may not. */
async function smallDisk(): Promise<{ folder: string; release: () => Promise<void> } | null> {
  const folder = join(await newFolder(), 'disk');
  await mkdir(folder);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder]);
  } catch (error) {
    console.log(
      `skipped: a small tmpfs cannot be mounted here (needs root): ${String(error).split('\n')[0]}`,
    );
    return null;
  }
  return {
    folder,
    release: async () => {
      await run('umount', [folder]);
    },
  };
}

const big = (name: string) => sampleMessage(name.padEnd(3_000, '.'));

async function commitUntilFull(box: BlackBox, prefix: string): Promise<string[]> {
  const kept: string[] = [];
  for (let i = 0; i < 2_000; i++) {
    const name = `${prefix}${i}`;
    try {
      await box.commit({ finding: sampleFinding(name, 'r'), messages: [big(name)] });
      kept.push(name);
    } catch (error) {
      expect(error).toMatchObject({ code: 'DISK_FULL' });
      return kept;
    }
  }
  throw new Error('the disk was never full');
}

async function alerts(box: BlackBox): Promise<string[]> {
  const entries = await box.head('alert', 5_000);
  return entries.map((entry) => new TextDecoder().decode(entry.payload).replace(/\.+$/, ''));
}

test('a full disk: stills make room, then commits are refused whole, and it goes on by itself with space', async (context) => {
  const disk = await smallDisk();
  if (disk === null) return context.skip();
  const clock = new ManualClock();
  const folder = join(disk.folder, 'record');
  const box = await openBlackBox({
    folder,
    boot: 'b',
    clock,
    log: silentLog(),
    limits: { reserveBytes: 400_000 },
  });
  try {
    // Pictures use the disk up to the reserve; from then on the oldest give way.
    const frame = jpegFrame(await sampleJpeg(640, 480));
    for (let i = 0; i < 60; i++) {
      const findingId = `s${i}`;
      const evidence = await box.saveStill({ findingId, runId: 'r', frame, peakProbability: 0.9 });
      await box.commit({ finding: sampleFinding(findingId, 'r'), evidence, messages: [] });
    }
    expect(box.depth().dropped['still-disk-full']).toBeGreaterThan(0);
    expect(box.status.condition).toBe('ok');

    // Something else fills the disk: alerts still fit, because stills go for them.
    const filler = join(disk.folder, 'filler');
    await writeFile(filler, Buffer.alloc(300_000));
    const kept = await commitUntilFull(box, 'a');
    expect(kept.length).toBeGreaterThan(20);
    expect(box.status).toMatchObject({ condition: 'failed' });
    expect(box.status.reason).toContain('DISK_FULL');
    expect(await alerts(box)).toEqual(kept);

    // Still full: still refused, still whole.
    await expect(
      box.commit({ finding: sampleFinding('x', 'r'), messages: [big('x')] }),
    ).rejects.toMatchObject({ code: 'DISK_FULL' });
    await clock.advance(10_000);
    expect(await alerts(box)).toEqual(kept);

    await rm(filler);
    for (let i = 0; i < 100 && box.status.condition !== 'ok'; i++) {
      await clock.advance(3_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(box.status.condition).toBe('ok');
    await box.commit({ finding: sampleFinding('y', 'r'), messages: [big('y')] });
    expect(await alerts(box)).toEqual([...kept, 'y']);
    await box.close();
    const db = new DatabaseSync(join(folder, DATABASE_FILE));
    expect(db.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
    db.close();
  } finally {
    await box.close();
    await disk.release();
  }
});
