#!/usr/bin/env node
// The `specta` command. SPECTA's TypeScript runs on Node 24, which npm installs beside it; this file is plain
// JavaScript, so that an older Node that starts it can hand over or say what is missing.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bundled = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');

/** Runs SPECTA under the Node that travels with it, passing signals on and its exit status back. */
function handOver() {
  const child = spawn(bundled, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // A terminal sends Ctrl-C to the child as well; only a signal meant for this process alone is passed on.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
  });
}

if (Number(process.versions.node.split('.')[0]) >= 24) {
  if (existsSync(join(root, 'node_modules', 'pino'))) await import('../src/main.ts');
  else {
    console.error(
      'SPECTA is not installed yet. Run `npm start` or `npm ci --ignore-scripts` in its folder first.',
    );
    process.exitCode = 78;
  }
} else if (existsSync(bundled)) handOver();
else {
  console.error(
    `SPECTA needs Node 24 or later; this is Node ${process.versions.node}. On Linux (x64, arm64) \`npm start\` or ` +
      '`npm ci --ignore-scripts` in its folder installs one beside it; elsewhere install Node 24.',
  );
  process.exitCode = 78;
}
