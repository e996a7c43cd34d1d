import { Emitter } from '../../platform/emitter.ts';
import { SpectaError, systemCode } from '../../platform/errors.ts';
import { type Libc, loadLibc } from '../../platform/libc.ts';
import { findChip, findLine, heldByAnother, type LineAddress, lightFailure } from './find-line.ts';
import type { HeldLine } from './gpio-chip.ts';
import type { GpioLine, LineState } from './gpio-line.ts';

export interface ChardevOptions extends LineAddress {
  /** The lamp shines when the pin is low. */
  readonly activeLow: boolean;
}

/**
 * A line of the kernel's GPIO character device (uAPI v2). The chip is looked up anew at each opening, so that one that
 * was unplugged and came back under another number is found by its label.
 */
export class ChardevLine implements GpioLine {
  private readonly options: ChardevOptions;
  private readonly levels = new Emitter<boolean>();
  private bound: Libc | null = null;
  private found: string | null = null;
  private current: LineState = { kind: 'closed' };
  private handle: HeldLine | null = null;
  private lastLit = false;

  constructor(options: ChardevOptions) {
    this.options = options;
  }

  get description(): string {
    const { chip, line } = this.options;
    return this.found ?? `${chip} line ${line}`;
  }

  get state(): LineState {
    return this.current;
  }

  open(lit: boolean): void {
    if (this.handle !== null) {
      this.write(this.handle, lit);
      return;
    }
    try {
      this.handle = this.take(lit);
    } catch (error) {
      throw this.fail(error, 'cannot be taken');
    }
    this.become(lit);
  }

  set(lit: boolean): void {
    if (this.handle === null) {
      throw new SpectaError(
        'LIGHT_FAILED',
        `${this.description} is ${this.current.kind}, so the light cannot be switched ${lit ? 'on' : 'off'}.`,
        'Open the line first.',
      );
    }
    this.write(this.handle, lit);
  }

  close(safe: boolean): void {
    const { handle } = this;
    this.handle = null;
    this.current = { kind: 'closed' };
    if (handle === null) return;
    try {
      handle.set(safe);
      this.tell(safe);
    } catch {
      // What cannot be reached cannot be made safe; the light writes before it closes and tells of that.
    }
    release(handle);
  }

  onLevel(listener: (lit: boolean) => void): () => void {
    return this.levels.on(listener);
  }

  private take(lit: boolean): HeldLine {
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

  private write(handle: HeldLine, lit: boolean): void {
    try {
      handle.set(lit);
    } catch (error) {
      this.handle = null;
      release(handle);
      throw this.fail(error, 'cannot be set');
    }
    this.become(lit);
  }

  private become(lit: boolean): void {
    this.current = { kind: 'open', lit };
    this.tell(lit);
  }

  private tell(lit: boolean): void {
    if (lit === this.lastLit) return;
    this.lastLit = lit;
    this.levels.emit(lit);
  }

  private fail(error: unknown, what: string): SpectaError {
    const failure = lightFailure(error) ?? this.described(error, what);
    this.current = { kind: 'failed', reason: failure.message };
    return failure;
  }

  private described(error: unknown, what: string): SpectaError {
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

function release(handle: HeldLine): void {
  try {
    handle.release();
  } catch {
    // close() frees the descriptor whatever it says; of a chip that has gone it may say ENODEV.
  }
}
