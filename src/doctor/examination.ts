import { asSpectaError } from '../platform/errors.ts';

/** How bad one finding of the doctor is. */
export type Health = 'good' | 'warning' | 'bad';

/** What one check found, and what to do about it. */
export interface CheckResult {
  readonly check: string;
  readonly health: Health;
  readonly found: string;
  /** null when there is nothing to do. */
  readonly todo: string | null;
}

/** One thing the doctor looks at; it may find several results. What is wrong is a result, not an exception. */
export interface Check {
  readonly name: string;
  look(signal: AbortSignal): Promise<readonly CheckResult[]>;
}

const ORDER: readonly Health[] = ['good', 'warning', 'bad'];

export function worst(results: readonly CheckResult[]): Health {
  return results.reduce<Health>(
    (found, { health }) => (ORDER.indexOf(health) > ORDER.indexOf(found) ? health : found),
    'good',
  );
}

export function good(check: string, found: string): CheckResult {
  return { check, health: 'good', found, todo: null };
}

export function warning(check: string, found: string, todo: string): CheckResult {
  return { check, health: 'warning', found, todo };
}

export function bad(check: string, found: string, todo: string): CheckResult {
  return { check, health: 'bad', found, todo };
}

/** A result that is an error with its help. */
export function failed(check: string, error: unknown): CheckResult {
  const { message, help } = asSpectaError(error);
  return bad(check, message, help);
}

/** Looks at everything, one after the other. A check that throws all the same is a bad result; `signal` ends it. */
export async function* examine(checks: readonly Check[], signal: AbortSignal): AsyncGenerator<CheckResult> {
  for (const check of checks) {
    signal.throwIfAborted();
    const results = await check.look(signal).catch((error: unknown) => [failed(check.name, error)]);
    // What was found while the end was asked for is about the end, not about the machine.
    signal.throwIfAborted();
    yield* results;
  }
}
