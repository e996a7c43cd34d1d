import { defineConfig } from 'vitest/config';
import { NODE_OPTIONS } from './src/platform/node-options.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Two cores are the smallest machine that runs this; real brokers and workers share them.
    maxWorkers: 2,
    execArgv: [...NODE_OPTIONS],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/closing-line.ts'],
  },
});
