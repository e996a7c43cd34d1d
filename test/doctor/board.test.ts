import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { configSchema } from '../../src/daemon/config.ts';
import { seeBoard, seeJetPack, seePowerMode } from '../../src/doctor/board.ts';
import { boardResults, systemResults } from '../../src/doctor/board-checks.ts';

const work = mkdtempSync(join(tmpdir(), 'specta-board-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** The file system of a machine, as far as it is looked at. */
function machine(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(work, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

const orin = machine('orin', {
  'proc/device-tree/compatible': 'nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0',
  'proc/device-tree/model': 'NVIDIA Jetson Orin Nano Developer Kit\0',
  'etc/nv_tegra_release': '# R36 (release), REVISION: 3.0, GCID: 36923193, BOARD: generic, EABI: aarch64\n',
  'etc/nvpmodel.conf':
    '< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=7W >\n< PM_CONFIG DEFAULT=0 >\n',
  'var/lib/nvpmodel/status': 'pmode:0001 fmode:quiet\n',
});

function configured(line: Record<string, unknown>) {
  return configSchema.parse({ camera: { uri: 'replay:x' }, light: { line } });
}

test('a Jetson is recognised by its device tree, with JetPack and power mode', () => {
  expect(seeBoard(orin)).toMatchObject({ kind: 'known', name: 'jetson-orin-nano' });
  expect(seeJetPack(orin)).toEqual({ major: '6', release: 'R36.3.0' });
  expect(seePowerMode(orin)).toBe('7W (mode 1)');
});

test('on a known board the line of its header is named, and what is configured is held against it', () => {
  const sight = seeBoard(orin);
  const suggestion =
    'light.line: { kind: chardev, chip: tegra234-gpio, line: PAC.06, activeLow: false } (pin 7 of the header, ground on 9)';
  const [board, line] = boardResults(sight, seeJetPack(orin), null);
  expect(board).toMatchObject({ health: 'good', found: expect.stringContaining('JetPack 6 (R36.3.0)') });
  expect(line).toMatchObject({ health: 'good', found: `the light's line here is ${suggestion}` });
  expect(boardResults(sight, null, configured({ kind: 'simulated' }))[1]).toMatchObject({
    health: 'warning',
    todo: `Set ${suggestion}`,
  });
  const same = configured({ kind: 'chardev', chip: 'tegra234-gpio', line: 'PAC.06' });
  expect(boardResults(sight, null, same)[1]).toMatchObject({ health: 'good', todo: null });
});

test('the 2019 Nano is refused with the reason; JetPack 6 on Xavier as well', () => {
  const nano = machine('nano', { 'proc/device-tree/compatible': 'nvidia,p3450-0000\0nvidia,tegra210\0' });
  expect(boardResults(seeBoard(nano), null, null)).toEqual([
    expect.objectContaining({ health: 'bad', todo: expect.stringContaining('glibc 2.28') }),
  ]);
  const xavier = machine('xavier', { 'proc/device-tree/compatible': 'nvidia,p3509-0000+p3668-0000\0' });
  expect(boardResults(seeBoard(xavier), { major: '6', release: 'R36.3.0' }, null)[0]).toMatchObject({
    health: 'bad',
  });
});

test('a board that no file knows, and a machine without device tree', () => {
  const pi = machine('pi', {
    'proc/device-tree/compatible': 'raspberrypi,4-model-b\0brcm,bcm2711\0',
    'proc/device-tree/model': 'Raspberry Pi 4 Model B\0',
  });
  expect(boardResults(seeBoard(pi), null, null)).toEqual([
    expect.objectContaining({ health: 'warning', found: expect.stringContaining('Raspberry Pi 4 Model B') }),
  ]);
  const pc = machine('pc', { 'etc/hostname': 'pc\n' });
  expect(seeBoard(pc)).toEqual({ kind: 'none' });
  expect([seeJetPack(pc), seePowerMode(pc)]).toEqual([null, null]);
  expect(boardResults({ kind: 'none' }, null, null)).toMatchObject([{ health: 'good' }]);
});

test.each([
  ['6.1.0-13-amd64', '2.36', 'good'],
  ['5.10.104-tegra', '2.31', 'good'],
  ['4.19.0', '2.28', 'warning'],
  ['4.9.337-tegra', '2.27', 'bad'],
  ['4.9.337-tegra', '2.28', 'bad'],
  ['6.6.0', null, 'bad'],
])('kernel %s with glibc %s is %s', (kernel, glibc, health) => {
  const [result] = systemResults(kernel, glibc);
  expect(result).toMatchObject({ health });
  if (health !== 'good') expect(result?.todo).toMatch(/\S/);
});
