import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../src/daemon/load-config.ts';

const project = join(import.meta.dirname, '../..');
let work: string;
let root: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'specta-install-'));
  root = join(work, 'root');
  mkdirSync(root);
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

/** A release as far as the installer looks at it. Its Node is a link: a whole one would take seconds to copy. */
function release(version: string): string {
  const folder = join(work, `specta-${version}`);
  mkdirSync(join(folder, 'src'), { recursive: true });
  writeFileSync(join(folder, 'src/main.ts'), `console.log('${version}');\n`);
  writeFileSync(join(folder, 'package.json'), `{\n  "name": "specta",\n  "version": "${version}"\n}\n`);
  cpSync(join(project, 'systemd'), join(folder, 'systemd'), { recursive: true });
  for (const part of ['boards', 'udev', 'install.sh', 'specta.example.yaml'])
    cpSync(join(project, 'device', part), join(folder, 'device', part), { recursive: true });
  const node = join(folder, `node_modules/node-linux-${process.arch}/bin`);
  mkdirSync(node, { recursive: true });
  symlinkSync(process.execPath, join(node, 'node'));
  return folder;
}

function install(
  args: readonly string[],
  environment: Record<string, string> = {},
  script = join(project, 'device/install.sh'),
) {
  const { status, stdout, stderr } = spawnSync('sh', [script, ...args], {
    encoding: 'utf8',
    env: { ...process.env, DESTDIR: root, SPECTA_DEVICE_TREE: join(work, 'no-device-tree'), ...environment },
  });
  return { status, out: stdout, err: stderr };
}

/** Everything below the root: path, kind, mode, content. */
function snapshot(): Record<string, string> {
  const seen: Record<string, string> = {};
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const path = join(root, name);
    const facts = lstatSync(path);
    const what = facts.isSymbolicLink()
      ? readlinkSync(path)
      : facts.isFile()
        ? readFileSync(path, 'utf8')
        : 'folder';
    seen[name] = `${(facts.mode & 0o777).toString(8)} ${what}`;
  }
  return seen;
}

/** A device tree that says what the board is. */
function deviceTree(...names: string[]): Record<string, string> {
  const folder = join(work, 'device-tree');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'compatible'), names.map((name) => `${name}\0`).join(''));
  return { SPECTA_DEVICE_TREE: folder };
}

/** A PATH on which `program` says something else. */
function pretending(program: string, says: string): Record<string, string> {
  const folder = join(work, 'bin');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, program), `#!/bin/sh\n${says}\n`);
  chmodSync(join(folder, program), 0o755);
  return { PATH: `${folder}:${process.env.PATH}` };
}

const at = (path: string): string => join(root, path);

describe('installing into a throwaway root', () => {
  test('puts release, links, unit, rules, configuration and command where they belong', () => {
    const { status, out, err } = install([release('1.0.0')]);
    expect(err).toBe('');
    expect(status).toBe(0);
    expect(readlinkSync(at('opt/specta/current'))).toBe('1.0.0');
    expect(existsSync(at('opt/specta/current/bin/node'))).toBe(true);
    for (const file of [
      'etc/systemd/system/specta.service',
      'etc/udev/rules.d/60-specta.rules',
      'etc/specta/specta.yaml',
      'usr/local/bin/specta',
      'opt/specta/1.0.0/src/main.ts',
    ])
      expect(existsSync(at(file)), file).toBe(true);
    expect(statSync(at('usr/local/bin/specta')).mode & 0o777).toBe(0o755);
    expect(statSync(at('var/lib/specta')).mode & 0o777).toBe(0o750);
    expect(out).toMatch(/\(not in DESTDIR\) useradd --system --gid specta/);
    expect(out).toMatch(/\(not in DESTDIR\) systemctl restart specta\.service/);
    // Every program that the unit starts is there.
    const unit = readFileSync(at('etc/systemd/system/specta.service'), 'utf8');
    for (const [, program = ''] of unit.matchAll(/^Exec\w+=-?(\/\S+)/gm))
      expect(existsSync(at(program)), program).toBe(true);
  });

  test('done again it changes nothing, and a configuration of the user stays', () => {
    const folder = release('1.0.0');
    install([folder]);
    writeFileSync(at('etc/specta/specta.yaml'), 'vehicle: mine\ncamera: { uri: "replay:x" }\n');
    const before = snapshot();
    const { status, out } = install([folder]);
    expect(status).toBe(0);
    expect(out).toMatch(/specta\.yaml is there: left as it is/);
    expect(snapshot()).toEqual(before);
    // From its own place as well.
    expect(install([], {}, at('opt/specta/1.0.0/device/install.sh')).status).toBe(0);
    expect(snapshot()).toEqual(before);
  });

  test('--dry-run says all and does nothing', () => {
    const { status, out } = install(['--dry-run', release('1.0.0')]);
    expect(status).toBe(0);
    expect(out).toMatch(/copy .* to .*opt\/specta\/1\.0\.0/);
    expect(out).toMatch(/specta\.service/);
    expect(snapshot()).toEqual({});
  });

  test('an upgrade from a tarball keeps the former release, a return goes back, and older ones go', () => {
    install([release('1.0.0')]);
    for (const version of ['1.1.0', '1.2.0']) {
      release(version);
      const tarball = join(work, `specta-${version}.tar.gz`);
      expect(spawnSync('tar', ['-czf', tarball, '-C', work, `specta-${version}`]).status).toBe(0);
      expect(install([tarball]).status).toBe(0);
    }
    expect(readlinkSync(at('opt/specta/current'))).toBe('1.2.0');
    expect(readlinkSync(at('opt/specta/previous'))).toBe('1.1.0');
    expect(readdirSync(at('opt/specta')).sort()).toEqual(['1.1.0', '1.2.0', 'current', 'previous']);
    expect(install(['--return']).status).toBe(0);
    expect(readlinkSync(at('opt/specta/current'))).toBe('1.1.0');
    expect(install(['--return']).status).toBe(0);
    expect(readlinkSync(at('opt/specta/current'))).toBe('1.2.0');
  });

  test('a half-copied release of an interrupted upgrade is replaced', () => {
    install([release('1.0.0')]);
    mkdirSync(at('opt/specta/1.1.0.new/src'), { recursive: true });
    expect(install([release('1.1.0')]).status).toBe(0);
    expect(readdirSync(at('opt/specta')).sort()).toEqual(['1.0.0', '1.1.0', 'current', 'previous']);
  });

  test('--uninstall takes it away and leaves configuration and record; --purge takes them too', () => {
    install([release('1.0.0')]);
    expect(install(['--uninstall']).status).toBe(0);
    expect(existsSync(at('opt/specta'))).toBe(false);
    expect(existsSync(at('etc/systemd/system/specta.service'))).toBe(false);
    expect(existsSync(at('etc/specta/specta.yaml'))).toBe(true);
    expect(install(['--uninstall', '--purge']).status).toBe(0);
    expect(existsSync(at('etc/specta'))).toBe(false);
    expect(existsSync(at('var/lib/specta'))).toBe(false);
    expect(install(['--uninstall', '--purge']).status).toBe(0);
  });

  test('--sysfs-gpio adds the drop-in', () => {
    expect(install(['--sysfs-gpio', release('1.0.0')]).status).toBe(0);
    expect(existsSync(at('etc/systemd/system/specta.service.d/sysfs-gpio.conf'))).toBe(true);
  });
});

