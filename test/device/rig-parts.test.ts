import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type Part, partsWith, runPart, tableOf, type Wish } from '../../scripts/rig-parts.ts';

const folder = mkdtempSync(join(tmpdir(), 'specta-parts-'));
afterAll(() => rmSync(folder, { recursive: true }));

const board: Part = { name: 'board', files: ['test/rig/camera', 'test/light/gpio-rig'] };
const service: Part = { name: 'service', files: ['test/rig/service'], environment: { RIG_ARGUMENTS: 'a=1' } };

/** A machine that does what the script says, in place of the emulator. */
function wish(
  script: string,
  changes: Partial<Wish> = {},
): { readonly wish: Wish; readonly printed: string[] } {
  const boot = join(folder, 'boot.sh');
  writeFileSync(boot, `#!/bin/bash\n${script}\n`);
  chmodSync(boot, 0o755);
  const printed: string[] = [];
  const print = (text: string): void => {
    printed.push(text);
  };
  const signal = new AbortController().signal;
  const base = { project: folder, boot, full: false, only: null, files: [], print, signal };
  return { wish: { ...base, ...changes }, printed };
}

test('a part gives the counts that its guest told, and hands on all else that it printed', async () => {
  const { wish: given, printed } = wish('echo "pass  one"; echo "5 passed, 0 failed, 2 skipped"');
  expect(await runPart(board, given)).toMatchObject({
    part: 'board',
    passed: 5,
    failed: 0,
    skipped: 2,
    trouble: null,
  });
  expect(printed.join('')).toBe('pass  one\n');
});

test.each([
  ['died', 'echo "pass  one"; exit 125', 'the guest died'],
  ['took too long', 'exit 124', 'the guest took too long'],
  ['ended well and told no counts', 'exit 0', 'it ended with status 0 and told no counts'],
  [
    'told no failure and ended with one',
    'echo "5 passed, 0 failed"; exit 1',
    'it ended with status 1, though no test failed',
  ],
])('a guest that %s is a failed part, with the reason', async (_, script, trouble) => {
  const { wish: given } = wish(script);
  const result = await runPart(board, given);
  expect(result).toMatchObject({ trouble, failed: 1 });
  expect(tableOf([result])).toContain(`FAIL: ${trouble}`);
});

test('a machine that is not there, and preparations that fail, are failed parts too', async () => {
  const { wish: given } = wish('exit 0', { boot: '/nowhere/boot.sh' });
  expect((await runPart(board, given)).trouble).toContain('ENOENT');
  const fails = await runPart({ ...board, before: 'exit 7' }, wish('echo "1 passed, 0 failed"').wish);
  expect(fails).toMatchObject({ failed: 1, trouble: 'what it needs could not be prepared (7)' });
});

test('the guest gets the part’s environment, its files and the choice of names, and finds what was prepared', async () => {
  const { wish: given, printed } = wish('echo "$RIG_ARGUMENTS $(cat $RIG_SHARE/left)"; echo "$1"', {
    only: "it's",
    full: true,
  });
  await runPart({ ...service, before: 'echo prepared >$RIG_SHARE/left' }, given);
  const text = printed.join('');
  expect(text).toContain('a=1 prepared');
  expect(text).toContain('SPECTA_RIG_FULL=1');
  expect(text).toContain("--testNamePattern 'it'\\''s' 'test/rig/service'");
});

test('a choice of files boots only the parts that hold them, and narrows what they run', async () => {
  const parts = [board, service];
  expect(partsWith(parts, [])).toEqual(parts);
  expect(partsWith(parts, ['test/rig'])).toEqual(parts);
  expect(partsWith(parts, ['test/rig/camera-faults'])).toEqual([board]);
  expect(partsWith(parts, ['nowhere'])).toEqual([]);
  const { wish: given, printed } = wish('echo "$1"', { files: ['test/rig/camera-faults'] });
  await runPart(board, given);
  expect(printed.join('')).toMatch(/vitest\.config\.ts 'test\/rig\/camera-faults'\n$/);
});

test('a stop ends the guest with all its processes', async () => {
  const stop = new AbortController();
  const { wish: given, printed } = wish('echo up; timeout 600 sleep 600 | cat; exit 1', {
    signal: stop.signal,
    print: () => stop.abort(),
  });
  expect(await runPart(board, given)).toMatchObject({ failed: 1, trouble: 'ended by SIGTERM' });
  expect(printed).toEqual([]);
});

test('the closing line sums over all parts', () => {
  const result = { passed: 3, failed: 0, skipped: 0, seconds: 12.4, trouble: null };
  const table = tableOf([
    { ...result, part: 'board' },
    { ...result, part: 'service', failed: 1, skipped: 2 },
  ]);
  expect(table.split('\n').at(-1)).toBe('6 passed, 1 failed, 2 skipped');
  expect(table).toMatch(/^board +3 +0 +0 +12$/m);
});
