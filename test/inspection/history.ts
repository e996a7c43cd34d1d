import type { DefectRule } from '../../src/domain/manifest.ts';
import type { InspectionRules } from '../../src/inspection/rules.ts';
import type { Shown } from './rehearsal.ts';

/** A frame of a scripted run: the time since the one before, and what it showed. */
export interface ScriptedFrame {
  readonly gapMs: number;
  readonly shown: Shown;
}

/** What the rules say must come out of a run for one class. */
export interface ExpectedFinding {
  /** Indexes of the frames that count as its detections. */
  readonly frames: number[];
}

/**
 * The rules of `InspectionRules`, told again in the plainest way: every question is answered by walking through the
 * whole history. Slow, and sharing nothing with the product's code.
 */
export function findingsByHistory(
  script: readonly ScriptedFrame[],
  defect: 'corrosion' | 'crack',
  rule: DefectRule,
  rules: InspectionRules,
): ExpectedFinding[] {
  const times: number[] = [];
  for (const frame of script) times.push((times.at(-1) ?? 0) + frame.gapMs);
  const time = (index: number): number => times[index] ?? 0;
  const isBlind = (index: number): boolean => script[index]?.shown.blind !== undefined;
  const probability = (index: number): number => (isBlind(index) ? -1 : (script[index]?.shown[defect] ?? -1));

  const unseen = (from: number, to: number): number => {
    let plain = 0;
    let blind = 0;
    for (let i = from; i < to; i += 1) {
      const ms = time(i + 1) - time(i);
      if (isBlind(i) && ms <= rules.lostAfterMs) blind += ms;
      else plain += ms;
    }
    return plain + Math.max(0, blind - rules.blindPauseMs);
  };

  const findings: ExpectedFinding[] = [];
  let current: ExpectedFinding | null = null;
  /** Frames before this index are used up: they belong to a finding or came before one was resumed. */
  let fresh = 0;
  for (let now = 0; now < script.length; now += 1) {
    const strong: number[] = [];
    for (let i = fresh; i <= now; i += 1) {
      const lingered = current === null || unseen(current.frames.at(-1) ?? 0, i) > rules.offDelayMs;
      if (lingered && probability(i) >= rule.on && time(now) - time(i) <= rules.openWindowMs) strong.push(i);
    }
    if (current !== null) {
      const last: number = current.frames.at(-1) ?? 0;
      const away = unseen(last, now);
      const limit = rules.offDelayMs + rules.mergeGapMs;
      const returning = strong.slice(-rules.minimumDetections - 1).find((i) => i < now);
      if (away > limit && (returning === undefined || unseen(last, returning) > limit)) {
        current = null;
      } else if (away <= rules.offDelayMs) {
        if (probability(now) >= rule.off) {
          current.frames.push(now);
          fresh = now + 1;
        }
        continue;
      }
    }
    if (probability(now) < rule.on) continue;
    const enough = strong.slice(-rules.minimumDetections);
    const first = enough[0];
    if (first === undefined || enough.length < rules.minimumDetections) continue;
    let judged = 0;
    for (let i = first; i <= now; i += 1) if (!isBlind(i)) judged += 1;
    if (rules.minimumDetections < rules.minimumShare * judged) continue;
    if (current === null) {
      current = { frames: [] };
      findings.push(current);
    }
    current.frames.push(...enough);
    fresh = now + 1;
  }
  return findings;
}
