import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findProgram } from '../../src/camera/camera-child.ts';
import { LAYOUTS, type Layout, REQUESTS, V4L2 } from '../../src/camera/v4l2/layouts.ts';

/** A C program that compiles only where the kernel's headers agree with every number of the tables. */
function probe(
  layouts: Readonly<Record<string, Layout>>,
  constants: Readonly<Record<string, number>>,
): string {
  const lines = ['#include <stddef.h>', '#include <linux/videodev2.h>'];
  const claim = (expression: string, value: number, what: string): void => {
    lines.push(`_Static_assert((unsigned long)(${expression}) == ${value}ul, "${what} is not ${value}");`);
  };
  for (const [name, { size, members }] of Object.entries(layouts)) {
    const type = name === 'int' ? name : `struct ${name}`;
    claim(`sizeof(${type})`, size, `size of ${name}`);
    for (const [member, { at, bytes }] of Object.entries(members)) {
      claim(`offsetof(${type}, ${member})`, at, `place of ${name}.${member}`);
      claim(`sizeof(((${type} *)0)->${member})`, bytes, `size of ${name}.${member}`);
    }
  }
  for (const { name, number } of Object.values(REQUESTS)) claim(name, number, name);
  for (const [name, value] of Object.entries(constants)) claim(name, value, name);
  return `${lines.join('\n')}\n`;
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-layouts-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the compiler says against the program; null when nothing. */
async function objection(compiler: string, program: string): Promise<string | null> {
  const file = join(folder, `${compiler}-${program.length}.c`);
  await writeFile(file, program);
  try {
    await promisify(execFile)(compiler, ['-std=gnu11', '-Wall', '-fsyntax-only', file]);
    return null;
  } catch (error) {
    if (error instanceof Error && 'stderr' in error) return String(error.stderr);
    throw error;
  }
}

for (const { machine, compilers, packages } of [
  {
    machine: 'x64',
    compilers: process.arch === 'x64' ? ['gcc', 'cc'] : ['x86_64-linux-gnu-gcc'],
    packages: 'gcc linux-libc-dev',
  },
  {
    machine: 'arm64',
    compilers: process.arch === 'arm64' ? ['gcc', 'cc'] : ['aarch64-linux-gnu-gcc'],
    packages: 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross',
  },
]) {
  const compiler = compilers.find((name) => findProgram(name) !== null);
  const why = compiler === undefined ? ` (no compiler here: install ${packages})` : '';
  describe.skipIf(compiler === undefined)(`V4L2 layouts on ${machine}${why}`, () => {
    test('agree with the kernel headers', async () => {
      expect(await objection(compiler ?? '', probe(LAYOUTS, V4L2))).toBeNull();
    });

    test('a shifted member, a wrong size and a wrong constant are noticed', async () => {
      const { v4l2_buffer } = LAYOUTS;
      const { sequence } = v4l2_buffer.members;
      const shifted = {
        v4l2_buffer: { ...v4l2_buffer, size: 84, members: { sequence: { ...sequence, at: 52 } } },
      };
      const said = await objection(compiler ?? '', probe(shifted, { V4L2_BUF_FLAG_ERROR: 0x80 }));
      expect(said).toContain('place of v4l2_buffer.sequence is not 52');
      expect(said).toContain('size of v4l2_buffer is not 84');
      expect(said).toContain('V4L2_BUF_FLAG_ERROR is not 128');
    });
  });
}

test('members lie inside their structure', () => {
  for (const { size, members } of Object.values<Layout>(LAYOUTS)) {
    for (const { at, bytes } of Object.values(members)) expect(at + bytes).toBeLessThanOrEqual(size);
  }
});
