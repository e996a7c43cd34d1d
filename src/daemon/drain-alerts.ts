import type { Clock } from '../platform/clock.ts';
import type { BlackBox } from '../record/black-box.ts';
import type { Link } from '../surface/link.ts';

const LOOK_MS = 20;

/** Waits until no alert waits any more, as long as the link delivers them; at most `timeoutMs` or until aborted. */
export async function drainAlerts(
  parts: {
    readonly record: BlackBox;
    readonly link: Link;
    readonly clock: Clock;
    readonly signal: AbortSignal;
  },
  timeoutMs: number,
): Promise<void> {
  const { record, link, clock, signal } = parts;
  const endMs = clock.now().monoMs + timeoutMs;
  const isUnderWay = (): boolean => record.depth().waiting.alert > 0 && link.status.condition === 'ok';
  while (!signal.aborted && isUnderWay() && clock.now().monoMs < endMs) await clock.sleep(LOOK_MS);
}
