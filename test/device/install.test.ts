import { spawnSync } from 'node:child_process';
import {
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
import { describe, expect, test } from 'vitest';
import { throwawayRoot } from './throwaway-root.ts';

const { beside, at, release, sign, tarball, install, snapshot, releases } = throwawayRoot();

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

  test.skipIf(statSync('/dev/shm').dev === statSync(tmpdir()).dev)(
    'where /opt is a disk of its own, what systemd and udev read is a copy, and the command still a link',
    () => {
      const disk = mkdtempSync('/dev/shm/specta-opt-');
      try {
        symlinkSync(disk, at('opt'));
        expect(install([release('1.0.0')])).toMatchObject({ status: 0, err: '' });
        for (const file of [
          'etc/systemd/system/specta.service.d/10-release.conf',
          'etc/udev/rules.d/60-specta.rules',
        ])
          expect(lstatSync(at(file)).isFile(), file).toBe(true);
        // As a copy it would look for Node beside itself, in /usr/local/bin.
        expect(readlinkSync(at('usr/local/bin/specta'))).toBe('../../../opt/specta/current/bin/specta');
      } finally {
        rmSync(disk, { recursive: true });
      }
    },
  );

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
    const file = beside('newer.tar.gz');
    expect(spawnSync('tar', ['-czf', file, '-C', beside(), 'specta-1.1.0']).status).toBe(0);
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
