import type { Severity } from '../domain/finding.ts';
import type { InspectionRules } from './rules.ts';

/** From least to most urgent. */
export const SEVERITIES: readonly Severity[] = ['low', 'medium', 'high', 'critical'];

/** True when `a` is more urgent than `b`. */
export function isMoreSevere(a: Severity, b: Severity): boolean {
  return SEVERITIES.indexOf(a) > SEVERITIES.indexOf(b);
}

/**
 * The severity of a finding: the model's base severity for the defect, one step higher for a very sure peak, one more
 * for a defect that was long in view; at most `critical`.
 * @param peak highest probability so far, 0..1
 * @param inViewMs from the first to the last detection, ms
 */
export function severityOf(
  base: Severity,
  peak: number,
  inViewMs: number,
  rules: Pick<InspectionRules, 'raiseAtPeak' | 'raiseAfterMs'>,
): Severity {
  let step = SEVERITIES.indexOf(base);
  if (rules.raiseAtPeak !== null && peak >= rules.raiseAtPeak) step += 1;
  if (rules.raiseAfterMs !== null && inViewMs >= rules.raiseAfterMs) step += 1;
  return SEVERITIES[Math.min(step, SEVERITIES.length - 1)] ?? base;
}
