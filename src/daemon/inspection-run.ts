import type { Finding, FindingChange } from '../domain/finding.ts';
import type { Fix } from '../domain/fix.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { Coverage, Run, RunEnd } from '../domain/run.ts';
import type { PartStatus } from '../domain/status.ts';
import type { ClockQuality, Instant } from '../domain/time.ts';
import type { Verdict } from '../domain/verdict.ts';
import { withLostSeconds } from '../inspection/coverage.ts';
import { GapLog } from '../inspection/gap-log.ts';
import { createInspector, type InspectionStep, type Inspector } from '../inspection/inspector.ts';
import { interruptFindings } from '../inspection/recovery.ts';
import type { InspectionRules } from '../inspection/rules.ts';
import { FaultLog } from './fault-log.ts';

/** What a run needs to begin. */
export interface RunSetting {
  readonly vehicle: string;
  readonly boot: string;
  readonly rules: InspectionRules;
  readonly defects: Manifest['defects'];
  readonly newFindingId: () => string;
}

/** What an unplanned end left behind. */
export interface LeftOver {
  readonly run: Run;
  readonly openFindings: readonly Finding[];
}

/** One run under way: its inspector, and what is written of it. */
export class InspectionRun {
  private readonly head: Pick<Run, 'id' | 'vehicle' | 'startedAt'>;
  private readonly inspector: Inspector;
  private readonly gaps: GapLog;
  private readonly faults: FaultLog;
  /** Of a model whose first verdict has not come. */
  private next: { readonly defects: Manifest['defects']; readonly digest: string } | null = null;
  private now: Instant;
  private end: { readonly at: Instant; readonly why: RunEnd } | null = null;

  private constructor(
    head: Pick<Run, 'id' | 'vehicle' | 'startedAt'>,
    inspector: Inspector,
    rules: InspectionRules,
    now: Instant,
    annals?: Run['annals'],
  ) {
    this.head = head;
    this.inspector = inspector;
    this.gaps = new GapLog(rules.lostAfterMs, rules.lostAfterMs, now, annals);
    this.faults = new FaultLog(annals);
    this.now = now;
  }

  /**
   * Begins a new run at `now`.
   *
   * @param number of the run in this boot, from 1: two may begin within one second, or under a clock that was set back
   */
  static begin(setting: RunSetting, now: Instant, number: number): InspectionRun {
    const time = new Date(now.utcMs).toISOString().replace(/[-:]|\.\d+/g, '');
    const id = `R-${time}-${setting.boot.slice(0, 8)}${number === 1 ? '' : `-${number}`}`;
    const head = { id, vehicle: setting.vehicle, startedAt: now };
    return new InspectionRun(head, InspectionRun.inspectorFor(setting, id, now), setting.rules, now);
  }

  /**
   * Goes on with the run that an unplanned restart cut off: the gap is lost time in its coverage, and what was open
   * closes as `interrupted`.
   */
  static resume(
    setting: RunSetting,
    left: LeftOver,
    gapSeconds: number,
    now: Instant,
  ): { readonly run: InspectionRun; readonly changes: readonly FindingChange[] } {
    const covered = withLostSeconds(left.run.coverage, gapSeconds);
    const inspector = InspectionRun.inspectorFor(setting, left.run.id, now, covered);
    const { id, vehicle, startedAt, annals } = left.run;
    const run = new InspectionRun({ id, vehicle, startedAt }, inspector, setting.rules, now, annals);
    run.gaps.lose({ ...now, utcMs: now.utcMs - gapSeconds * 1000 }, now);
    return {
      run,
      changes: interruptFindings(left.openFindings, now),
    };
  }

  private static inspectorFor(
    setting: RunSetting,
    runId: string,
    startedAt: Instant,
    initialCoverage?: Coverage,
  ): Inspector {
    const { rules, defects, newFindingId: newId } = setting;
    return createInspector({
      rules,
      defects,
      runId,
      newId,
      startedAt,
      ...(initialCoverage ? { initialCoverage } : {}),
    });
  }

  get id(): string {
    return this.head.id;
  }

  get openFindings(): readonly Finding[] {
    return this.inspector.open;
  }

  get oddities(): Readonly<Record<string, number>> {
    return { ...this.inspector.oddities };
  }

  /** The run as it stands. */
  get record(): Run {
    return {
      ...this.head,
      endedAt: this.end?.at ?? null,
      end: this.end?.why ?? null,
      coverage: this.inspector.coverage,
      annals: { ...this.gaps.read(this.end?.at ?? this.now), ...this.faults.read() },
    };
  }

  /** How a part is now, and how far the clock can be believed. */
  hear(status: PartStatus, clockQuality: ClockQuality): void {
    this.faults.hear(status, clockQuality);
  }

  judge(verdict: Verdict, fix: Fix | null): InspectionStep {
    if (this.next?.digest === verdict.model.digest) {
      this.inspector.setDefects(this.next.defects);
      this.next = null;
    }
    this.now = verdict.frame.capturedAt;
    this.gaps.see(verdict.blind ?? 'seen', this.now, fix?.kp ?? null);
    return this.inspector.judge(verdict, fix);
  }

  /** A frame was left out to spare the board. */
  thin(): void {
    this.inspector.thin();
  }

  /**
   * What another model says of defects, in force from its first verdict on: frames may be in flight that the one before
   * still judges.
   */
  setDefects(defects: Manifest['defects'], digest: string): void {
    this.next = { defects, digest };
  }

  tick(now: Instant): InspectionStep {
    this.now = now;
    return this.inspector.tick(now);
  }

  /** Ends the run; what is open closes. A second call changes nothing. */
  stop(now: Instant, why: RunEnd): InspectionStep {
    this.end ??= { at: now, why };
    return this.inspector.stop(now, 'run-stopped');
  }
}
