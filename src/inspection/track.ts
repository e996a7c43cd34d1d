import type { CloseReason, Finding, FindingChange } from '../domain/finding.ts';
import type { Fix } from '../domain/fix.ts';
import type { DefectRule } from '../domain/manifest.ts';
import type { Instant } from '../domain/time.ts';
import type { Span } from './coverage.ts';
import { type Detected, FindingLife, kpOf, type LifeContext } from './finding-life.ts';

/** What one frame says of one class. */
export interface Sighting extends Omit<Detected, 'probability'> {
  /** The class's own probability, 0..1; null when the model gave none. */
  readonly probability: number | null;
  /** How many frames of the run were judged up to this one, itself included. */
  readonly judged: number;
}

/** A frame at or above `on` that may yet open a finding. */
interface Candidate extends Sighting {
  readonly probability: number;
  /** How long a lingering finding had been unseen at this frame, ms; 0 where none lingers. */
  readonly unseenMs: number;
}

/** What a track needs to know of its run. */
export interface TrackContext extends LifeContext {
  readonly newId: () => string;
}

/**
 * Follows one class through a run: at most one finding is open at a time. It sees this class's probability and nothing
 * of any other class. Memory is bounded by `minimumDetections`.
 */
export class Track {
  private readonly context: TrackContext;
  private rule: DefectRule | null;
  private candidates: Candidate[] = [];
  private life: FindingLife | null = null;
  /** Where the newest frame was taken, km; null when not known. */
  private hereKp: number | null = null;

  constructor(context: TrackContext, rule: DefectRule | null) {
    this.context = context;
    this.rule = rule;
  }

  /** The open finding as it stands, or null. */
  get open(): Finding | null {
    return this.life?.describe() ?? null;
  }

  /** Sequence numbers of the frames whose pixels may yet be wanted as evidence. */
  get wantedFrames(): number[] {
    const frames = this.candidates.map((candidate) => candidate.frame.sequence);
    if (this.life !== null) frames.push(this.life.peakFrame);
    return frames;
  }

  /** The rule of another model. What was seen on the way to opening is forgotten: one model must see it all. */
  setRule(rule: DefectRule | null): void {
    this.rule = rule;
    this.candidates = [];
  }

  /**
   * Lets the time before a frame pass.
   * @param fix where the frame was taken
   */
  pass(span: Span, at: Instant, fix: Fix | null, changes: FindingChange[]): void {
    this.hereKp = kpOf(fix);
    if (this.life !== null) {
      this.life.pass(span);
      this.closeIfGone(this.life, this.life.unseenMs(), at, changes);
    }
    this.candidates = this.candidates.filter((candidate) => this.isRecent(candidate, at));
  }

  /** Judges a frame that is not blind, after {@link pass}. Gives the id of the finding whose peak this frame is. */
  see(sighting: Sighting, changes: FindingChange[]): string | null {
    return this.isNewPeak(sighting, changes) ? (this.life?.id ?? null) : null;
  }

  /** Lets time pass without a frame: nothing is remembered, so that ticks change nothing but when a finding closes. */
  wait(pending: Span, now: Instant, changes: FindingChange[]): void {
    if (this.life === null) return;
    if (this.closeIfGone(this.life, this.life.unseenMs(pending), now, changes)) return;
    add(changes, this.life.updateIfRisen(now, false));
  }

  /** Closes what is open and forgets the rest. */
  stop(now: Instant, reason: CloseReason, changes: FindingChange[]): void {
    this.candidates = [];
    if (this.life !== null) this.close(this.life, now, reason, changes);
  }

  private isNewPeak(sighting: Sighting, changes: FindingChange[]): boolean {
    const { probability, at } = sighting;
    if (this.rule === null || probability === null) return false;
    const { life } = this;
    const unseenMs = life?.unseenMs() ?? 0;
    if (life !== null && unseenMs <= this.context.rules.offDelayMs) {
      if (probability < this.rule.off) return false;
      const isPeak = life.absorb({ ...sighting, probability });
      add(changes, life.updateIfRisen(at, isPeak));
      return isPeak;
    }
    if (probability < this.rule.on) return false;
    this.candidates.push({ ...sighting, probability, unseenMs });
    if (this.candidates.length > this.context.rules.minimumDetections) this.candidates.shift();
    if (!this.isOpening()) return false;
    const seen = this.candidates;
    this.candidates = [];
    if (life === null) return this.begin(this.rule, seen, changes);
    if (life.isElsewhere(seen)) {
      this.close(life, at, 'gone', changes);
      return this.begin(this.rule, seen, changes);
    }
    let isPeak = false;
    for (const candidate of seen) isPeak = life.absorb(candidate);
    add(changes, life.updateIfRisen(at, isPeak));
    return isPeak;
  }

  private isRecent(candidate: Candidate, now: Instant): boolean {
    return now.monoMs - candidate.at.monoMs <= this.context.rules.openWindowMs;
  }

  private isOpening(): boolean {
    const { minimumDetections, minimumShare } = this.context.rules;
    const first = this.candidates[0];
    const last = this.candidates[this.candidates.length - 1];
    if (first === undefined || last === undefined || this.candidates.length < minimumDetections) return false;
    return minimumDetections >= minimumShare * (last.judged - first.judged + 1);
  }

  private begin(rule: DefectRule, seen: readonly Candidate[], changes: FindingChange[]): boolean {
    const [first, ...rest] = seen;
    const last = seen[seen.length - 1];
    if (first === undefined || last === undefined) return false;
    const life = new FindingLife(this.context, rule, this.context.newId(), first, last);
    let isPeak = rest.length === 0;
    for (const candidate of rest) isPeak = life.absorb(candidate);
    this.life = life;
    changes.push(life.open(last.at, isPeak));
    return isPeak;
  }

  private closeIfGone(life: FindingLife, unseenMs: number, at: Instant, changes: FindingChange[]): boolean {
    const { offDelayMs, mergeGapMs, nearMs } = this.context.rules;
    const gapMs = offDelayMs + mergeGapMs;
    const limitMs = life.isNear(this.hereKp) ? Math.max(gapMs, nearMs) : gapMs;
    if (unseenMs <= limitMs) return false;
    // A return that began within the gap is given its time to be proved.
    const first = this.candidates.find((candidate) => this.isRecent(candidate, at));
    if (first !== undefined && first.unseenMs <= limitMs) return false;
    this.close(life, at, 'gone', changes);
    return true;
  }

  private close(life: FindingLife, at: Instant, reason: CloseReason, changes: FindingChange[]): void {
    this.life = null;
    changes.push(life.close(at, reason));
  }
}

function add(changes: FindingChange[], change: FindingChange | null): void {
  if (change !== null) changes.push(change);
}
