import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { SpectaError, systemCode } from '../../platform/errors.ts';

/** A chip as the older sysfs interface shows it. */
export interface SysfsChip {
  /** Number of its first line: the line at offset 3 is exported as base + 3. Changes between kernels. */
  readonly base: number;
  readonly label: string;
  readonly lines: number;
  /** Folder of the device that it belongs to, without links. */
  readonly device: string;
}

/** Where the kernel keeps exported lines. onoff knows only this place. */
export const GPIO_CLASS = '/sys/class/gpio';

/**
 * The chips of the sysfs interface. Throws `LIGHT_FAILED` where the kernel has none, as JetPack 6 does.
 *
 * @param sys where sysfs is mounted
 */
export function sysfsChips(sys = '/sys'): SysfsChip[] {
  const folder = join(sys, 'class/gpio');
  try {
    return readdirSync(folder)
      .filter((name) => /^gpiochip\d+$/.test(name))
      .map((name) => {
        const at = (file: string): string => readFileSync(join(folder, name, file), 'utf8').trim();
        return {
          base: Number(at('base')),
          label: at('label'),
          lines: Number(at('ngpio')),
          device: realpathSync(join(folder, name, 'device')),
        };
      })
      .sort((a, b) => a.base - b.base);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new SpectaError(
      'LIGHT_FAILED',
      'This kernel has no GPIO lines in /sys/class/gpio.',
      'Use light.line.kind: chardev; JetPack 6 ships without the sysfs interface.',
      error,
    );
  }
}

/**
 * The chip that is meant by its label, by the character device's name or path (`gpiochip0`, `/dev/gpiochip0`), or by
 * sysfs's own name (`gpiochip480`). The character device's name goes first. Throws `LIGHT_FAILED`.
 */
export function findSysfsChip(wanted: string, sys = '/sys'): SysfsChip {
  const chips = sysfsChips(sys);
  const name = wanted.startsWith('/') ? basename(wanted) : wanted;
  const matches = [
    chips.filter(({ label }) => label === wanted),
    chips.filter(({ device }) => device === deviceOfChardev(name, sys)),
    chips.filter(({ base }) => name === `gpiochip${base}`),
  ];
  const found = matches.find((list) => list.length > 0) ?? [];
  const [chip, ...more] = found;
  if (chip !== undefined && more.length === 0) return chip;
  const list = (some: readonly SysfsChip[]): string =>
    some.map(({ base, label }) => `gpiochip${base} (${label})`).join(', ');
  throw new SpectaError(
    'LIGHT_FAILED',
    chip === undefined
      ? `No GPIO chip in /sys/class/gpio is called ${wanted}; there is ${list(chips) || 'none'}.`
      : `Several GPIO chips in /sys/class/gpio may be meant by ${wanted}: ${list(found)}.`,
    'Name the chip as it stands in /sys/class/gpio, or use light.line.kind: chardev.',
  );
}

/** Folder of the device behind `/dev/<name>`; null where there is no such chip. */
function deviceOfChardev(name: string, sys: string): string | null {
  try {
    return dirname(realpathSync(join(sys, 'bus/gpio/devices', name)));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** An exported line. */
export interface ExportedFolder {
  /** Without links. */
  readonly path: string;
  /** What must follow `/sys/class/gpio/gpio` to get there; onoff looks nowhere else. */
  readonly place: string;
}

/**
 * The folder of an exported line: `gpio497`, or the line's own name where the driver names its lines, as Tegra's does
 * (`PAC.06`). null when the line is not exported.
 *
 * @param name of the line, where it is known
 */
export function exportedFolder(
  chip: SysfsChip,
  offset: number,
  name: string | null,
  sys = '/sys',
): ExportedFolder | null {
  const folder = join(sys, 'class/gpio');
  const present = new Set(readdirSync(folder));
  const number = chip.base + offset;
  if (present.has(`gpio${number}`)) {
    return { path: realpathSync(join(folder, `gpio${number}`)), place: String(number) };
  }
  if (name === null || name === '' || !present.has(name)) return null;
  const path = realpathSync(join(folder, name));
  // Another chip may have a line of the same name. A line's device is the chip, whose folder lies in its device's.
  const device = realpathSync(join(path, 'device'));
  if (device !== chip.device && dirname(device) !== chip.device) return null;
  // The way leads through the chip's own folder, whose name begins with gpio.
  const start = realpathSync(join(folder, `gpiochip${chip.base}`));
  return { path, place: `chip${chip.base}/${relative(start, path)}` };
}
