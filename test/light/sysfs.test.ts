import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SysfsLine } from '../../src/light/gpio/sysfs.ts';
import { exportedFolder, findSysfsChip, sysfsChips } from '../../src/light/gpio/sysfs-chip.ts';

let sys: string;
beforeEach(() => {
  sys = mkdtempSync(join(tmpdir(), 'specta-sysfs-'));
  mkdirSync(join(sys, 'class/gpio'), { recursive: true });
  mkdirSync(join(sys, 'bus/gpio/devices'), { recursive: true });
});
afterEach(() => rmSync(sys, { recursive: true }));

/** A chip as the kernel shows it: `class/gpio/gpiochip<base>` and `bus/gpio/devices/gpiochip<number>`. */
function addChip(device: string, number: number, base: number, label: string, lines = 32): void {
  const home = join(sys, 'devices', device);
  const shown = join(home, 'gpio', `gpiochip${base}`);
  mkdirSync(shown, { recursive: true });
  mkdirSync(join(home, `gpiochip${number}`));
  writeFileSync(join(shown, 'base'), `${base}\n`);
  writeFileSync(join(shown, 'label'), `${label}\n`);
  writeFileSync(join(shown, 'ngpio'), `${lines}\n`);
  symlinkSync(home, join(shown, 'device'));
  symlinkSync(shown, join(sys, 'class/gpio', `gpiochip${base}`));
  symlinkSync(join(home, `gpiochip${number}`), join(sys, 'bus/gpio/devices', `gpiochip${number}`));
}

/** An exported line as the kernel shows it, below its chip. */
function addExported(device: string, number: number, name: string): string {
  const home = join(sys, 'devices', device, `gpiochip${number}`);
  const shown = join(home, 'gpio', name);
  mkdirSync(shown, { recursive: true });
  symlinkSync(home, join(shown, 'device'));
  symlinkSync(shown, join(sys, 'class/gpio', name));
  return shown;
}

test("a chip is found by its label, the character device's name or path, and sysfs's own name", () => {
  addChip('2200000.gpio', 0, 348, 'tegra234-gpio', 164);
  addChip('c2f0000.gpio', 1, 316, 'tegra234-gpio-aon');
  expect(sysfsChips(sys).map(({ base }) => base)).toEqual([316, 348]);
  for (const name of ['tegra234-gpio', 'gpiochip0', '/dev/gpiochip0', 'gpiochip348'])
    expect(findSysfsChip(name, sys)).toMatchObject({ base: 348, lines: 164, label: 'tegra234-gpio' });
  expect(() => findSysfsChip('gpiochip7', sys)).toThrow(
    /no .*gpiochip7|No GPIO chip .* gpiochip316 \(tegra234-gpio-aon\)/,
  );
});

test("the character device's name goes before sysfs's own, which may be the same", () => {
  addChip('a', 0, 32, 'first');
  addChip('b', 1, 0, 'second');
  expect(findSysfsChip('gpiochip0', sys).label).toBe('first');
  expect(findSysfsChip('gpiochip1', sys).label).toBe('second');
});

test('two chips that may be meant are refused with both names', () => {
  addChip('a', 0, 0, 'same');
  addChip('b', 1, 32, 'same');
  expect(() => findSysfsChip('same', sys)).toThrow(/gpiochip0 \(same\), gpiochip32 \(same\)/);
});

test('a kernel without the sysfs interface is named as such', () => {
  rmSync(join(sys, 'class'), { recursive: true });
  expect(() => sysfsChips(sys)).toThrow(
    expect.objectContaining({ code: 'LIGHT_FAILED', help: expect.stringContaining('chardev') }),
  );
});

test("an exported line is found under its number, or under its name on this chip and on no other's", () => {
  addChip('a', 0, 480, 'main');
  addChip('b', 1, 448, 'other');
  const chip = findSysfsChip('main', sys);
  expect(exportedFolder(chip, 17, 'RELAY', sys)).toBeNull();
  addExported('b', 1, 'RELAY');
  expect(exportedFolder(chip, 17, 'RELAY', sys)).toBeNull();
  rmSync(join(sys, 'class/gpio/RELAY'));
  const relay = addExported('a', 0, 'RELAY');
  const found = exportedFolder(chip, 17, 'RELAY', sys);
  expect(found?.path).toBe(relay);
  // onoff puts the place behind `gpio`; the kernel follows the link in the middle, which join() would not.
  expect(realpathSync.native(`${join(sys, 'class/gpio')}/gpio${found?.place}/device`)).toBe(
    join(sys, 'devices/a/gpiochip0'),
  );
  expect(exportedFolder(chip, 18, null, sys)).toBeNull();
  const numbered = addExported('a', 0, 'gpio498');
  expect(exportedFolder(chip, 18, '', sys)).toEqual({ path: numbered, place: '498' });
});

test('a sysfs line that cannot work says why and what to use instead', () => {
  const line = new SysfsLine({ chip: 'no-such-chip', line: 3, activeLow: false });
  expect(() => line.open(true)).toThrow(
    expect.objectContaining({ code: 'LIGHT_FAILED', help: expect.stringMatching(/chardev/) }),
  );
  expect(line.state.kind).toBe('failed');
  line.close(false);
  expect(line.state).toEqual({ kind: 'closed' });
});
