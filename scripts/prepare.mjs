// Installs what `npm start` and `npm test` need, once for each lock file. Plain JavaScript: it runs on the Node
// that started npm (20 or later), before the Node that SPECTA brings is there.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { takeLock } from './install-lock.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampFile = join(root, 'node_modules', '.specta-installed');
const lockFile = join(root, '.specta', 'install.lock');

/** What must be installed: the lock file's digest, for this platform. */
function wanted() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  return `${createHash('sha256').update(lock).digest('hex')} ${process.platform} ${process.arch}\n`;
}

function isInstalled() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted();
}

// Without install scripts: every native part is a binary inside its package, and nothing downloads behind npm's back.
// Tools for tests and the Node that travels with SPECTA come along whatever the user's npm is set to leave out.
const NPM_CI = [
  'ci',
  '--ignore-scripts',
  '--include=dev',
  '--include=optional',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
];

/** npm goes on for a long while after Ctrl-C. Cutting it off does no harm: without its stamp all begins anew. */
const PATIENCE_MS = 1_000;

/** Runs `npm ci`; gives its exit status, null when a signal ended it. */
async function npmCi(lock) {
  const npm = process.env.npm_execpath ?? '';
  const isNpm = basename(npm) === 'npm-cli.js';
  const child = isNpm
    ? spawn(process.execPath, [npm, ...NPM_CI], { cwd: root, stdio: 'inherit' })
    : spawn('npm', NPM_CI, { cwd: root, stdio: 'inherit' });
  if (child.pid !== undefined) lock.share(child.pid);
  let stopped = null;
  const stop = (signal) => {
    stopped ??= signal;
    child.kill(signal);
    setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS).unref();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, stop);
  const status = await new Promise((resolve) => {
    child.on('exit', resolve);
    child.on('error', (error) => {
      console.error(`npm does not run: ${error.message}`);
      resolve(1);
    });
  });
  for (const signal of signals) process.off(signal, stop);
  return stopped === null ? status : null;
}

/** Installs the packages of the lock file; returns whether they are there. */
async function installPackages() {
  if (isInstalled()) return true;
  const lock = await takeLock(lockFile, (holder) =>
    console.log(`Another SPECTA command (process ${holder}) is installing; waiting for it.`),
  );
  try {
    if (isInstalled()) return true;
    const stamp = wanted();
    console.log('Installing packages from the npm registry (once; about 600 MB on disk)…');
    const status = await npmCi(lock);
    if (status !== 0) {
      const why = status === null ? 'Stopped' : 'Check that the npm registry can be reached';
      console.error(`\nThe packages are not installed. ${why}; run the command again to begin anew.`);
      return false;
    }
    writeFileSync(stampFile, stamp);
    return true;
  } finally {
    lock.release();
  }
}

/** Debian programs that tests run against, and what is skipped without them. */
const TEST_PROGRAMS = [
  { program: 'mosquitto', package: 'mosquitto', tests: 'the tests against a real Mosquitto broker' },
  {
    program: 'mosquitto_sub',
    package: 'mosquitto-clients',
    tests: "the messages as Mosquitto's own client reads them",
  },
  { program: 'ffmpeg', package: 'ffmpeg', tests: 'the tests of video clips as camera' },
  { program: 'chromium', package: 'chromium', tests: 'the console in a real browser' },
  { program: 'python3', package: 'python3', tests: 'independent readers of sockets and archives' },
  {
    program: 'Eclipse Paho (python3)',
    module: 'paho.mqtt.client',
    package: 'python3-paho-mqtt',
    tests: 'the messages as Eclipse Paho reads them',
  },
  { program: 'g++', package: 'g++', tests: 'the recipe that builds TensorFlow.js on a board' },
  { program: 'make', package: 'make', tests: 'the recipe that builds TensorFlow.js on a board' },
  {
    program: 'gcc',
    package: 'gcc libc6-dev',
    tests: 'the proof of structure layouts against kernel headers, x64',
  },
  {
    program: 'aarch64-linux-gnu-gcc',
    package: 'gcc-aarch64-linux-gnu libc6-dev-arm64-cross',
    tests: 'the proof of structure layouts against kernel headers, arm64',
  },
];

function isOnPath(program) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

/** A program on the path, or a module of Debian's Python, which need not be the one on the path. */
function isThere({ program, module }) {
  if (module === undefined) return isOnPath(program);
  return spawnSync('/usr/bin/python3', ['-c', `import ${module}`]).status === 0;
}

/** Brings the programs that tests use, where this user may install them; tells what is skipped where not. */
function installTestPrograms() {
  const missing = TEST_PROGRAMS.filter((entry) => !isThere(entry));
  if (missing.length === 0) return;
  const packages = missing.flatMap((entry) => entry.package.split(' '));
  if (process.getuid?.() === 0 && isOnPath('apt-get')) {
    console.log(`Installing Debian packages for the tests: ${packages.join(' ')}…`);
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options = { stdio: ['ignore', 'ignore', 'inherit'], env: environment, timeout: 600_000 };
    // Another `npm test` may be at it.
    const wait = ['-o', 'DPkg::Lock::Timeout=300'];
    spawnSync('apt-get', [...wait, 'update', '-qq'], options);
    spawnSync('apt-get', [...wait, 'install', '-y', '-qq', '--no-install-recommends', ...packages], options);
  }
  for (const entry of TEST_PROGRAMS.filter((each) => !isThere(each))) {
    console.log(
      `Skipped without ${entry.program}: ${entry.tests}. To run them: sudo apt-get install ${entry.package}`,
    );
  }
}

if (!(await installPackages())) process.exitCode = 1;
else if (process.argv.includes('--for-tests')) installTestPrograms();
