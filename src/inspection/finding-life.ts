import type { CloseReason, Finding, FindingChange, Peak, Severity } from '../domain/finding.ts';
import type { Fix } from '../domain/fix.ts';
import type { FrameReference } from '../domain/frame.ts';
import type { DefectRule } from '../domain/manifest.ts';
import type { Instant } from '../domain/time.ts';
import type { Box, DefectClass, ModelReference } from '../domain/verdict.ts';
import type { Span } from './coverage.ts';
import type { InspectionRules } from './rules.ts';
import { isMoreSevere, severityOf } from './severity.ts';

/** A frame in which the class is probable enough to count. */
export interface Detected {
  /** The class's own probability, 0..1. */
  readonly probability: number;
  readonly frame: FrameReference;
  /** The frame's capture time, never before the frame's before it. */
  readonly at: Instant;
  readonly fix: Fix | null;
  readonly model: ModelReference;
  /** Where in the frame the class is most probable; absent where that is not known. */
  readonly box?: Box;
}

/** What a finding needs to know of its run. */
export interface LifeContext {
  readonly defect: DefectClass;
  readonly runId: string;
  readonly rules: InspectionRules;
}

/** Time since the last detection by what it counts for, ms. */
interface Absence {
  readonly sightedMs: number;
  readonly blindMs: number;
}

const PRESENT: Absence = { sightedMs: 0, blindMs: 0 };

/** One finding while it is open: what is remembered of it, and what the surface was told. */
export class FindingLife {
  readonly id: string;
  private readonly context: LifeContext;
  private readonly rule: DefectRule;
  private readonly model: ModelReference;
  private readonly openedAt: Instant;
  private severity: Severity;
  private lastSeenAt: Instant;
  /** Where that was, km; null when not known. */
  private lastSeenKp: number | null;
  private detections = 1;
  private meanProbability: number;
  private peak: Peak;
  private fix: Fix | null;
  private absence: Absence = PRESENT;
  private toldPeak = 0;
  private toldAtMs: number;
  private lastChangeMs: number;

  /**
   * @param first the detection that it begins with
   * @param last the one that opens it, whose model and time it has
   */
  constructor(context: LifeContext, rule: DefectRule, id: string, first: Detected, last: Detected) {
    this.id = id;
    this.context = context;
    this.rule = rule;
    this.model = last.model;
    this.openedAt = first.at;
    this.severity = rule.severity;
    this.lastSeenAt = first.at;
    this.lastSeenKp = kpOf(first.fix);
    this.meanProbability = first.probability;
    this.peak = peakOf(first);
    this.fix = first.fix;
    this.toldAtMs = last.at.monoMs;
    this.lastChangeMs = last.at.monoMs;
  }

  /** Sequence number of the frame whose pixels may yet be wanted as evidence. */
  get peakFrame(): number {
    return this.peak.frame.sequence;
  }

  /** Lets the time before a frame pass without a detection. */
  pass(span: Span): void {
    this.absence = after(this.absence, span);
  }

  /** For how long it counts as unseen, ms: blind time only as far as it is more than a pause. */
  unseenMs(pending?: Span): number {
    const { sightedMs, blindMs } = pending ? after(this.absence, pending) : this.absence;
    return sightedMs + Math.max(0, blindMs - this.context.rules.blindPauseMs);
  }

  /** Whether a place along the route is where it was last seen; false where either is not known. */
  isNear(kp: number | null): boolean {
    const { mergeMetres } = this.context.rules;
    if (kp === null || this.lastSeenKp === null || mergeMetres === 0) return false;
    // Two decimal fractions may miss a whole number of metres by a rounding error.
    return Math.abs(kp - this.lastSeenKp) * 1000 <= mergeMetres + 1e-6;
  }

  /** Whether detections are of another defect: their place is known, and is not where this one was last seen. */
  isElsewhere(seen: readonly Detected[]): boolean {
    if (this.context.rules.mergeMetres === 0 || this.lastSeenKp === null) return false;
    return seen.every(({ fix }) => kpOf(fix) !== null && !this.isNear(kpOf(fix)));
  }

