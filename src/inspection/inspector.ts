import type { CloseReason, Finding, FindingChange } from '../domain/finding.ts';
import type { Fix } from '../domain/fix.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { Coverage } from '../domain/run.ts';
import type { Instant } from '../domain/time.ts';
import { DEFECT_CLASSES, type DefectClass, type Verdict } from '../domain/verdict.ts';
import { CoverageMeter, NO_COVERAGE, type Sight, type Span, spanSince } from './coverage.ts';
import { type InspectionRules, ruleMistakes } from './rules.ts';
import { Track } from './track.ts';

/** What one verdict, or the passing of time, brought about. */
export interface InspectionStep {
  /** In the order in which they happened; those of one finding are `opened`, `updated`…, `closed`. */
  readonly changes: readonly FindingChange[];
  /** Ids of the open findings whose peak is this frame. */
  readonly newPeaks: readonly string[];
  /**
   * Sequence numbers of the frames whose pixels may yet be wanted as evidence: peaks of open findings, and frames that
   * may be the peak of a finding about to open. Pixels of all others can go. At most 2 × (`minimumDetections` + 1).
   */
  readonly wantedFrames: readonly number[];
}

/**
 * Oddities that were set right, counted.
 * `frame-time-back`: the monotonic time of a frame is before that of the frame before it; no time is taken to have
 * passed between them. `time-invalid`: a time that is no number, taken as the last one known (a frame or tick with no
 * time known at all is left out). `probability-invalid`: a probability outside 0..1, taken as none.
 * `after-stop`: a verdict that came after the stop and was not judged.
 */
export type InspectionOddity = 'frame-time-back' | 'time-invalid' | 'probability-invalid' | 'after-stop';

/** Turns the verdicts of one run into findings and coverage. Pure: all time comes from the calls. */
export interface Inspector {
  /** Findings open now, at most one for each class. */
  readonly open: readonly Finding[];
  readonly coverage: Coverage;
  readonly oddities: Readonly<Partial<Record<InspectionOddity, number>>>;
  /**
   * Judges the next frame; verdicts come in the order of capture.
   * @param fix where the vehicle was at the capture, or null
   */
  judge(verdict: Verdict, fix: Fix | null): InspectionStep;
  /** Counts a frame that was left out to spare the board: its time still belongs to the frame before. */
  thin(): void;
  /** Lets time pass: closes findings and counts lost time when no frames come. About once a second is enough. */
  tick(now: Instant): InspectionStep;
  /** What another model says of defects, in force from the next frame; open findings go on under their id. */
  setDefects(defects: Manifest['defects']): void;
  /** Ends the inspection: closes everything that is open. Idempotent; whatever comes later changes nothing. */
  stop(now: Instant, reason: CloseReason): InspectionStep;
}

export interface InspectorOptions {
  readonly rules: InspectionRules;
  readonly defects: Manifest['defects'];
  readonly runId: string;
  /** Gives a new id, unique across runs and boots, for each finding. */
  readonly newId: () => string;
  /** When the run began: time before the first frame is lost time. Without it, the first call begins the count. */
  readonly startedAt?: Instant;
  /** What the same run covered before a restart. */
  readonly initialCoverage?: Coverage;
}

/** Throws RangeError naming every mistake in the rules. */
export function createInspector(options: InspectorOptions): Inspector {
  const mistakes = ruleMistakes(options.rules);
  if (mistakes.length > 0) throw new RangeError(`Inspection rules: ${mistakes.join('; ')}.`);
  return new ClassByClassInspector(options);
}

class ClassByClassInspector implements Inspector {
  private readonly rules: InspectionRules;
  private readonly tracks: ReadonlyMap<DefectClass, Track>;
  private readonly meter: CoverageMeter;
  private readonly odd: Partial<Record<InspectionOddity, number>> = {};
  private sight: Sight | null = null;
  /** The last time told; null before any. */
  private now: Instant | null = null;
  /** Added to every monotonic time, so that time goes on from where it was when the frames' clock was set back. */
  private offsetMs = 0;
  private stopped = false;

  constructor(options: InspectorOptions) {
    const { rules, runId, newId, defects } = options;
    this.rules = rules;
    this.meter = new CoverageMeter(options.initialCoverage ?? NO_COVERAGE, rules.distanceStepMetres);
    this.tracks = new Map(
      DEFECT_CLASSES.map((defect) => [
        defect,
        new Track({ defect, runId, rules, newId }, defects[defect] ?? null),
      ]),
    );
    if (options.startedAt !== undefined) this.now = this.sound(options.startedAt);
    if (this.now !== null) this.sight = { monoMs: this.now.monoMs, kind: 'lost' };
  }

