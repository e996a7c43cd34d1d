import type { FindingChange } from '../domain/finding.ts';
import type { Fix } from '../domain/fix.ts';
import type { Frame } from '../domain/frame.ts';
import type { Run, RunEnd } from '../domain/run.ts';
import type { PartStatus } from '../domain/status.ts';
import type { ClockQuality, Instant } from '../domain/time.ts';
import type { DefectClass, Verdict } from '../domain/verdict.ts';
import type { InspectionStep } from '../inspection/inspector.ts';
import { interruptFindings } from '../inspection/recovery.ts';
import type { Light } from '../light/light.ts';
import type { Clock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';
import { asSpectaError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { BlackBox } from '../record/black-box.ts';
import type { UnfinishedRun } from '../record/history-table.ts';
import type { OutboxMessage } from '../record/message.ts';
import type { FindingReporter } from './finding-reporter.ts';
import { InspectionRun, type RunSetting } from './inspection-run.ts';
import type { LatencyMeter } from './latency-meter.ts';
import type { Publisher } from './publisher.ts';
import { RecentFrames } from './recent-frames.ts';

interface InspectionParts {
  readonly setting: Omit<RunSetting, 'newFindingId'>;
  readonly clock: Clock;
  readonly light: Light;
  readonly publisher: Publisher;
  readonly reporter: FindingReporter;
  readonly record: BlackBox;
  readonly meter: LatencyMeter;
  /** Where the vehicle was at a moment just passed; null without a source of positions. */
  readonly fixAt: (at: Instant) => Fix | null;
  readonly clockQuality: () => ClockQuality;
  readonly log: Logger;
}

/** How often the run's coverage is written and published while nothing else happens, ms. */
const RUN_EVERY_MS = 10_000;

/** The runs of this boot: verdicts in; light, reports and the run's record out, in that order. */
export class Inspection {
  readonly changes = new Emitter<FindingChange>();
  private readonly parts: InspectionParts;
  private setting: RunSetting;
  private readonly frames = new RecentFrames();
  private run: InspectionRun | null = null;
  private findings = 0;
  private runs = 0;
  private writtenMonoMs = 0;
  /** Of runs that have ended. */
  private pastOddities: Readonly<Record<string, number>> = {};
  /** How each part is now. */
  private readonly parted = new Map<PartStatus['part'], PartStatus>();

  constructor(parts: InspectionParts) {
    this.parts = parts;
    const { boot } = parts.setting;
    this.setting = {
      ...parts.setting,
      newFindingId: () => {
        this.findings += 1;
        return `F-${boot.slice(0, 8)}-${String(this.findings).padStart(4, '0')}`;
      },
    };
  }

  /** Of all runs of this boot. */
  get oddities(): Readonly<Record<string, number>> {
    return addUp(this.pastOddities, this.run?.oddities ?? {});
  }

  /** The run under way; null before the first and after its end. */
  get current(): InspectionRun | null {
    return this.run;
  }

  /**
   * Takes up what unplanned ends left behind: the newest run goes on if it was heard of at most `withinMs` ago, older
   * ones end as `interrupted`; what was open in them closes.
   */
  async recover(vehicle: string, withinMs: number): Promise<void> {
    const { clock, record, publisher } = this.parts;
    try {
      const resumable = await record.resumable(vehicle, withinMs, clock.now());
      for (const left of await record.unfinished(vehicle)) {
        if (left.run.id === resumable?.run.id) this.resume(left);
        else this.giveUp(left);
      }
    } catch (error) {
      const { code, message } = asSpectaError(error);
      this.parts.log.error({ code }, `unfinished runs could not be looked up: ${message}`);
    }
    if (!this.run) publisher.run(null, []);
  }

  /** How a part is now: what did not work during a run is told in its report. */
  hear(status: PartStatus): void {
    this.parted.set(status.part, status);
    this.run?.hear(status, this.parts.clockQuality());
  }

  private tellParts(run: InspectionRun): void {
    for (const status of this.parted.values()) run.hear(status, this.parts.clockQuality());
  }

  private resume(left: UnfinishedRun): void {
    const { clock, log } = this.parts;
    const now = clock.now();
    const gapSeconds = Math.max(0, (now.utcMs - left.lastHeardUtcMs) / 1000);
    const { run, changes } = InspectionRun.resume(this.setting, left, gapSeconds, now);
    this.run = run;
    this.tellParts(run);
    log.warn(
      { run: run.id, gapSeconds, interrupted: changes.length },
      'the run goes on after an unplanned restart',
    );
    this.react({ changes, newPeaks: [], wantedFrames: [] });
    this.write();
  }

  private giveUp(left: UnfinishedRun): void {
    const { clock, log, record } = this.parts;
    const now = clock.now();
    const changes = interruptFindings(left.openFindings, now);
    log.warn(
      { run: left.run.id, interrupted: changes.length },
      'a run that was cut off long ago ends as interrupted',
    );
    this.react({ changes, newPeaks: [], wantedFrames: [] });
    const run: Run = { ...left.run, endedAt: now, end: 'interrupted' };
    this.settle(record.endRun(run, this.logOf(run)), 'the end of the run');
  }

  /** What another model says of defects, in force from its first verdict on; open findings go on. */
  setDefects(defects: RunSetting['defects'], digest: string): void {
    this.setting = { ...this.setting, defects };
    this.run?.setDefects(defects, digest);
  }

  /** Begins a run unless one is under way; gives the one under way then. */
  begin(): InspectionRun {
    if (this.run) return this.run;
    const { clock, log, record } = this.parts;
    this.runs += 1;
    const run = InspectionRun.begin(this.setting, clock.now(), this.runs);
    this.run = run;
    this.tellParts(run);
    log.info({ run: run.id }, 'the run begins');
    this.settle(record.startRun(run.record, this.logOf(run.record)), 'the start of the run');
    this.publish();
    return run;
  }

  judge(verdict: Verdict, frame: Frame): void {
    const { clock, light, meter, publisher } = this.parts;
    const { capturedAt } = frame;
    const judgedAt = clock.now().monoMs;
    meter.countFrame();
    meter.add('captureToVerdict', judgedAt - capturedAt.monoMs);
    meter.add('decode', verdict.stages.decode);
    meter.add('preprocess', verdict.stages.preprocess);
    meter.add('infer', verdict.stages.infer);
    light.beat();
    const fix = this.parts.fixAt(capturedAt);
    if (this.run) {
      this.frames.add(frame);
      const step = this.run.judge(verdict, fix);
      this.react(step, capturedAt.monoMs);
      if (step.newPeaks.length > 0) this.tellPeaks(step.newPeaks, frame);
      this.frames.prune(step.wantedFrames);
    }
    meter.add('decide', clock.now().monoMs - judgedAt);
    publisher.detection(verdict, this.run?.id ?? null, this.thresholds, fix);
  }

  /** A frame was left out to spare the board. */
  thin(): void {
    this.run?.thin();
  }

  private tellPeaks(ids: readonly string[], frame: Frame): void {
    for (const finding of this.run?.openFindings ?? []) {
      if (ids.includes(finding.id)) this.parts.reporter.peakRose(finding, frame);
    }
  }

  /** Lets time pass; about once a second. */
  tick(): void {
    if (!this.run) return;
    const now = this.parts.clock.now();
    const step = this.run.tick(now);
    this.react(step);
    this.frames.prune(step.wantedFrames);
    if (now.monoMs - this.writtenMonoMs >= RUN_EVERY_MS) this.write();
  }

  /** Ends the run under way, if any. */
  end(why: RunEnd): void {
    const { run } = this;
    if (!run) return;
    const { clock, log, record, publisher } = this.parts;
    this.react(run.stop(clock.now(), why));
    this.pastOddities = this.oddities;
    this.run = null;
    // The next run wants none of them: between runs they would only be held.
    this.frames.prune([]);
    log.info({ run: run.id, end: why, coverage: run.record.coverage }, 'the run has ended');
    this.settle(record.endRun(run.record, this.logOf(run.record)), 'the end of the run');
    publisher.run(run.record, []);
  }

  private get thresholds(): Partial<Record<DefectClass, number>> {
    const { corrosion, crack } = this.setting.defects;
    return { ...(corrosion ? { corrosion: corrosion.on } : {}), ...(crack ? { crack: crack.on } : {}) };
  }

  /**
   * Light first, then commit and send.
   *
   * @param capturedMs when the frame behind it was captured, monotonic, ms; null where there is none
   */
  private react(step: InspectionStep, capturedMs: number | null = null): void {
    const { clock, light, meter, reporter, publisher } = this.parts;
    for (const change of step.changes) light.follow(change);
    const isCrack = ({ phase, finding }: FindingChange): boolean =>
      phase === 'opened' && finding.defect === 'crack';
    // The line is driven by now; what comes next does not delay it.
    if (capturedMs !== null && step.changes.some(isCrack)) {
      meter.add('captureToLight', clock.now().monoMs - capturedMs);
    }
    for (const change of step.changes) {
      reporter.report(change, this.frames.get(change.finding.peak.frame.sequence), publisher.stamp());
      this.changes.emit(change);
    }
    if (step.changes.length > 0) this.publish();
  }

  private publish(): void {
    if (this.run) this.parts.publisher.run(this.run.record, this.run.openFindings);
  }

  private write(): void {
    if (!this.run) return;
    this.writtenMonoMs = this.parts.clock.now().monoMs;
    const { record } = this.run;
    this.settle(this.parts.record.updateRun(record, this.logOf(record)), 'the coverage');
    this.publish();
  }

  /** What is told of a run now, with the place where the vehicle is now. */
  private logOf(run: Run): OutboxMessage {
    const { clock, publisher, fixAt } = this.parts;
    return publisher.runLog(run, fixAt(clock.now()));
  }

  /** The record tells of its own trouble on its status; here it is only named in the log. */
  private settle(writing: Promise<unknown>, what: string): void {
    writing.catch((error: unknown) => {
      const { code, message } = asSpectaError(error);
      this.parts.log.error({ code }, `${what} could not be recorded: ${message}`);
    });
  }
}

function addUp(
  some: Readonly<Record<string, number>>,
  more: Readonly<Record<string, number>>,
): Record<string, number> {
  const sums = { ...some };
  for (const [name, count] of Object.entries(more)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}
