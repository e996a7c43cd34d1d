import type { CloseReason, Finding, FindingChange, Peak, Severity } from '../domain/finding.ts';
import type { Fix } from '../domain/fix.ts';
import type { FrameReference } from '../domain/frame.ts';
import type { DefectRule } from '../domain/manifest.ts';
import type { Instant } from '../domain/time.ts';
import type { Box, DefectClass, ModelReference } from '../domain/verdict.ts';
import type { Span } from './coverage.ts';
import type { InspectionRules } from './rules.ts';
import { isMoreSevere, severityOf } from './severity.ts';

/** What one frame says of one class. */
export interface Sighting {
  /** The class's own probability, 0..1; null when the model gave none. */
  readonly probability: number | null;
  readonly frame: FrameReference;
  /** The frame's capture time, never before the frame's before it. */
  readonly at: Instant;
  readonly fix: Fix | null;
  readonly model: ModelReference;
  /** Where in the frame the class is most probable; absent where that is not known. */
  readonly box?: Box;
  /** How many frames of the run were judged up to this one, itself included. */
  readonly judged: number;
}

/** A frame at or above `on` that may yet open a finding. */
interface Candidate extends Sighting {
  readonly probability: number;
  /** How long a lingering finding had been unseen at this frame, ms; 0 where none lingers. */
  readonly unseenMs: number;
}

/** Time since the last detection by what it counts for, ms. */
interface Absence {
  readonly sightedMs: number;
  readonly blindMs: number;
}

const PRESENT: Absence = { sightedMs: 0, blindMs: 0 };

/** What is remembered of a finding while it is open; {@link Track.open} makes the `Finding` of it. */
interface Life {
  readonly id: string;
  readonly rule: DefectRule;
  readonly model: ModelReference;
  readonly openedAt: Instant;
  severity: Severity;
  lastSeenAt: Instant;
  /** Where that was, km; null when not known. */
  lastSeenKp: number | null;
  detections: number;
  meanProbability: number;
  peak: Peak;
  fix: Fix | null;
  absence: Absence;
  /** What the surface was last told. */
  toldPeak: number;
  toldAtMs: number;
  lastChangeMs: number;
}

/** What a track needs to know of its run. */
export interface TrackContext {
  readonly defect: DefectClass;
  readonly runId: string;
  readonly rules: InspectionRules;
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
  private life: Life | null = null;
  /** Where the newest frame was taken, km; null when not known. */
  private hereKp: number | null = null;

  constructor(context: TrackContext, rule: DefectRule | null) {
    this.context = context;
    this.rule = rule;
  }

  /** The open finding as it stands, or null. */
  get open(): Finding | null {
    return this.life === null ? null : this.describe(this.life, null, null);
  }

  /** Sequence numbers of the frames whose pixels may yet be wanted as evidence. */
  get wantedFrames(): number[] {
    const frames = this.candidates.map((candidate) => candidate.frame.sequence);
    if (this.life !== null) frames.push(this.life.peak.frame.sequence);
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
      this.life.absence = after(this.life.absence, span);
      this.closeIfGone(this.life, this.life.absence, at, changes);
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
    if (this.closeIfGone(this.life, after(this.life.absence, pending), now, changes)) return;
    this.tellIfRisen(this.life, now, false, changes);
  }

  /** Closes what is open and forgets the rest. */
  stop(now: Instant, reason: CloseReason, changes: FindingChange[]): void {
    this.candidates = [];
    if (this.life !== null) this.close(this.life, now, reason, changes);
  }

  private isNewPeak(sighting: Sighting, changes: FindingChange[]): boolean {
    const { probability } = sighting;
    if (this.rule === null || probability === null) return false;
    const life = this.life;
    const unseenMs = life === null ? 0 : this.unseenMs(life.absence);
    if (life !== null && unseenMs <= this.context.rules.offDelayMs) {
      if (probability < this.rule.off) return false;
      const isPeak = absorb(life, { ...sighting, probability, unseenMs });
      this.tellIfRisen(life, sighting.at, isPeak, changes);
      return isPeak;
    }
    if (probability < this.rule.on) return false;
    this.candidates.push({ ...sighting, probability, unseenMs });
    if (this.candidates.length > this.context.rules.minimumDetections) this.candidates.shift();
    if (!this.isOpening()) return false;
    const seen = this.candidates;
    this.candidates = [];
    if (life === null) return this.begin(this.rule, seen, changes);
    if (this.isElsewhere(life, seen)) {
      this.close(life, sighting.at, 'gone', changes);
      return this.begin(this.rule, seen, changes);
    }
    let isPeak = false;
    for (const candidate of seen) isPeak = absorb(life, candidate);
    this.tellIfRisen(life, sighting.at, isPeak, changes);
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
    const life: Life = {
      id: this.context.newId(),
      rule,
      model: last.model,
      openedAt: first.at,
      severity: rule.severity,
      lastSeenAt: first.at,
      lastSeenKp: kpOf(first.fix),
      detections: 1,
      meanProbability: first.probability,
      peak: peakOf(first),
      fix: first.fix,
      absence: PRESENT,
      toldPeak: 0,
      toldAtMs: last.at.monoMs,
      lastChangeMs: last.at.monoMs,
    };
    let isPeak = rest.length === 0;
    for (const candidate of rest) isPeak = absorb(life, candidate);
    life.severity = this.severityNow(life);
    this.life = life;
    this.tell('opened', life, last.at, isPeak, changes);
    return isPeak;
  }

