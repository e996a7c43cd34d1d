/** State of an output line. */
export type LineState =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly lit: boolean }
  | { readonly kind: 'failed'; readonly reason: string };

/** One output line that carries the alert light. Contract, proved for every kind by `test/suites/gpio-line.ts`. */
export interface GpioLine {
  /** What and where, for people: `simulated`, `gpiochip0 line 17 (RELAY)`. */
  readonly description: string;
  readonly state: LineState;
  /** Takes the line as an output at `lit`; idempotent. Throws `LIGHT_FAILED`. */
  open(lit: boolean): void;
  /** Sets the light; opens nothing. Throws `LIGHT_FAILED` when the line is not open or vanished. */
  set(lit: boolean): void;
  /** Writes `safe` and gives the line back; idempotent; never throws. */
  close(safe: boolean): void;
}
