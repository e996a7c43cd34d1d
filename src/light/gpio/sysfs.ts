import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SpectaError, systemCode } from '../../platform/errors.ts';
import { type Libc, loadLibc } from '../../platform/libc.ts';
import { DrivenLine, type HeldWire } from './driven-line.ts';
import { findChip, findLine, heldByAnother, type LineOptions } from './find-line.ts';
import type { LineFacts } from './gpio-chip.ts';
import { loadOnoff, type OnoffGpio } from './onoff.ts';
import {
  type ExportedFolder,
  exportedFolder,
  findSysfsChip,
  GPIO_CLASS,
  type SysfsChip,
} from './sysfs-chip.ts';

/**
 * A line of the kernel's older sysfs interface, through onoff, for kernels whose character device is too old. A line that
 * is exported already is taken over: after a process was killed the kernel keeps it exported, at its last level.
 */
export class SysfsLine extends DrivenLine {
  private readonly options: LineOptions;
  private bound: Libc | null = null;
  private found: string | null = null;

  constructor(options: LineOptions) {
    super();
    this.options = options;
  }

  override get description(): string {
    const { chip, line } = this.options;
    return this.found ?? `${chip} line ${line} (sysfs)`;
  }

  protected override take(lit: boolean): HeldWire {
    const Gpio = loadOnoff();
    const { activeLow } = this.options;
    const chip = findSysfsChip(this.options.chip);
    const facts = this.lineOn(chip);
    const { offset, name } = facts;
    const number = chip.base + offset;
    this.found = `gpio ${number}${name === '' ? '' : ` (${name})`} of ${chip.label} (sysfs)`;
    const folder = this.export(chip, facts);
    // The word sets direction and pin level in one step; it means the pin, not the lamp.
    let gpio: OnoffGpio | null = null;
    try {
      gpio = new Gpio(folder.place, lit === activeLow ? 'low' : 'high', { activeLow });
      this.prove(folder.path, gpio, lit);
    } catch (error) {
      release(gpio, number);
      throw error;
    }
    const taken = gpio;
    return { set: (level) => taken.writeSync(level ? 1 : 0), release: () => release(taken, number) };
  }

  /** The line's offset and name; sysfs tells names only of exported lines, so the character device is asked. */
  private lineOn(chip: SysfsChip): LineFacts {
    const { line } = this.options;
    try {
      this.bound ??= loadLibc();
      using device = findChip(this.bound, this.options.chip);
      return findLine(device, line);
    } catch (error) {
      if (typeof line === 'string') {
        throw new SpectaError(
          'LIGHT_FAILED',
          `The line ${line} cannot be found by its name: ${error instanceof Error ? error.message : error}`,
          'Give light.line.line as the offset on the chip.',
          error,
        );
      }
      if (line >= chip.lines) throw error;
      // An old kernel's character device, or none: the offset is enough.
      return { offset: line, name: '', consumer: '', isUsed: false };
    }
  }

  /** Exports the line unless it is. @returns its folder */
  private export(chip: SysfsChip, facts: LineFacts): ExportedFolder {
    const there = exportedFolder(chip, facts.offset, facts.name);
    if (there !== null) return there;
    try {
      writeFileSync(join(GPIO_CLASS, 'export'), String(chip.base + facts.offset));
    } catch (error) {
      if (systemCode(error) === 'EBUSY') throw heldByAnother(this.description, facts);
      throw error;
    }
    const folder = exportedFolder(chip, facts.offset, facts.name);
    if (folder !== null) return folder;
    writeFileSync(join(GPIO_CLASS, 'unexport'), String(chip.base + facts.offset));
    throw new SpectaError(
      'LIGHT_FAILED',
      `${this.description} was exported, but its folder in ${GPIO_CLASS} has a name that is not known.`,
      "Give light.line.line as the line's name, or use light.line.kind: chardev.",
    );
  }

  /** onoff keeps silent about a line that it could not configure when it was exported before. */
  private prove(folder: string, gpio: OnoffGpio, lit: boolean): void {
    const direction = readFileSync(join(folder, 'direction'), 'utf8').trim();
    const isLit = gpio.readSync() === 1;
    if (direction === 'out' && isLit === lit) return;
    throw new SpectaError(
      'LIGHT_FAILED',
      `${this.description} did not become an output that is ${lit ? 'on' : 'off'}: direction ${direction}, ${isLit ? 'on' : 'off'}.`,
      `Check who may write ${folder}; device/install.sh sets the rules. It is tried again by itself.`,
    );
  }

  protected override failureOf(error: unknown): SpectaError {
    const code = systemCode(error);
    const isGone = code === 'ENODEV' || code === 'ENOENT';
    return new SpectaError(
      'LIGHT_FAILED',
      isGone
        ? `${this.description} has vanished: its GPIO chip is gone.`
        : `${this.description} cannot be driven (${code ?? String(error)}).`,
      code === 'EACCES' || code === 'EPERM'
        ? `This user may not write ${GPIO_CLASS}: device/install.sh sets the rules.`
        : 'It is tried again by itself.',
      error,
    );
  }
}

/** @param number of the line, as `/sys/class/gpio/unexport` wants it */
function release(gpio: OnoffGpio | null, number: number): void {
  try {
    gpio?.unexport();
    // onoff writes what it was given, which is no number for a named line; the kernel refuses that.
    writeFileSync(join(GPIO_CLASS, 'unexport'), String(number));
  } catch {
    // EINVAL: it is unexported already. Anything else: the chip has gone and took its lines along.
  }
}
