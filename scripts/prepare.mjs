// Installs what `npm start` and `npm test` need, once for each lock file. Plain JavaScript: it runs on the Node
// that started npm (20 or later), before the Node that SPECTA brings is there.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

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

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Takes the install lock, waiting for another `npm start` or `npm test` that holds it; a dead holder's lock is taken over. */
async function takeLock() {
  mkdirSync(dirname(lockFile), { recursive: true });
  for (let told = false; ; ) {
    try {
      const file = openSync(lockFile, 'wx');
      writeSync(file, `${process.pid}\n`);
      closeSync(file);
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    let holder = 0;
    try {
      holder = Number(readFileSync(lockFile, 'utf8'));
    } catch (error) {
      // The holder may have let go between the two calls; anything else is a fault.
      if (error.code !== 'ENOENT') throw error;
      continue;
    }
    if (holder > 0 && !isAlive(holder)) {
      rmSync(lockFile, { force: true });
      continue;
    }
    if (!told) console.log(`Another SPECTA command (process ${holder}) is installing; waiting for it.`);
    told = true;
    await sleep(300);
  }
}

/** Installs the packages of the lock file; returns whether they are there. */
async function installPackages() {
  if (isInstalled()) return true;
  await takeLock();
  try {
    if (isInstalled()) return true;
    console.log(
      'Installing packages from the npm registry (once; about 600 MB, mostly ONNX Runtime and Node)…',
    );
    const npm = process.env.npm_execpath;
    // Without install scripts: every native part is a binary inside its package, and nothing downloads behind npm's back.
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    const run = npm
      ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: 'inherit' })
      : spawnSync('npm', args, { cwd: root, stdio: 'inherit' });
    if (run.status !== 0) {
      console.error(
        '\nThe packages could not be installed. Check that the npm registry can be reached, then run the command again.',
      );
      return false;
    }
    writeFileSync(stampFile, wanted());
    return true;
  } finally {
    rmSync(lockFile, { force: true });
  }
}

/** Debian programs that tests run against, and what is skipped without them. */
const TEST_PROGRAMS = [
  { program: 'mosquitto', package: 'mosquitto', tests: 'the tests against a real Mosquitto broker' },
  {
    program: 'mosquitto_sub',
    package: 'mosquitto-clients',
    tests: "the tests that read with Mosquitto's own client",
  },
  { program: 'ffmpeg', package: 'ffmpeg', tests: 'the tests of video clips as camera' },
];

function isOnPath(program) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

/** Brings the programs that tests use, where this user may install them; tells what is skipped where not. */
function installTestPrograms() {
  const missing = TEST_PROGRAMS.filter((entry) => !isOnPath(entry.program));
  if (missing.length === 0) return;
  const packages = missing.map((entry) => entry.package);
  if (process.getuid?.() === 0 && isOnPath('apt-get')) {
    console.log(`Installing Debian packages for the tests: ${packages.join(' ')}…`);
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const options = { stdio: ['ignore', 'ignore', 'inherit'], env: environment, timeout: 600_000 };
    spawnSync('apt-get', ['update', '-qq'], options);
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
  }
  for (const entry of TEST_PROGRAMS.filter((each) => !isOnPath(each.program))) {
    console.log(
      `Skipped without ${entry.program}: ${entry.tests}. To run them: sudo apt-get install ${entry.package}`,
    );
  }
}

if (!(await installPackages())) process.exitCode = 1;
else if (process.argv.includes('--for-tests')) installTestPrograms();
