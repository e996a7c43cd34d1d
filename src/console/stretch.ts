import type { RunFacts } from '../surface/messages/run.ts';
import type { CoverageStretch } from './history.ts';

/** What a message says of a run at one time of the vehicle's clock. */
export interface RunTold {
  readonly at: string;
  readonly run: RunFacts | null;
  readonly position?: { readonly kp: number | null } | null;
}

/** What a run's coverage gained between two of its messages; null where they tell of no time that passed. */
export function stretchBetween(before: RunTold | null, after: RunTold): CoverageStretch | null {
  const { run } = after;
  if (run === null) return null;
  const same = before?.run?.id === run.id ? before.run.coverage : null;
  // The first message heard of a run that is long under way says nothing about when its seconds were.
  const isFresh = same === null && Date.parse(after.at) - Date.parse(run.startedAt) < 60_000;
  if (same === null && !isFresh) return null;
  const beganUtcMs = same === null || before === null ? Date.parse(run.startedAt) : Date.parse(before.at);
  const gained = (now: number, then: number): number => Math.max(0, now - then);
  const seen = gained(run.coverage.seenSeconds, same?.seenSeconds ?? 0);
  const lost = gained(run.coverage.lostSeconds, same?.lostSeconds ?? 0);
  let blind = 0;
  let reason: string | null = null;
  let most = 0;
  for (const [why, seconds] of Object.entries(run.coverage.blindSeconds)) {
    const then = same?.blindSeconds[why as keyof typeof same.blindSeconds] ?? 0;
    const more = gained(seconds ?? 0, then);
    blind += more;
    if (more > most) {
      most = more;
      reason = why;
    }
  }
  if (seen + blind + lost === 0) return null;
  const kp = {
    kpFrom: same === null ? null : (before?.position?.kp ?? null),
    kpTo: after.position?.kp ?? null,
  };
  return { run: run.id, beganUtcMs, endedUtcMs: Date.parse(after.at), seen, blind, lost, reason, ...kp };
}
