import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { fileStretches } from '../../src/platform/spare-memory.ts';

const mapping = (head: string, anonymous = 0, swap = 0, resident = 800): string =>
  `${head}\nSize: 800 kB\nRss: ${resident} kB\nAnonymous: ${anonymous} kB\nSwap: ${swap} kB\nVmFlags: rd mr\n`;

test('only what nobody may write to, of files, without a page of its own, can be given back', () => {
  const smaps = [
    mapping('00400000-00402000 r-xp 00000000 fe:00 12 /usr/bin/node'),
    mapping('00600000-00603000 r--p 00000000 fe:00 12 /usr/bin/a program with spaces'),
    mapping('00700000-00703000 r--p 00000000 fe:00 12 /usr/lib/corrected.so', 12),
    mapping('00800000-00803000 r-xp 00000000 fe:00 12 /usr/lib/swapped.so', 0, 4),
    mapping('00880000-00883000 r-xp 00000000 fe:00 12 /usr/lib/hardly.so', 0, 0, 64),
    mapping('00900000-00903000 rw-p 00000000 fe:00 12 /usr/lib/data.so'),
    mapping('00a00000-00a03000 r--s 00000000 fe:00 12 /var/cache/shared'),
    mapping('7f0000000000-7f0000002000 r-xp 00000000 00:00 0'),
    mapping('7f0000004000-7f0000006000 r-xp 00000000 00:00 0 [vdso]'),
    mapping('7f0000008000-7f000000a000 r-xp 00000000 fe:00 12 /usr/lib/libc.so.6'),
  ].join('');
  expect(fileStretches(smaps)).toEqual([
    { address: 0x400000, bytes: 0x2000, path: '/usr/bin/node' },
    { address: 0x600000, bytes: 0x3000, path: '/usr/bin/a program with spaces' },
    { address: 0x7f0000008000, bytes: 0x2000, path: '/usr/lib/libc.so.6' },
  ]);
});

test('a process is smaller afterwards, and works as before', async () => {
  const module = JSON.stringify(new URL('../../src/platform/spare-memory.ts', import.meta.url).href);
  const program = `
    const { giveBackMemory } = await import(${module});
    const { createHash } = await import('node:crypto');
    const digest = () => createHash('sha256').update('specta').digest('hex');
    const before = [process.memoryUsage.rss(), digest()];
    for (let time = 0; time < 3; time += 1) await giveBackMemory();
    const after = [process.memoryUsage.rss(), digest()];
    console.log(JSON.stringify({ before, after, sum: eval('1 + 1'), words: new Intl.Segmenter('id').segment('a b').containing(0).segment }));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  const { before, after, sum, words } = JSON.parse(stdout);
  expect(after[0]).toBeLessThan(before[0]);
  expect([after[1], sum, words]).toEqual([before[1], 2, 'a']);
});
