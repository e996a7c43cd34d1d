import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { type FileLock, lockFile } from '../../src/platform/file-lock.ts';
import { withFolder } from '../daemon/folder.ts';

function taken(path: string): FileLock {
  const lock = lockFile(path);
  if ('heldBy' in lock) throw new Error(`held by ${lock.heldBy}`);
  return lock;
}

test('one holds the lock; the other learns what the holder wrote; released, it is free and says nothing', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'lock');
    const first = taken(path);
    first.write('a longer text');
    first.write('me\n');
    expect(lockFile(path)).toEqual({ heldBy: 'me\n' });
    first.release();
    first.release();
    expect(readFileSync(path, 'utf8')).toBe('');
    using second = taken(path);
    expect(second.path).toBe(path);
  });
});

test('a lock dies with its process, even on SIGKILL', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'lock');
    const module = resolve(import.meta.dirname, '../../src/platform/file-lock.ts');
    const code = `import { lockFile } from ${JSON.stringify(module)};
      lockFile(${JSON.stringify(path)}).write('child'); console.log('held'); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(lockFile(path)).toEqual({ heldBy: 'child' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    taken(path).release();
  });
});

test('a folder that is not there is an error of the system', async () => {
  await withFolder(async (folder) => {
    expect(() => lockFile(join(folder, 'no/lock'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });
});
