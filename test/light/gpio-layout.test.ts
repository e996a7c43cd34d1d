import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  GPIO_CONSTANTS,
  GPIO_NAME_BYTES,
  GPIO_REQUESTS,
  GPIO_STRUCTS,
} from '../../src/light/gpio/gpio-layout.ts';

/** A C file that compiles only where each number of `gpio-layout.ts` is what the kernel's header says. */
function probe(): string {
  const claims = [
    ...GPIO_STRUCTS.flatMap(({ struct, bytes, fields }) => [
      `sizeof(struct ${struct}) == ${bytes}`,
      ...Object.entries(fields).map(([field, at]) => `offsetof(struct ${struct}, ${field}) == ${at}`),
    ]),
    ...Object.entries({ ...GPIO_REQUESTS, ...GPIO_CONSTANTS }).map(([name, value]) => `${name} == ${value}u`),
    `GPIO_MAX_NAME_SIZE == ${GPIO_NAME_BYTES}`,
  ];
  return [
    '#include <stddef.h>',
    '#include <linux/gpio.h>',
    ...claims.map((claim) => `_Static_assert(${claim}, "${claim.replaceAll('"', "'")}");`),
    '',
  ].join('\n');
}

function compile(compiler: string, source: string): ReturnType<typeof spawnSync> {
  const folder = mkdtempSync(join(tmpdir(), 'specta-gpio-layout-'));
  try {
    const file = join(folder, 'probe.c');
    writeFileSync(file, source);
    return spawnSync(compiler, ['-std=c11', '-fsyntax-only', file], { encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const [compiler, debian] of [
  ['gcc', 'gcc'],
  ['aarch64-linux-gnu-gcc', 'gcc-aarch64-linux-gnu'],
] as const) {
  const hasHeaders = compile(compiler, '#include <linux/gpio.h>\n').status === 0;
  test.skipIf(!hasHeaders)(
    `the structure layouts are those of the kernel's headers: ${compiler}${hasHeaders ? '' : ` (not here: install ${debian})`}`,
    () => {
      expect(String(compile(compiler, probe()).stderr)).toBe('');
      // The probe itself must be able to fail.
      const wrong = probe().replace(
        'sizeof(struct gpio_v2_line_request) == 592',
        'sizeof(struct gpio_v2_line_request) == 591',
      );
      expect(compile(compiler, wrong).status).not.toBe(0);
    },
  );
}
