#!/usr/bin/env node
// The `specta` command. SPECTA's TypeScript runs on Node 24, which npm installs beside it; this file is plain
// JavaScript, so that an older Node that starts it can hand over or say what is missing.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bundled = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
/** The exit status for a wrong runtime, as in src/cli/exit-codes.ts. */
const RUNTIME = 78;

/** Runs SPECTA under the Node that travels with it, passing signals on and its exit status back. */
function handOver() {
  const child = spawn(bundled, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  // Ctrl-C on a terminal reaches the child by itself as well: SPECTA counts the same signal twice as one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`The Node beside SPECTA does not run (${error.message}): install SPECTA anew.`);
    process.exitCode = RUNTIME;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

/**
 * Keeps compiled modules for the next start: half the time to the first verdict, and some 30 MB less memory, because types
 * need not be stripped again. A folder that cannot be written is no fault: then nothing is kept. Threads hear of it by the
 * environment.
 */
function keepCompiled() {
  process.env.NODE_COMPILE_CACHE ??= join(root, '.specta', 'compiled');
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
}

if (Number(process.versions.node.split('.')[0]) >= 24) {
  // As the service has it, see src/platform/node-options.ts: before anything is compiled that they are about.
  for (const option of ['--no-wasm-dynamic-tiering', '--no-wasm-code-gc']) v8.setFlagsFromString(option);
  if (existsSync(join(root, 'node_modules', 'pino'))) {
    keepCompiled();
    await import('../src/main.ts');
  } else {
    console.error(
      'SPECTA is not installed yet. Run `npm start` or `npm ci --ignore-scripts` in its folder first.',
    );
    process.exitCode = RUNTIME;
  }
} else if (existsSync(bundled)) handOver();
else {
  console.error(
    `SPECTA needs Node 24 or later; this is Node ${process.versions.node}. On Linux (x64, arm64) \`npm start\` or ` +
      '`npm ci --ignore-scripts` in its folder installs one beside it; elsewhere install Node 24.',
  );
  process.exitCode = RUNTIME;
}
