import { expect, test } from 'vitest';
import { filesOver, writeDurably } from '../../src/platform/files.ts';
import { fileSystemSuite } from '../suites/file-system.ts';
import { Dice } from './dice.ts';
import { PowerLost, VolatileDisk } from './volatile-disk.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

fileSystemSuite('the disk that loses power', async () => {
  const fs = filesOver(new VolatileDisk().calls);
  await fs.mkdir('/folder');
  return { fs, folder: '/folder' };
});

test('what was not synced may be lost: content without its sync, names without their folder’s', async () => {
  const disk = new VolatileDisk();
  const fs = filesOver(disk.calls);
  await fs.mkdir('/a');
  await fs.writeFile('/a/synced', bytes('x'));
  await fs.syncFolder('/a');
  await fs.writeFile('/a/nameless', bytes('x'));
  const file = await fs.createFile('/a/contentless');
  await file.write(bytes('x'));
  await fs.rename('/a/synced', '/a/renamed');
  expect(disk.afterPowerLoss('nothing').paths()).toEqual(['/', '/a/', '/a/synced']);
  expect(disk.afterPowerLoss('everything').paths()).toEqual(disk.paths());
  const outcomes = new Set<string>();
  for (let seed = 0; seed < 200; seed++) outcomes.add(disk.afterPowerLoss(new Dice(seed)).paths().join(' '));
  // Three changes of names, each of which may be there or not.
  expect(outcomes.size).toBe(8);
});

test('a file whose name arrived before its content is empty, zeroed or torn', async () => {
  const disk = new VolatileDisk();
  const fs = filesOver(disk.calls);
  await fs.mkdir('/a');
  const file = await fs.createFile('/a/f');
  await file.write(bytes('0123456789'));
  await fs.syncFolder('/a');
  const contents = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const after = filesOver(disk.afterPowerLoss(new Dice(seed)).calls);
    contents.add(new TextDecoder().decode(await after.readFile('/a/f')));
  }
  for (const content of ['', '0123456789', '\0\0\0\0\0\0\0\0\0\0']) expect(contents).toContain(content);
  expect(contents.size).toBeGreaterThan(10);
});

test('behind the step at which the power goes nothing works any more', async () => {
  const disk = new VolatileDisk();
  const fs = filesOver(disk.calls);
  await fs.mkdir('/a');
  disk.lossAfter = disk.steps + 2;
  await expect(writeDurably(fs, '/a/f', bytes('new'))).rejects.toMatchObject({
    cause: expect.any(PowerLost),
  });
  await expect(fs.list('/a')).rejects.toMatchObject({ cause: expect.any(PowerLost) });
});

test('a lock is held by one opening, and ends with the process', async () => {
  const disk = new VolatileDisk();
  const fs = filesOver(disk.calls);
  const lock = await fs.lock('/lock');
  expect(lock).not.toBeNull();
  expect(await fs.lock('/lock')).toBeNull();
  disk.killProcesses();
  expect(await fs.lock('/lock')).not.toBeNull();
});
