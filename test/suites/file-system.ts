import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type FileSystem, isTemporary, writeDurably } from '../../src/platform/files.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const words = (data: Uint8Array): string => new TextDecoder().decode(data);

/**
 * What every FileSystem must do.
 *
 * @param create gives a file system and an empty folder in it
 */
export function fileSystemSuite(
  name: string,
  create: () => Promise<{ readonly fs: FileSystem; readonly folder: string }>,
): void {
  test(`${name}: what was written durably is read back, and nothing temporary is left`, async () => {
    const { fs, folder } = await create();
    await writeDurably(fs, join(folder, 'a.txt'), bytes('first'));
    await writeDurably(fs, join(folder, 'a.txt'), bytes('second'));
    expect(words(await fs.readFile(join(folder, 'a.txt')))).toBe('second');
    expect(await fs.list(folder)).toEqual(['a.txt']);
  });

  test(`${name}: mkdir creates missing parents and may be repeated`, async () => {
    const { fs, folder } = await create();
    await fs.mkdir(join(folder, 'a/b/c'));
    await fs.mkdir(join(folder, 'a/b/c'));
    expect(await fs.stat(join(folder, 'a/b/c'))).toMatchObject({ kind: 'folder' });
  });

  test(`${name}: what is not there has no facts, lists as empty and may be removed`, async () => {
    const { fs, folder } = await create();
    const nowhere = join(folder, 'nowhere');
    expect(await fs.stat(nowhere)).toBeNull();
    expect(await fs.list(nowhere)).toEqual([]);
    await fs.remove(nowhere);
    await expect(fs.readFile(nowhere)).rejects.toMatchObject({ code: 'DISK_FAILED' });
  });

  test(`${name}: remove takes a folder with everything in it`, async () => {
    const { fs, folder } = await create();
    await fs.mkdir(join(folder, 'a/b'));
    await fs.writeFile(join(folder, 'a/b/c.txt'), bytes('x'));
    await fs.remove(join(folder, 'a'));
    expect(await fs.list(folder)).toEqual([]);
  });

  test(`${name}: rename replaces what is there, and stat tells the size`, async () => {
    const { fs, folder } = await create();
    await fs.writeFile(join(folder, 'old'), bytes('longer'));
    await fs.writeFile(join(folder, 'new'), bytes('new'));
    await fs.rename(join(folder, 'new'), join(folder, 'old'));
    await fs.syncFolder(folder);
    expect(await fs.stat(join(folder, 'old'))).toMatchObject({ kind: 'file', bytes: 3 });
    expect(await fs.freeBytes(folder)).toBeGreaterThan(0);
  });

  test(`${name}: a durable write that cannot be renamed leaves the old content and no temporary file`, async () => {
    const { fs, folder } = await create();
    await fs.writeFile(join(folder, 'a.txt'), bytes('old'));
    const broken: FileSystem = {
      ...fs,
      rename: () => Promise.reject(new Error('no')),
    };
    await expect(writeDurably(broken, join(folder, 'a.txt'), bytes('new'))).rejects.toThrow('no');
    expect(words(await fs.readFile(join(folder, 'a.txt')))).toBe('old');
    expect((await fs.list(folder)).filter(isTemporary)).toEqual([]);
  });
}
