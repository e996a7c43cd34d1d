import { Emitter } from '../../platform/emitter.ts';
import { SpectaError } from '../../platform/errors.ts';
import type { GpioLine, LineState } from './gpio-line.ts';

/** Level changes that {@link SimulatedPin} remembers. */
export const PIN_HISTORY_LIMIT = 1_000;

/** What stands in for the wire: it keeps its level when the line is given back, as a real one with a latch does. */
export class SimulatedPin {
  private lit = false;
  private broken: string | null = null;
  private readonly changes: boolean[] = [];

  /** The level on the wire. */
  get level(): boolean {
    return this.lit;
  }

  /** The last {@link PIN_HISTORY_LIMIT} levels written that differed from the one before, oldest first. */
  get history(): readonly boolean[] {
    return [...this.changes];
  }

  /** Why writing fails; null when it works. */
  get fault(): string | null {
    return this.broken;
  }

  write(lit: boolean): void {
    if (lit === this.lit) return;
    this.lit = lit;
    this.changes.push(lit);
    if (this.changes.length > PIN_HISTORY_LIMIT) this.changes.shift();
  }

  /** From now on the pin cannot be reached, as when the chip is unbound or another program holds the line. */
  breakDown(reason: string): void {
    this.broken = reason;
  }

  mend(): void {
    this.broken = null;
  }
}

/** A line without hardware, for development, `npm start` and tests. */
export class SimulatedLine implements GpioLine {
  readonly description = 'simulated';
  readonly pin: SimulatedPin;
  private readonly levels = new Emitter<boolean>();
  private current: LineState = { kind: 'closed' };

  constructor(pin: SimulatedPin = new SimulatedPin()) {
    this.pin = pin;
  }

  get state(): LineState {
    return this.current;
  }

  open(lit: boolean): void {
    this.write(lit);
  }

  set(lit: boolean): void {
    if (this.current.kind !== 'open') {
      throw new SpectaError(
        'LIGHT_FAILED',
        `The simulated line is ${this.current.kind}, so the light cannot be switched ${lit ? 'on' : 'off'}.`,
        'Open the line first.',
      );
    }
    this.write(lit);
  }

  close(safe: boolean): void {
    if (this.current.kind === 'closed') return;
    this.current = { kind: 'closed' };
    // What cannot be reached cannot be made safe; the fault was told when it was met.
    if (this.pin.fault === null) this.drive(safe);
  }

  onLevel(listener: (lit: boolean) => void): () => void {
    return this.levels.on(listener);
  }

  private write(lit: boolean): void {
    const { fault } = this.pin;
    if (fault !== null) {
      this.current = { kind: 'failed', reason: fault };
      throw new SpectaError(
        'LIGHT_FAILED',
        `The simulated line failed: ${fault}.`,
        'This fault was simulated on purpose; it ends when the test mends the pin.',
      );
    }
    this.current = { kind: 'open', lit };
    this.drive(lit);
  }

  private drive(lit: boolean): void {
    const changed = lit !== this.pin.level;
    this.pin.write(lit);
    if (changed) this.levels.emit(lit);
  }
}
