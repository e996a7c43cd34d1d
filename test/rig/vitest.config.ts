import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { NODE_OPTIONS } from '../../src/platform/node-options.ts';

/** What runs inside the rig's guest: see `device/rig/` and `scripts/rig.ts`. */
export default defineConfig({
  root: resolve(import.meta.dirname, '../..'),
  test: {
    include: ['test/rig/**/*.rig.ts', 'test/light/gpio-rig.test.ts'],
    // One camera, one GPIO chip: one file after the other. A crash in foreign code must not take the report with it.
    pool: 'forks',
    execArgv: [...NODE_OPTIONS],
    fileParallelism: false,
    // Everything is emulated there, and slow; no test waits for a time, each for what must happen.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    reporters: ['./test/rig/table.ts', './test/closing-line.ts'],
  },
});
