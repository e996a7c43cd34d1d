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

/**
 * A release as far as the installer looks at it. Its Node is a link: a whole one would take seconds to copy.
 * @param content what tells two releases of one version apart
 */
function release(version: string, content = version): string {
  const folder = join(work, `specta-${version}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'src'), { recursive: true });
  writeFileSync(join(folder, 'src/main.ts'), `console.log('${content}');\n`);
  writeFileSync(join(folder, 'package.json'), `{\n  "name": "specta",\n  "version": "${version}"\n}\n`);
  writeFileSync(join(folder, 'RELEASE'), `version=${version}\narch=${process.arch}\n`);
  cpSync(join(project, 'systemd'), join(folder, 'systemd'), { recursive: true });
  for (const part of ['boards', 'udev', 'install.sh', 'specta.example.yaml'])
    cpSync(join(project, 'device', part), join(folder, 'device', part), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  symlinkSync(process.execPath, join(folder, 'bin/node'));
  writeFileSync(join(folder, 'bin/specta'), '#!/bin/sh\n', { mode: 0o755 });
  sign(folder);
  return folder;
}

/** Writes SHA256SUMS over the files of a release. */
function sign(folder: string): void {
  rmSync(join(folder, 'SHA256SUMS'), { force: true });
  const { stdout } = spawnSync('sh', ['-c', 'find . -type f -printf "%P\\n" | sort | xargs sha256sum'], {
    cwd: folder,
    encoding: 'utf8',
  });
  writeFileSync(join(folder, 'SHA256SUMS'), stdout);
}

/** A release as it travels. */
function tarball(version: string): string {
  release(version);
  const file = join(work, `specta-${version}.tar.gz`);
  expect(spawnSync('tar', ['-czf', file, '-C', work, `specta-${version}`]).status).toBe(0);
  return file;
}

/** Neither board nor camera. */
const nothingHere = (): Record<string, string> => ({
  SPECTA_DEVICE_TREE: join(work, 'no-device-tree'),
  SPECTA_CAMERAS: join(work, 'no-cameras'),
});

function install(
  args: readonly string[],
  environment: Record<string, string> = {},
  script = join(project, 'device/install.sh'),
) {
  const { status, stdout, stderr } = spawnSync('sh', [script, ...args], {
    encoding: 'utf8',
    env: { ...process.env, DESTDIR: root, ...nothingHere(), ...environment },
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

/** What lies in /opt/specta, without the lock. */
function releases(): string[] {
  return readdirSync(at('opt/specta'))
    .filter((name) => name !== '.lock')
    .sort();
}

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
    // What the unit says, rules and command are links into the release that runs, so that one step switches all.
    const says = 'etc/systemd/system/specta.service.d/10-release.conf';
    expect(readlinkSync(at(says))).toBe('../../../../opt/specta/current/systemd/specta.service');
    expect(statSync(at('usr/local/bin/specta')).mode & 0o777).toBe(0o755);
    expect(statSync(at('var/lib/specta')).mode & 0o777).toBe(0o750);
    expect(out).toMatch(/\(not in DESTDIR\) useradd --system --gid specta/);
    expect(out).toMatch(/\(not in DESTDIR\) systemctl start --no-block specta\.service/);
    // Every program that the unit starts is there.
    const unit = readFileSync(at(says), 'utf8');
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
    for (const version of ['1.1.0', '1.2.0']) expect(install([tarball(version)]).status).toBe(0);
    expect(readlinkSync(at('opt/specta/current'))).toBe('1.2.0');
    expect(readlinkSync(at('opt/specta/previous'))).toBe('1.1.0');
    expect(releases()).toEqual(['1.1.0', '1.2.0', 'current', 'previous']);
    expect(install(['--return']).status).toBe(0);
    expect(readlinkSync(at('opt/specta/current'))).toBe('1.1.0');
    expect(install(['--return']).status).toBe(0);
    expect(readlinkSync(at('opt/specta/current'))).toBe('1.2.0');
  });

  test('what an interrupted install left is removed', () => {
    install([release('1.0.0')]);
    mkdirSync(at('opt/specta/.incoming.abcdef/release/src'), { recursive: true });
    symlinkSync('nowhere', at('opt/specta/.link.current'));
    // A power cut during the removal of an old release.
    mkdirSync(at('opt/specta/1.1.0/src'), { recursive: true });
    expect(install([release('1.1.0')])).toMatchObject({ status: 0, err: '' });
    expect(releases()).toEqual(['1.0.0', '1.1.0', 'current', 'previous']);
    expect(existsSync(at('opt/specta/1.1.0/package.json'))).toBe(true);
  });

  test('after a power cut between the two links of a switch, a return still finds the other release', () => {
    install([release('1.0.0')]);
    install([release('1.1.0')]);
    rmSync(at('opt/specta/current'));
    symlinkSync('1.0.0', at('opt/specta/current'));
    expect(install(['--return'])).toMatchObject({ status: 0, err: '' });
    expect(readlinkSync(at('opt/specta/current'))).toBe('1.1.0');
    expect(readlinkSync(at('opt/specta/previous'))).toBe('1.0.0');
  });

  test('a release is never changed in place: the same version with another content goes beside it', () => {
    install([release('1.0.0')]);
    install([release('1.0.0', 'other')]);
    expect(readFileSync(at('opt/specta/1.0.0/src/main.ts'), 'utf8')).toContain('1.0.0');
    expect(readFileSync(at('opt/specta/current/src/main.ts'), 'utf8')).toContain('other');
    expect(readlinkSync(at('opt/specta/current'))).toMatch(/^1\.0\.0\+[0-9a-f]{8}$/);
    expect(readlinkSync(at('opt/specta/previous'))).toBe('1.0.0');
  });

  test('a damaged release is refused, and what ran stays', () => {
    install([release('1.0.0')]);
    const folder = release('1.1.0');
    writeFileSync(join(folder, 'src/main.ts'), 'damaged');
    const before = snapshot();
    expect(install([folder])).toMatchObject({
      status: 1,
      err: expect.stringMatching(/damaged.*Nothing was/),
    });
    const file = tarball('1.2.0');
    writeFileSync(`${file}.sha256`, `${'0'.repeat(64)}  specta-1.2.0.tar.gz\n`);
    expect(install([file])).toMatchObject({
      status: 1,
      err: expect.stringMatching(/damaged.*Copy it again/),
    });
    writeFileSync(file, readFileSync(file).subarray(0, 5000));
    rmSync(`${file}.sha256`);
    expect(install([file])).toMatchObject({ status: 1, err: expect.stringMatching(/cannot be unpacked/) });
    expect(snapshot()).toEqual(before);
  });

  test('a release whose installer is another is installed by its own', () => {
    const folder = release('1.1.0');
    const script = join(folder, 'device/install.sh');
    writeFileSync(script, readFileSync(script, 'utf8').replace('set -eu', 'set -eu\necho my own'));
    sign(folder);
    const file = join(work, 'newer.tar.gz');
    expect(spawnSync('tar', ['-czf', file, '-C', work, 'specta-1.1.0']).status).toBe(0);
    const { status, out, err } = install(['--board', 'jetson-orin-nx', file]);
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toMatch(/my own[\s\S]*Configuration \(jetson-orin-nx\)/);
    expect(releases()).toEqual(['1.1.0', 'current']);
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
    const dropIns = (): string[] => readdirSync(at('etc/systemd/system/specta.service.d')).sort();
    expect(dropIns()).toEqual(['10-release.conf', '20-sysfs-gpio.conf']);
    // An upgrade keeps it.
    expect(install([release('1.1.0')]).status).toBe(0);
    expect(dropIns()).toEqual(['10-release.conf', '20-sysfs-gpio.conf']);
    expect(install(['--uninstall']).status).toBe(0);
    expect(existsSync(at('etc/systemd/system/specta.service.d'))).toBe(false);
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
      camera: { ...example.camera, uri: 'v4l2:/dev/video0' },
      light: { ...example.light, line: board.light.line },
    });
  });

  test('is recognised by its device tree', () => {
    const tree = deviceTree('nvidia,p3768-0000+p3767-0005-super', 'nvidia,p3767-0005', 'nvidia,tegra234');
    expect(install([release('1.0.0')], tree).out).toMatch(/Configuration \(jetson-orin-nano\)/);
    expect(readFileSync(at('etc/specta/specta.yaml'), 'utf8')).toMatch(/line: PAC\.06/);
    // Any Tegra gets the nodes of its GPU.
    expect(existsSync(at('etc/systemd/system/specta.service.d/20-jetson.conf'))).toBe(true);
  });

  test('an unknown one is named with those that are known', () => {
    expect(install(['--board', 'toaster', release('1.0.0')])).toMatchObject({
      status: 1,
      err: expect.stringMatching(/no board toaster; there is: .*jetson-orin-nano/),
    });
    expect(snapshot()).toEqual({});
  });
});

describe('the camera in a new configuration', () => {
  const uriWith = (...nodes: string[]): unknown => {
    for (const node of nodes) {
      const path = join(work, 'v4l', node);
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, '');
    }
    expect(install([release('1.0.0')], { SPECTA_CAMERAS: join(work, 'v4l') }).status).toBe(0);
    return parse(readFileSync(at('etc/specta/specta.yaml'), 'utf8')).camera.uri;
  };

  test('is the only one that is there, by its stable name', () => {
    const usb = 'by-id/usb-Maker_Camera_1-video-index0';
    const port = 'by-path/platform-x-usb-0:1-video-index0';
    expect(uriWith(usb, 'by-id/usb-Maker_Camera_1-video-index1', port)).toBe(
      `v4l2:${join(work, 'v4l', usb)}`,
    );
  });

  test('is left to be named where there is a choice, none, or only a bare CSI sensor', () => {
    const toBeNamed = 'v4l2:/dev/video0';
    expect(uriWith('by-path/platform-tegra-capture-vi-video-index0')).toBe(toBeNamed);
    rmSync(at('etc/specta/specta.yaml'));
    expect(uriWith('by-id/usb-A-video-index0', 'by-id/usb-B-video-index0')).toBe(toBeNamed);
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

  test('what is no release, a release for another processor, a return to nothing', () => {
    expect(install([work]).err).toMatch(/no release of SPECTA: RELEASE is missing/);
    const folder = release('1.0.0');
    writeFileSync(join(folder, 'RELEASE'), 'version=1.0.0\narch=vax\n');
    expect(install(['--dry-run', folder], { DESTDIR: '' }).err).toMatch(
      /release is for linux-vax and this machine is linux-/,
    );
    expect(install(['--return']).err).toMatch(/no former release/);
    expect(install(['--wrong']).status).toBe(64);
    expect(snapshot()).toEqual({});
  });
});