  private tellIfRisen(life: Life, at: Instant, isPeak: boolean, changes: FindingChange[]): void {
    const { peakStep, updateEveryMs } = this.context.rules;
    const severity = this.severityNow(life);
    if (isMoreSevere(severity, life.severity)) {
      life.severity = severity;
      this.tell('updated', life, at, isPeak, changes);
      return;
    }
    // The sum of two decimal fractions may miss a third by a rounding error.
    const hasRisen = life.peak.probability - life.toldPeak >= peakStep - 1e-9;
    if (hasRisen && at.monoMs - life.toldAtMs >= updateEveryMs)
      this.tell('updated', life, at, isPeak, changes);
  }

  private tell(
    phase: 'opened' | 'updated',
    life: Life,
    at: Instant,
    isPeak: boolean,
    changes: FindingChange[],
  ): void {
    const ordered = notBefore(at, life.lastChangeMs);
    life.toldPeak = life.peak.probability;
    life.toldAtMs = ordered.monoMs;
    life.lastChangeMs = ordered.monoMs;
    changes.push({ phase, finding: this.describe(life, null, null), at: ordered, peakChanged: isPeak });
  }

  private closeIfGone(life: Life, absence: Absence, at: Instant, changes: FindingChange[]): boolean {
    const { offDelayMs, mergeGapMs, nearMs } = this.context.rules;
    const gapMs = offDelayMs + mergeGapMs;
    const limitMs = this.isNear(life.lastSeenKp, this.hereKp) ? Math.max(gapMs, nearMs) : gapMs;
    if (this.unseenMs(absence) <= limitMs) return false;
    // A return that began within the gap is given its time to be proved.
    const first = this.candidates.find((candidate) => this.isRecent(candidate, at));
    if (first !== undefined && first.unseenMs <= limitMs) return false;
    this.close(life, at, 'gone', changes);
    return true;
  }

  private isNear(kp: number | null, other: number | null): boolean {
    const { mergeMetres } = this.context.rules;
    // Two decimal fractions may miss a whole number of metres by a rounding error.
    return (
      kp !== null && other !== null && mergeMetres > 0 && Math.abs(kp - other) * 1000 <= mergeMetres + 1e-6
    );
  }

  /** Whether a return is another defect: its place is known, and is not where this one was last seen. */
  private isElsewhere(life: Life, seen: readonly Candidate[]): boolean {
    const kps = seen.map(({ fix }) => kpOf(fix));
    if (this.context.rules.mergeMetres === 0 || life.lastSeenKp === null) return false;
    return kps.every((kp) => kp !== null && !this.isNear(life.lastSeenKp, kp));
  }

  private close(life: Life, at: Instant, reason: CloseReason, changes: FindingChange[]): void {
    const closedAt = notBefore(at, Math.max(life.lastChangeMs, life.lastSeenAt.monoMs));
    this.life = null;
    changes.push({
      phase: 'closed',
      finding: this.describe(life, closedAt, reason),
      at: closedAt,
      peakChanged: false,
    });
  }

  private unseenMs(absence: Absence): number {
    return absence.sightedMs + Math.max(0, absence.blindMs - this.context.rules.blindPauseMs);
  }

  private severityNow(life: Life): Severity {
    const inViewMs = life.lastSeenAt.monoMs - life.openedAt.monoMs;
    return severityOf(life.rule.severity, life.peak.probability, inViewMs, this.context.rules);
  }

  private describe(life: Life, closedAt: Instant | null, closeReason: CloseReason | null): Finding {
    return {
      id: life.id,
      runId: this.context.runId,
      defect: this.context.defect,
      severity: life.severity,
      advice: life.rule.advice,
      openedAt: life.openedAt,
      lastSeenAt: life.lastSeenAt,
      closedAt,
      closeReason,
      detections: life.detections,
      meanProbability: life.meanProbability,
      peak: life.peak,
      thresholds: { on: life.rule.on, off: life.rule.off },
      model: life.model,
      fix: life.fix,
    };
  }
}

/** The kilometre point of a fix, km; null when it is not known or no number. */
function kpOf(fix: Fix | null): number | null {
  return fix !== null && fix.kp !== null && Number.isFinite(fix.kp) ? fix.kp : null;
}

function after(absence: Absence, span: Span): Absence {
  if (span.kind === 'seen' || span.kind === 'lost') {
    return { ...absence, sightedMs: absence.sightedMs + span.ms };
  }
  return { ...absence, blindMs: absence.blindMs + span.ms };
}

/** Adds a detection; true when it is the new peak. */
function absorb(life: Life, candidate: Candidate): boolean {
  const { probability } = candidate;
  life.absence = PRESENT;
  life.lastSeenAt = candidate.at;
  life.lastSeenKp = kpOf(candidate.fix);
  life.detections += 1;
  const isPeak = probability > life.peak.probability;
  if (isPeak) {
    life.peak = peakOf(candidate);
    life.fix = candidate.fix;
  }
  // Welford's running mean, kept at or below the peak against rounding.
  const mean = life.meanProbability + (probability - life.meanProbability) / life.detections;
  life.meanProbability = Math.min(mean, life.peak.probability);
  return isPeak;
}

function peakOf({ frame, probability, box }: Candidate): Peak {
  return { frame, probability, ...(box && { box }) };
}

function notBefore(instant: Instant, monoMs: number): Instant {
  return instant.monoMs >= monoMs ? instant : { monoMs, utcMs: instant.utcMs };
}