describe('the board', () => {
  const boards = readdirSync(join(project, 'device/boards'))
    .map((name) => name.replace('.yaml', ''))
    .filter((name) => name !== 'unsupported');

  test.each(boards)('its light line stands in the configuration, which is valid: %s', (name) => {
    const { status, err } = install(['--board', name, release('1.0.0')]);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    const text = readFileSync(at('etc/specta/specta.yaml'), 'utf8');
    const board = parse(readFileSync(join(project, `device/boards/${name}.yaml`), 'utf8'));
    const example = parseConfig(readFileSync(join(project, 'device/specta.example.yaml'), 'utf8'), {});
    expect(parseConfig(text, {})).toEqual({
      ...example,
      light: { ...example.light, line: board.light.line },
    });
  });

  test('is recognised by its device tree', () => {
    const tree = deviceTree('nvidia,p3768-0000+p3767-0005-super', 'nvidia,p3767-0005', 'nvidia,tegra234');
    expect(install([release('1.0.0')], tree).out).toMatch(/Configuration \(jetson-orin-nano\)/);
    expect(readFileSync(at('etc/specta/specta.yaml'), 'utf8')).toMatch(/line: PAC\.06/);
  });

  test('an unknown one is named with those that are known', () => {
    expect(install(['--board', 'toaster', release('1.0.0')])).toMatchObject({
      status: 1,
      err: expect.stringMatching(/no board toaster; there is: .*jetson-orin-nano/),
    });
    expect(snapshot()).toEqual({});
  });
});

describe('what cannot work is refused with its reason, before anything is written', () => {
  const cases: readonly (readonly [string, () => Record<string, string>, RegExp])[] = [
    [
      'the 2019 Nano',
      () => deviceTree('nvidia,p3450-0000', 'nvidia,tegra210'),
      /2019 Jetson Nano.*glibc 2\.27/,
    ],
    ['an old glibc', () => pretending('getconf', 'echo glibc 2.27'), /glibc is 2\.27; .* 2\.28/],
    ['no glibc', () => pretending('getconf', 'exit 1'), /no glibc/],
    [
      'an old kernel',
      () => pretending('uname', 'case $1 in -r) echo 4.9.253-tegra ;; *) /usr/bin/uname "$@" ;; esac'),
      /kernel is 4\.9\.253-tegra/,
    ],
  ];
  test.each(cases)('%s', (_name, environment, words) => {
    const folder = release('1.0.0');
    expect(install([folder], environment())).toMatchObject({ status: 1, err: expect.stringMatching(words) });
    expect(snapshot()).toEqual({});
    expect(install(['--force', folder], environment())).toMatchObject({
      status: 0,
      out: expect.stringMatching(words),
    });
  });

  test('what is no release, and a release without Node', () => {
    expect(install([work]).err).toMatch(/no release of SPECTA: package\.json is missing/);
    const folder = release('1.0.0');
    rmSync(join(folder, `node_modules/node-linux-${process.arch}`), { recursive: true });
    expect(install([folder]).err).toMatch(/holds no Node/);
    expect(install(['--return']).err).toMatch(/no former release/);
    expect(install(['--wrong']).status).toBe(64);
    expect(snapshot()).toEqual({});
  });
});
