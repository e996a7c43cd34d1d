import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../src/daemon/load-config.ts';
import { project, throwawayRoot } from './throwaway-root.ts';

const { beside, at, release, install, snapshot, deviceTree, pretending } = throwawayRoot();

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
      const path = beside('v4l', node);
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, '');
    }
    expect(install([release('1.0.0')], { SPECTA_CAMERAS: beside('v4l') }).status).toBe(0);
    return parse(readFileSync(at('etc/specta/specta.yaml'), 'utf8')).camera.uri;
  };

  test('is the only one that is there, by its stable name', () => {
    const usb = 'by-id/usb-Maker_Camera_1-video-index0';
    const port = 'by-path/platform-x-usb-0:1-video-index0';
    expect(uriWith(usb, 'by-id/usb-Maker_Camera_1-video-index1', port)).toBe(`v4l2:${beside('v4l', usb)}`);
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
    expect(install([beside()]).err).toMatch(/no release of SPECTA: RELEASE is missing/);
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
