import type { Fix } from '../domain/fix.ts';
import type { Coverage } from '../domain/run.ts';
import { BLIND_REASONS, type BlindReason, type Verdict } from '../domain/verdict.ts';

/** What coverage means, for every report that prints it. */
export const COVERAGE_SENTENCE = 'The camera could see; whether the pipe was in view is not known.';

/** The coverage of a run in which nothing has happened yet. */
export const NO_COVERAGE: Coverage = {
  seenSeconds: 0,
  blindSeconds: {},
  lostSeconds: 0,
  unsureRate: 0,
  framesJudged: 0,
  framesBlind: 0,
  distanceMetres: null,
};

/** The coverage with more lost time, for the gap when a run goes on after a restart. Negative seconds add nothing. */
export function withLostSeconds(coverage: Coverage, seconds: number): Coverage {
  const more = Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
  return { ...coverage, lostSeconds: coverage.lostSeconds + more };
}

/** The last thing known of the camera: `lost` before the first frame, else how its last frame was judged. */
export interface Sight {
  readonly monoMs: number;
  readonly kind: 'seen' | 'lost' | BlindReason;
}

/** A stretch of time by what the camera could do in it. */
export interface Span {
  readonly kind: 'seen' | 'lost' | BlindReason;
  /** Never negative. */
  readonly ms: number;
}

/**
 * The time from a frame to `monoMs`. A frame speaks for the time until the next one, unless that is longer than
 * `lostAfterMs`: then nothing is known of the whole stretch and all of it is lost.
 */
export function spanSince(sight: Sight, monoMs: number, lostAfterMs: number): Span {
  const ms = Math.max(0, monoMs - sight.monoMs);
  return { kind: ms > lostAfterMs ? 'lost' : sight.kind, ms };
}

/** Adds up a run's coverage in constant memory. */
export class CoverageMeter {
  private readonly distanceStepMetres: number;
  private readonly spentMs = new Map<Span['kind'], number>();
  private judged: number;
  private blind: number;
  private unsure: number;
  private thinned: number;
  private distanceMetres: number | null;
  private anchorKp: number | null = null;

  /** @param initial coverage of the same run before a restart */
  constructor(initial: Coverage, distanceStepMetres: number) {
    this.distanceStepMetres = distanceStepMetres;
    this.spentMs.set('seen', initial.seenSeconds * 1000);
    this.spentMs.set('lost', initial.lostSeconds * 1000);
    for (const reason of BLIND_REASONS) {
      const seconds = initial.blindSeconds[reason];
      if (seconds !== undefined) this.spentMs.set(reason, seconds * 1000);
    }
    this.judged = initial.framesJudged;
    this.blind = initial.framesBlind;
    this.unsure = Math.round(initial.unsureRate * initial.framesJudged);
    this.thinned = initial.framesThinned ?? 0;
    this.distanceMetres = initial.distanceMetres;
  }

  /** Frames judged and not blind so far. */
  get framesJudged(): number {
    return this.judged;
  }

  addSpan(span: Span): void {
    if (span.ms > 0) this.spentMs.set(span.kind, (this.spentMs.get(span.kind) ?? 0) + span.ms);
  }

  addFrame(verdict: Pick<Verdict, 'label' | 'blind'>, fix: Fix | null): void {
    if (verdict.blind === null) {
      this.judged += 1;
      if (verdict.label === 'unsure') this.unsure += 1;
    } else {
      this.blind += 1;
    }
    this.addPosition(fix);
  }

  /** A frame was left out to spare the board. */
  addThinned(): void {
    this.thinned += 1;
  }

  /** @param pending time since the last frame, not added yet: shown only once it is lost, so that nothing ever falls */
  read(pending: Span | null): Coverage {
    const blindSeconds: Partial<Record<BlindReason, number>> = {};
    for (const reason of BLIND_REASONS) {
      const ms = this.spentMs.get(reason);
      if (ms !== undefined) blindSeconds[reason] = ms / 1000;
    }
    const pendingLostMs = pending?.kind === 'lost' ? pending.ms : 0;
    return {
      seenSeconds: (this.spentMs.get('seen') ?? 0) / 1000,
      blindSeconds,
      lostSeconds: ((this.spentMs.get('lost') ?? 0) + pendingLostMs) / 1000,
      unsureRate: this.judged === 0 ? 0 : this.unsure / this.judged,
      framesJudged: this.judged,
      framesBlind: this.blind,
      ...(this.thinned > 0 && { framesThinned: this.thinned }),
      distanceMetres: this.distanceMetres,
    };
  }

  // A fix wanders by metres while the vehicle hovers; adding up every wobble would invent kilometres.
  private addPosition(fix: Fix | null): void {
    if (fix === null || fix.kp === null || !Number.isFinite(fix.kp)) return;
    this.distanceMetres ??= 0;
    if (this.anchorKp === null) {
      this.anchorKp = fix.kp;
      return;
    }
    const moved = Math.abs(fix.kp - this.anchorKp) * 1000;
    if (moved === 0 || moved < this.distanceStepMetres) return;
    this.distanceMetres += moved;
    this.anchorKp = fix.kp;
  }
}
