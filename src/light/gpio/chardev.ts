import { SpectaError, systemCode } from '../../platform/errors.ts';
import { type Libc, loadLibc } from '../../platform/libc.ts';
import { DrivenLine, type HeldWire } from './driven-line.ts';
import { findChip, findLine, heldByAnother, type LineOptions } from './find-line.ts';

/**
 * A line of the kernel's GPIO character device (uAPI v2). The chip is looked up anew at each opening, so that one that
 * was unplugged and came back under another number is found by its label.
 */
export class ChardevLine extends DrivenLine {
  private readonly options: LineOptions;
  private bound: Libc | null = null;
  private found: string | null = null;

  constructor(options: LineOptions) {
    super();
    this.options = options;
  }

  override get description(): string {
    const { chip, line } = this.options;
    return this.found ?? `${chip} line ${line}`;
  }

  protected override take(lit: boolean): HeldWire {
    const { chip: wanted, line, activeLow } = this.options;
    this.bound ??= loadLibc();
    using chip = findChip(this.bound, wanted);
    const facts = findLine(chip, line);
    this.found = `${chip.name} line ${facts.offset}${facts.name === '' ? '' : ` (${facts.name})`}`;
    try {
      return chip.take(facts.offset, { lit, activeLow });
    } catch (error) {
      if (systemCode(error) === 'EBUSY') throw heldByAnother(this.found, facts);
      throw error;
    }
  }

  protected override failureOf(error: unknown, what: string): SpectaError {
    const code = systemCode(error);
    return code === 'ENODEV'
      ? new SpectaError(
          'LIGHT_FAILED',
          `${this.description} has vanished: its GPIO chip is gone.`,
          'It is tried again by itself.',
          error,
        )
      : new SpectaError(
          'LIGHT_FAILED',
          `${this.description} ${what} (${code ?? String(error)}).`,
          'Run specta doctor for what the kernel says of it; it is tried again by itself.',
          error,
        );
  }
}
