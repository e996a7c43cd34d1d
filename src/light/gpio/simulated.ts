import { SpectaError } from '../../platform/errors.ts';
import { DrivenLine, type HeldWire } from './driven-line.ts';

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
export class SimulatedLine extends DrivenLine {
  override readonly description = 'simulated';
  readonly pin: SimulatedPin;

  constructor(pin: SimulatedPin = new SimulatedPin()) {
    super();
    this.pin = pin;
  }

  protected override take(lit: boolean): HeldWire {
    const write = (level: boolean): void => {
      if (this.pin.fault !== null) throw new Error(this.pin.fault);
      this.pin.write(level);
    };
    write(lit);
    return { set: write, release: () => undefined };
  }

  protected override failureOf(error: unknown): SpectaError {
    return new SpectaError(
      'LIGHT_FAILED',
      `The simulated line failed: ${error instanceof Error ? error.message : String(error)}.`,
      'This fault was simulated on purpose; it ends when the test mends the pin.',
      error,
    );
  }
}