  get open(): readonly Finding[] {
    return [...this.tracks.values()].map((track) => track.open).filter((finding) => finding !== null);
  }

  get coverage(): Coverage {
    return this.meter.read(this.stopped ? null : this.pending());
  }

  get oddities(): Readonly<Partial<Record<InspectionOddity, number>>> {
    return { ...this.odd };
  }

  setDefects(defects: Manifest['defects']): void {
    for (const [defect, track] of this.tracks) track.setRule(defects[defect] ?? null);
  }

  judge(verdict: Verdict, fix: Fix | null): InspectionStep {
    if (this.stopped) {
      this.count('after-stop');
      return NOTHING;
    }
    const at = this.frameTime(verdict.frame.capturedAt);
    if (at === null) return NOTHING;
    this.now = at;
    const span = this.pending();
    this.meter.addSpan(span);
    this.meter.addFrame(verdict, fix);
    this.sight = { monoMs: at.monoMs, kind: verdict.blind ?? 'seen' };

    const { frame, model } = verdict;
    const judged = this.meter.framesJudged;
    const changes: FindingChange[] = [];
    const newPeaks: string[] = [];
    for (const [defect, track] of this.tracks) {
      track.pass(span, at, fix, changes);
      if (verdict.blind !== null) continue;
      const probability = this.probabilityOf(verdict, defect);
      const box = verdict.boxes?.[defect];
      const peakOf = track.see({ probability, frame, at, fix, model, judged, ...(box && { box }) }, changes);
      if (peakOf !== null) newPeaks.push(peakOf);
    }
    return { changes, newPeaks, wantedFrames: this.wantedFrames() };
  }

  thin(): void {
    if (!this.stopped) this.meter.addThinned();
  }

  tick(now: Instant): InspectionStep {
    const at = this.stopped ? null : this.sound(now);
    if (at === null) return NOTHING;
    this.now = at;
    const pending = this.pending();
    const changes: FindingChange[] = [];
    for (const track of this.tracks.values()) track.wait(pending, at, changes);
    return { changes, newPeaks: [], wantedFrames: this.wantedFrames() };
  }

  stop(now: Instant, reason: CloseReason): InspectionStep {
    if (this.stopped) return NOTHING;
    const at = this.sound(now);
    if (at !== null) {
      this.now = at;
      this.meter.addSpan(this.pending());
    }
    this.stopped = true;
    const changes: FindingChange[] = [];
    // Without any time there was no frame either, so nothing is open.
    if (at !== null) for (const track of this.tracks.values()) track.stop(at, reason, changes);
    return { changes, newPeaks: [], wantedFrames: [] };
  }

  /** The time since the last frame, up to the last time told. */
  private pending(): Span {
    if (this.now === null) return { kind: 'lost', ms: 0 };
    this.sight ??= { monoMs: this.now.monoMs, kind: 'lost' };
    return spanSince(this.sight, this.now.monoMs, this.rules.lostAfterMs);
  }

  private frameTime(capturedAt: Instant): Instant | null {
    const at = this.sound(capturedAt);
    if (at === null || this.sight === null || this.sight.kind === 'lost') return at;
    const backMs = this.sight.monoMs - at.monoMs;
    if (backMs <= 0) return at;
    // To hold the time until the clock catches up would keep findings open for as long as it was set back.
    this.count('frame-time-back');
    this.offsetMs += backMs;
    return { ...at, monoMs: this.sight.monoMs };
  }

  /** The instant in the run's own monotonic time; UTC is taken as told, also when it was set back. */
  private sound(told: Instant): Instant | null {
    const monoMs = Number.isFinite(told.monoMs) ? told.monoMs + this.offsetMs : this.now?.monoMs;
    const utcMs = Number.isFinite(told.utcMs) ? told.utcMs : this.now?.utcMs;
    if (!Number.isFinite(told.monoMs) || !Number.isFinite(told.utcMs)) this.count('time-invalid');
    return monoMs === undefined || utcMs === undefined ? null : { monoMs, utcMs };
  }

  private probabilityOf(verdict: Verdict, defect: DefectClass): number | null {
    const probability = verdict.probabilities[defect];
    if (probability === undefined) return null;
    if (probability >= 0 && probability <= 1) return probability;
    this.count('probability-invalid');
    return null;
  }

  private wantedFrames(): number[] {
    const wanted = new Set<number>();
    for (const track of this.tracks.values()) {
      for (const sequence of track.wantedFrames) wanted.add(sequence);
    }
    return [...wanted];
  }

  private count(oddity: InspectionOddity): void {
    this.odd[oddity] = (this.odd[oddity] ?? 0) + 1;
  }
}

const NOTHING: InspectionStep = { changes: [], newPeaks: [], wantedFrames: [] };
