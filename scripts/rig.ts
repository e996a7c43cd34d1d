// npm run test:rig [-- --full] [-- --only WORDS]: boots the rig and runs test/rig in it. Short by default; --full takes
// its time (1,000 reconnects, 50 replugs). Exit code 0 when all passed; see device/rig/boot.sh for the others.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    full: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});

const project = resolve(import.meta.dirname, '..');
const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
const vitest = [
  'node_modules/.bin/node',
  'node_modules/vitest/vitest.mjs',
  'run',
  '--config',
  'test/rig/vitest.config.ts',
  ...(values.only === undefined ? [] : ['--testNamePattern', quoted(values.only)]),
  ...positionals.map(quoted),
];
const child = spawn(
  resolve(project, 'device/rig/boot.sh'),
  [`export SPECTA_RIG_FULL=${values.full ? 1 : 0} NO_COLOR=1 CI=1; exec ${vitest.join(' ')}`],
  {
    cwd: project,
    stdio: 'inherit',
    env: { RIG_SECONDS: values.full ? '7200' : '1200', ...process.env },
  },
);
child.once('error', (error) => {
  console.error(`rig: ${error.message}`);
  process.exitCode = 125;
});
child.once('exit', (status, signal) => {
  process.exitCode = status ?? (signal === null ? 125 : 130);
});