  /** Adds a detection; true when it is the new peak. */
  absorb(detected: Detected): boolean {
    const { probability } = detected;
    this.absence = PRESENT;
    this.lastSeenAt = detected.at;
    this.lastSeenKp = kpOf(detected.fix);
    this.detections += 1;
    const isPeak = probability > this.peak.probability;
    if (isPeak) {
      this.peak = peakOf(detected);
      this.fix = detected.fix;
    }
    // Welford's running mean, kept at or below the peak against rounding.
    const mean = this.meanProbability + (probability - this.meanProbability) / this.detections;
    this.meanProbability = Math.min(mean, this.peak.probability);
    return isPeak;
  }

  /** @param isPeak the frame of this moment is its peak */
  open(at: Instant, isPeak: boolean): FindingChange {
    this.severity = this.severityNow();
    return this.tell('opened', at, isPeak);
  }

  /** The update that is due, if any: a severity that rose at once, a peak that rose clearly now and then. */
  updateIfRisen(at: Instant, isPeak: boolean): FindingChange | null {
    const { peakStep, updateEveryMs } = this.context.rules;
    const severity = this.severityNow();
    if (isMoreSevere(severity, this.severity)) {
      this.severity = severity;
      return this.tell('updated', at, isPeak);
    }
    // The sum of two decimal fractions may miss a third by a rounding error.
    const hasRisen = this.peak.probability - this.toldPeak >= peakStep - 1e-9;
    return hasRisen && at.monoMs - this.toldAtMs >= updateEveryMs ? this.tell('updated', at, isPeak) : null;
  }

  close(at: Instant, reason: CloseReason): FindingChange {
    const closedAt = notBefore(at, Math.max(this.lastChangeMs, this.lastSeenAt.monoMs));
    const finding = this.describe(closedAt, reason);
    return { phase: 'closed', finding, at: closedAt, peakChanged: false };
  }

  /** As it stands. */
  describe(closedAt: Instant | null = null, closeReason: CloseReason | null = null): Finding {
    return {
      id: this.id,
      runId: this.context.runId,
      defect: this.context.defect,
      severity: this.severity,
      advice: this.rule.advice,
      openedAt: this.openedAt,
      lastSeenAt: this.lastSeenAt,
      closedAt,
      closeReason,
      detections: this.detections,
      meanProbability: this.meanProbability,
      peak: this.peak,
      thresholds: { on: this.rule.on, off: this.rule.off },
      model: this.model,
      fix: this.fix,
    };
  }

  private tell(phase: 'opened' | 'updated', at: Instant, isPeak: boolean): FindingChange {
    const ordered = notBefore(at, this.lastChangeMs);
    this.toldPeak = this.peak.probability;
    this.toldAtMs = ordered.monoMs;
    this.lastChangeMs = ordered.monoMs;
    return { phase, finding: this.describe(), at: ordered, peakChanged: isPeak };
  }

  private severityNow(): Severity {
    const inViewMs = this.lastSeenAt.monoMs - this.openedAt.monoMs;
    return severityOf(this.rule.severity, this.peak.probability, inViewMs, this.context.rules);
  }
}

/** The kilometre point of a fix, km; null when it is not known or no number. */
export function kpOf(fix: Fix | null): number | null {
  return fix !== null && fix.kp !== null && Number.isFinite(fix.kp) ? fix.kp : null;
}

function after(absence: Absence, span: Span): Absence {
  if (span.kind === 'seen' || span.kind === 'lost') {
    return { ...absence, sightedMs: absence.sightedMs + span.ms };
  }
  return { ...absence, blindMs: absence.blindMs + span.ms };
}

function peakOf({ frame, probability, box }: Detected): Peak {
  return { frame, probability, ...(box && { box }) };
}

function notBefore(instant: Instant, monoMs: number): Instant {
  return instant.monoMs >= monoMs ? instant : { monoMs, utcMs: instant.utcMs };
}
