import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { findProgram } from '../../src/camera/camera-child.ts';
import { parseConfig } from '../../src/daemon/load-config.ts';

const script = join(import.meta.dirname, '../../device/install-tfjs-gpu.sh');
/** What the recipe compiles with. */
const missing = ['g++', 'make', 'python3'].filter((name) => findProgram(name) === null);
let work: string;
/** Where it is installed to; anew for each test. */
let to: string;
let count = 0;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'specta-tfjs-install-'));
  write('jetson/compatible', 'nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0');
  write('desk/compatible', 'acme,desk\0');
  makeLibrary('good', {});
  makePackages('packages', {});
});
afterAll(() => rmSync(work, { recursive: true, force: true }));
beforeEach(() => {
  count += 1;
  to = join(work, `to-${count}`);
});

function write(path: string, content: string | Uint8Array): string {
  const file = join(work, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

/** The first bytes of a shared library for a processor: what the script looks at. */
function elf(machine = process.arch === 'arm64' ? 183 : 62): Uint8Array {
  const head = Buffer.alloc(64);
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  head.writeUInt16LE(3, 16);
  head.writeUInt16LE(machine, 18);
  return head;
}

/** A libtensorflow archive, with parts changed or (null) left out. */
function makeLibrary(name: string, changes: Readonly<Record<string, Uint8Array | null>>): string {
  const parts: Record<string, Uint8Array | null> = {
    'lib/libtensorflow.so': elf(),
    'lib/libtensorflow_framework.so': elf(),
    'include/tensorflow/c/c_api.h': Buffer.from('// C API\n'),
    ...changes,
  };
  for (const [part, bytes] of Object.entries(parts)) if (bytes) write(`${name}/${part}`, bytes);
  const archive = join(work, `${name}.tar.gz`);
  execFileSync('tar', ['-czf', archive, '-C', join(work, name), '.']);
  return archive;
}

/**
 * Packages that stand for the real ones where those cannot be built: the same files in the same places. What builds
 * writes the addon, and what was built computes and has a GPU, or not.
 */
function makePackages(
  name: string,
  how: { version?: string; build?: string; gpu?: boolean; computes?: number },
): string {
  const at = `${name}/node_modules`;
  const { version = '4.22.0', gpu = true, computes = 9 } = how;
  const build =
    how.build ??
    `require('node:fs').mkdirSync('lib/napi-v8', { recursive: true }); require('node:fs').writeFileSync('lib/napi-v8/tfjs_binding.node', process.argv.slice(2).join(' '));`;
  write(
    `${at}/@tensorflow/tfjs-node-gpu/package.json`,
    JSON.stringify({ version, main: 'index.js' }, null, 2),
  );
  write(`${at}/@tensorflow/tfjs-node-gpu/binding.gyp`, '{}');
  write(
    `${at}/@tensorflow/tfjs-node-gpu/index.js`,
    `if (!require('node:util').isNullOrUndefined(null)) throw new Error('no shim');
     require('node:fs').readFileSync(__dirname + '/lib/napi-v8/tfjs_binding.node');
     module.exports = { ones: () => 1, conv2d: () => ({ dataSync: () => [${computes}] }), getBackend: () => 'tensorflow',
       backend: () => ({ isUsingGpuDevice: ${gpu} }) };`,
  );
  write(`${at}/node-gyp/bin/node-gyp.js`, '');
  write(`${at}/@mapbox/node-pre-gyp/bin/node-pre-gyp`, build);
  return join(work, name);
}

interface Asked {
  readonly tree?: string;
  readonly library?: string;
  readonly packages?: string;
  readonly options?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

function install(asked: Asked = {}): { status: number | null; stdout: string; stderr: string } {
  const { tree = 'jetson', library = 'good.tar.gz', packages = 'packages', options = [], env = {} } = asked;
  return spawnSync(
    'sh',
    [
      ...[script, '--to', to, '--libtensorflow', join(work, library), '--packages', join(work, packages)],
      // Of this machine, whose disk may be small.
      ...['--node', process.execPath, ...options],
    ],
    { env: { ...process.env, SPECTA_DEVICE_TREE: join(work, tree), ...env }, encoding: 'utf8' },
  );
}

function expectRefused(asked: Asked, reason: RegExp): void {
  const { status, stderr } = install(asked);
  expect(stderr).toMatch(reason);
  expect(status).toBe(1);
  expect(existsSync(to)).toBe(false);
  expect(existsSync(`${to}.new`)).toBe(false);
}

const absent = missing.length === 0 ? '' : ` (not here: install ${missing.join(' ')})`;
describe.skipIf(missing.length > 0)(`the recipe for TensorFlow.js${absent}`, () => {
  test('on a Jetson everything is checked, built, proved, and the configuration told is a valid one', () => {
    const { status, stdout, stderr } = install();
    expect(stderr).toBe('');
    expect(status).toBe(0);
    for (const step of [1, 2, 3, 4, 5, 6, 7, 8]) expect(stdout).toContain(`[${step}/8]`);
    const home = join(to, 'node_modules/@tensorflow/tfjs-node-gpu');
    expect(readFileSync(join(home, 'lib/napi-v8/tfjs_binding.node'), 'utf8')).toMatch(
      /^install --build-from-source --nodedir=\//,
    );
    expect(existsSync(join(home, 'deps/lib/libtensorflow.so'))).toBe(true);
    // Needed to build only.
    expect(existsSync(join(home, 'deps/include'))).toBe(false);
    const told: { engine: unknown } = parse(
      stdout.split('\n').find((line) => line.startsWith('  engine:')) ?? '',
    );
    expect(parseConfig(JSON.stringify({ camera: { uri: 'replay:a' }, ...told }), {}).engine).toMatchObject({
      ...{ kind: 'tfjs', provider: 'cuda', library: to },
    });
  });

  test('run again it leaves alone what stands and works, and builds anew what does not', () => {
    expect(install().status).toBe(0);
    const again = install();
    expect(again.status).toBe(0);
    expect(again.stdout).toContain('Nothing to do');
    rmSync(join(to, 'node_modules/@tensorflow/tfjs-node-gpu/lib'), { recursive: true });
    const mended = install();
    expect(mended.status).toBe(0);
    expect(mended.stdout).toContain('does not load: it is built anew');
    expect(install().stdout).toContain('Nothing to do');
  });

  test('a dry run checks the same and does nothing', () => {
    const { status, stdout } = install({ options: ['--dry-run'] });
    expect(status).toBe(0);
    expect(stdout).toContain('Nothing was done (--dry-run).');
    expect(existsSync(to)).toBe(false);
    expectRefused({ options: ['--dry-run'], library: 'nowhere.whl' }, /There is no file .*nowhere\.whl/);
  });

  test('another machine is refused, unless it is forced', () => {
    expectRefused({ tree: 'desk' }, /This is no Jetson/);
    expectRefused({ tree: 'nowhere' }, /This is no Jetson/);
    const forced = install({ tree: 'desk', options: ['--force'] });
    expect(forced.stdout).toContain('warning (--force)');
    expect(forced.status).toBe(0);
  });

  test('missing or old tools are named with what to install', () => {
    expectRefused(
      { env: { CXX: 'no-such-compiler', PYTHON: 'no-such-python' } },
      /Missing: no-such-compiler no-such-python/,
    );
    const old = write('old-compiler', '#!/bin/sh\nexit 1\n');
    execFileSync('chmod', ['+x', old]);
    expectRefused({ env: { CXX: old } }, /too old for Node's headers[\s\S]*CXX=g\+\+-10/);
    expectRefused({ env: { PYTHON: old } }, /older than 3\.8/);
    expectRefused({ options: ['--node', old] }, /old-compiler does not run/);
  });

  test('a TensorFlow that cannot be one is refused before anything is fetched', () => {
    expectRefused({ library: 'jetson/compatible' }, /neither a wheel \(\.whl\) nor an archive/);
    write('damaged.tar.gz', 'not an archive');
    expectRefused({ library: 'damaged.tar.gz' }, /is damaged/);
    write('damaged.whl', 'not a wheel');
    expectRefused({ library: 'damaged.whl' }, /is damaged/);
    makeLibrary('headless', { 'include/tensorflow/c/c_api.h': null });
    expectRefused({ library: 'headless.tar.gz' }, /holds no include\/tensorflow\/c\/c_api\.h/);
    makeLibrary('foreign', { 'lib/libtensorflow.so': elf(process.arch === 'arm64' ? 62 : 183) });
    expectRefused({ library: 'foreign.tar.gz' }, /libtensorflow\.so in .* is not for/);
  });

  test('a wheel is taken by its C++ library, and one without it is refused', () => {
    const wheel = (name: string, files: readonly string[]): void => {
      for (const file of files) write(`${name}/${file}`, file.endsWith('.h') ? '// header\n' : elf());
      execFileSync('python3', ['-m', 'zipfile', '-c', join(work, `${name}.whl`), 'tensorflow'], {
        cwd: join(work, name),
      });
    };
    const common = ['tensorflow/libtensorflow_framework.so.2', 'tensorflow/include/tensorflow/c/c_api.h'];
    wheel('older', common);
    expectRefused({ library: 'older.whl' }, /holds no tensorflow\/libtensorflow_cc\.so\.2/);
    wheel('later', [...common, 'tensorflow/libtensorflow_cc.so.2']);
    expect(install({ library: 'later.whl' })).toMatchObject({ status: 0, stderr: '' });
    const lib = join(to, 'node_modules/@tensorflow/tfjs-node-gpu/deps/lib');
    expect(readFileSync(join(lib, 'libtensorflow.so'))).toEqual(
      readFileSync(join(lib, 'libtensorflow_cc.so.2')),
    );
  });

  test('packages that are missing or of another version are named with the command that makes them', () => {
    expectRefused(
      { packages: 'nowhere' },
      /holds no @tensorflow\/tfjs-node-gpu\.[\s\S]*npm install --ignore-scripts/,
    );
    makePackages('other', { version: '4.21.0' });
    expectRefused({ packages: 'other' }, /holds 4\.21\.0 @tensorflow\/tfjs-node-gpu, not 4\.22\.0/);
    cpSync(join(work, 'packages'), join(work, 'no-gyp'), { recursive: true });
    rmSync(join(work, 'no-gyp/node_modules/node-gyp'), { recursive: true });
    expectRefused({ packages: 'no-gyp' }, /holds no node-gyp/);
  });

  test('a build or proof that fails shows its last lines and leaves what stood before', () => {
    makePackages('failing', { build: "console.error('fatal error: c_api.h'); process.exit(2);" });
    makePackages('silent', { build: '' });
    makePackages('wrong', { computes: 8 });
    expectRefused({ packages: 'failing' }, /fatal error: c_api\.h[\s\S]*could not be compiled/);
    expectRefused({ packages: 'silent' }, /made no tfjs_binding\.node/);
    expectRefused({ packages: 'wrong' }, /computes 8, not 9[\s\S]*does not load or compute/);

    expect(install().status).toBe(0);
    makeLibrary('newer', { 'lib/more.so': elf() });
    expect(install({ library: 'newer.tar.gz', packages: 'failing' }).status).toBe(1);
    expect(install().stdout).toContain('Nothing to do');
  });

  test('a TensorFlow without a GPU is refused, unless the CPU is allowed', () => {
    makePackages('cpu', { gpu: false });
    expectRefused({ packages: 'cpu' }, /TensorFlow finds no GPU here\.[\s\S]*--allow-cpu/);
    const allowed = install({ packages: 'cpu', options: ['--allow-cpu'] });
    expect(allowed.stdout).toContain('provider: cpu');
    expect(allowed.status).toBe(0);
    const insisted = install({ packages: 'cpu' });
    expect(insisted.stderr).toContain('TensorFlow finds no GPU here');
  });
});

test('what is asked wrongly is told with the usage', () => {
  expect(spawnSync('sh', [script], { encoding: 'utf8' })).toMatchObject({
    status: 64,
    stderr: expect.stringContaining('--libtensorflow is missing'),
  });
  expect(install({ options: ['--frobnicate'] }).status).toBe(64);
  expect(install({ options: ['--to', 'here'] }).stderr).toContain('is no absolute path');
});
