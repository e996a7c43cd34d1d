import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { asSpectaError, SpectaError, systemCode } from '../../platform/errors.ts';
import type { Libc } from '../../platform/libc.ts';
import { GpioChip, type LineFacts } from './gpio-chip.ts';

/** Which line, as the configuration names it. */
export interface LineAddress {
  /** `gpiochip0`, its label, or its path. */
  readonly chip: string;
  /** Offset on the chip, or the line's name. */
  readonly line: number | string;
}

/** Which line, and how the lamp hangs on it. */
export interface LineOptions extends LineAddress {
  /** The lamp shines when the pin is low. */
  readonly activeLow: boolean;
}

const SEE_CHIPS = 'Run specta doctor, or gpiodetect, to see the chips that are there.';

/** Paths of the GPIO chips of this machine, `/dev/gpiochip0` first; empty where there are none. */
export function chipPaths(folder = '/dev'): string[] {
  return readdirSync(folder)
    .filter((name) => /^gpiochip\d+$/.test(name))
    .sort((a, b) => Number(a.slice(8)) - Number(b.slice(8)))
    .map((name) => join(folder, name));
}

/** Opens the chip that is meant, to be closed by the caller. Throws `LIGHT_FAILED`. */
export function findChip(libc: Libc, wanted: string, paths: readonly string[] = chipPaths()): GpioChip {
  if (wanted.startsWith('/')) return openChip(libc, wanted);
  if (paths.length === 0) {
    throw new SpectaError(
      'LIGHT_FAILED',
      `There is no GPIO chip here, so the light's ${wanted} cannot be found.`,
      'Check that the board has its GPIO driver loaded; it is tried again by itself.',
    );
  }
  const found: GpioChip[] = [];
  const others: string[] = [];
  const unreadable: unknown[] = [];
  for (const path of paths) {
    let chip: GpioChip;
    try {
      chip = openChip(libc, path);
    } catch (error) {
      // One chip that cannot be read must not hide the one that is meant.
      unreadable.push(error);
      continue;
    }
    if (chip.name === wanted || chip.label === wanted) found.push(chip);
    else {
      others.push(chip.label === '' ? chip.name : `${chip.name} (${chip.label})`);
      chip.close();
    }
  }
  const [first, ...more] = found;
  if (first !== undefined && more.length === 0) return first;
  for (const chip of found) chip.close();
  if (first !== undefined) {
    throw new SpectaError(
      'LIGHT_FAILED',
      `Several GPIO chips are called ${wanted}: ${found.map(({ path }) => path).join(', ')}.`,
      'Name the one that is meant by its path.',
    );
  }
  if (unreadable.length === paths.length) throw unreadable[0];
  // One of these may be the one that is meant.
  const unseen = unreadable.map((error) => ` ${asSpectaError(error).message}`).join('');
  throw new SpectaError(
    'LIGHT_FAILED',
    `No GPIO chip is called ${wanted}; there is ${others.join(', ')}.${unseen}`,
    unreadable.length === 0 ? SEE_CHIPS : asSpectaError(unreadable[0]).help,
  );
}

function openChip(libc: Libc, path: string): GpioChip {
  try {
    return new GpioChip(libc, path);
  } catch (error) {
    const code = systemCode(error);
    const [what, help] =
      code === 'ENOENT' || code === 'ENXIO' || code === 'ENODEV'
        ? ['is not there', SEE_CHIPS]
        : code === 'EACCES' || code === 'EPERM'
          ? ['may not be opened by this user', 'Add the user to the group gpio; device/install.sh does it.']
          : code === 'ENOTTY' || code === 'EINVAL' || code === 'EISDIR'
            ? ['is no GPIO chip', SEE_CHIPS]
            : [`cannot be opened (${code ?? String(error)})`, SEE_CHIPS];
    throw new SpectaError('LIGHT_FAILED', `The GPIO chip ${path} ${what}.`, help, error);
  }
}

/** The line that is meant on `chip`. Throws `LIGHT_FAILED`. */
export function findLine(chip: GpioChip, wanted: number | string): LineFacts {
  try {
    if (typeof wanted === 'number') {
      if (wanted < chip.lines) return chip.line(wanted);
      throw new SpectaError(
        'LIGHT_FAILED',
        `${chip.name} has the lines 0 to ${chip.lines - 1}: there is no line ${wanted}.`,
        'Mend light.line.line in the configuration.',
      );
    }
    const named = [...chip.allLines()].filter(({ name }) => name === wanted);
    const [line, ...more] = named;
    if (line !== undefined && more.length === 0) return line;
    throw new SpectaError(
      'LIGHT_FAILED',
      line === undefined
        ? `No line of ${chip.name} (${chip.label}) is called ${wanted}.`
        : `Several lines of ${chip.name} are called ${wanted}: ${named.map(({ offset }) => offset).join(', ')}.`,
      `Run gpioinfo ${chip.name} to see the lines; a line without a name is given by its number.`,
    );
  } catch (error) {
    if (error instanceof SpectaError) throw error;
    const code = systemCode(error);
    throw new SpectaError(
      'LIGHT_FAILED',
      code === 'ENOTTY' || code === 'EINVAL'
        ? `This kernel does not know version 2 of the GPIO interface (${chip.path}).`
        : `The lines of ${chip.path} cannot be read (${code ?? String(error)}).`,
      code === 'ENODEV'
        ? 'The chip has just gone; it is tried again by itself.'
        : 'The character device needs kernel 5.10 or later; with an older one use light.line.kind: sysfs.',
      error,
    );
  }
}

/** What is said of a line that another holds. */
export function heldByAnother(line: string, { consumer }: LineFacts): SpectaError {
  const holder = consumer === '' ? 'somebody else' : consumer;
  return new SpectaError(
    'LIGHT_FAILED',
    `${line} is held by ${holder}.`,
    consumer === 'sysfs'
      ? 'It was exported through /sys/class/gpio: write its number to /sys/class/gpio/unexport, or use light.line.kind: sysfs.'
      : `End ${holder}, or name another line; it is tried again by itself.`,
  );
}

/** SPECTA's own error as the light's; null for one that is not SPECTA's. */
export function lightFailure(error: unknown): SpectaError | null {
  if (!(error instanceof SpectaError)) return null;
  if (error.code === 'LIGHT_FAILED') return error;
  return new SpectaError('LIGHT_FAILED', error.message, error.help, error);
}
