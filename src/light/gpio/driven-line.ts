import { SpectaError } from '../../platform/errors.ts';
import { lightFailure } from './find-line.ts';
import type { GpioLine, LineState } from './gpio-line.ts';

/** A wire that is taken as an output. */
export interface HeldWire {
  /** Sets the logical level. Throws when the wire cannot be reached. */
  set(lit: boolean): void;
  /** Gives it back; idempotent. May throw: of a chip that has gone it may say ENODEV. */
  release(): void;
}

/**
 * The life of a line, the same for every kind: taken, driven, given back. A wire that fails is let go at once, so that
 * opening the line again takes it anew. A kind says how its wire is taken, and what its errors mean.
 */
export abstract class DrivenLine implements GpioLine {
  private current: LineState = { kind: 'closed' };
  private held: HeldWire | null = null;

  abstract get description(): string;

  /** Takes the wire as an output at `lit`; leaves nothing taken when it throws. */
  protected abstract take(lit: boolean): HeldWire;

  /** An error of the wire as `LIGHT_FAILED`. */
  protected abstract failureOf(error: unknown, what: 'cannot be taken' | 'cannot be set'): SpectaError;

  get state(): LineState {
    return this.current;
  }

  open(lit: boolean): void {
    if (this.held !== null) {
      this.write(this.held, lit);
      return;
    }
    try {
      this.held = this.take(lit);
    } catch (error) {
      throw this.fail(error, 'cannot be taken');
    }
    this.current = { kind: 'open', lit };
  }

  set(lit: boolean): void {
    if (this.held === null) {
      throw new SpectaError(
        'LIGHT_FAILED',
        `${this.description} is ${this.current.kind}, so the light cannot be switched ${lit ? 'on' : 'off'}.`,
        'Open the line first.',
      );
    }
    this.write(this.held, lit);
  }

  close(safe: boolean): void {
    const { held } = this;
    this.held = null;
    this.current = { kind: 'closed' };
    if (held === null) return;
    try {
      held.set(safe);
    } catch {
      // What cannot be reached cannot be made safe; the light writes before it closes and tells of that.
    }
    letGo(held);
  }

  private write(held: HeldWire, lit: boolean): void {
    try {
      held.set(lit);
    } catch (error) {
      this.held = null;
      letGo(held);
      throw this.fail(error, 'cannot be set');
    }
    this.current = { kind: 'open', lit };
  }

  private fail(error: unknown, what: 'cannot be taken' | 'cannot be set'): SpectaError {
    const failure = lightFailure(error) ?? this.failureOf(error, what);
    this.current = { kind: 'failed', reason: failure.message };
    return failure;
  }
}

function letGo(held: HeldWire): void {
  try {
    held.release();
  } catch {
    // It is given back whatever is said of it: close() frees a descriptor, and a chip that went took its lines along.
  }
}
