import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { diskError, isTemporary, nodeFiles, writeDurably } from '../../src/platform/files.ts';
import { fileSystemSuite } from '../suites/file-system.ts';

const folders: string[] = [];
async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'specta-files-'));
  folders.push(folder);
  return folder;
}
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

fileSystemSuite('nodeFiles', async () => ({ fs: nodeFiles, folder: await newFolder() }));

test('a full disk and a full quota are DISK_FULL, everything else DISK_FAILED, each with help', () => {
  const withCode = (code: string): Error => Object.assign(new Error(code), { code });
  for (const code of ['ENOSPC', 'EDQUOT']) {
    expect(diskError(withCode(code), 'write', '/x')).toMatchObject({ code: 'DISK_FULL' });
  }
  for (const code of ['EACCES', 'EROFS', 'EIO', 'ENOENT', 'EXOTIC']) {
    const error = diskError(withCode(code), 'write', '/x');
    expect(error.code).toBe('DISK_FAILED');
    expect(error.help).not.toBe('');
    expect(error.message).toContain('/x');
  }
});

test('an error that is told already is not wrapped again', () => {
  const told = diskError(new Error('x'), 'read', '/a');
  expect(diskError(told, 'write', '/b')).toBe(told);
});

test('a durable write into a folder that is not there tells which file', async () => {
  const path = join(await newFolder(), 'missing', 'a.txt');
  await expect(writeDurably(nodeFiles, path, new Uint8Array(1))).rejects.toMatchObject({
    code: 'DISK_FAILED',
  });
});

test('only names that a durable write makes are temporary', () => {
  expect(isTemporary('.a.txt.0123456789ab.tmp')).toBe(true);
  for (const name of ['a.tmp', '.hidden', 'a.txt', '.a.tmp']) expect(isTemporary(name)).toBe(false);
});

test('a folder that cannot be made where its parent stands is told at once', async () => {
  // procfs answers ENOENT to every mkdir, although the parent exists.
  await expect(nodeFiles.mkdir('/proc/specta-test/below')).rejects.toMatchObject({ code: 'DISK_FAILED' });
});
