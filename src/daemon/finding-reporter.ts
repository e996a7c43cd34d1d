import type { Finding, FindingChange, Located } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import type { Clock } from '../platform/clock.ts';
import { Counters } from '../platform/counters.ts';
import { Emitter } from '../platform/emitter.ts';
import { asSpectaError } from '../platform/errors.ts';
import { GrowingPause } from '../platform/growing-pause.ts';
import type { Logger } from '../platform/log.ts';
import type { BlackBox } from '../record/black-box.ts';
import type { EvidenceRef } from '../record/evidence.ts';
import { alertMessage, alertSchema, type FindingMarks } from '../surface/messages/alert.ts';
import { encode, type Stamp } from '../surface/messages/envelope.ts';
import type { Topics } from '../surface/topics.ts';
import { captionOf } from './caption.ts';
import { FindingStills, type StillDrop } from './finding-stills.ts';
import { type Marked, MarksKeeper } from './marks-keeper.ts';
import { type Locate, Whereabouts } from './whereabouts.ts';

/** Why something that belongs to a finding was given up. */
export type ReportDrop =
  | StillDrop
  | 'annotation-failed'
  | 'place-unrecorded'
  | 'uncommitted-at-stop'
  | 'report-faulty';

/** A change that is safe on disk, with its alert in the outbox. */
export interface Committed {
  readonly change: FindingChange;
  readonly sequence: number;
}

interface Job {
  readonly change: FindingChange;
  readonly frame: Frame | null;
  readonly stamp: Stamp;
}

/** Changes that may wait for the disk with their pixels; behind them pixels are let go, so that memory is bounded. */
const MOST_WAITING_PICTURES = 16;

const NOBODY_LOOKS: Located = { box: null, map: null, reason: 'engine-away' };

interface ReporterDeps {
  readonly record: BlackBox;
  readonly topics: Topics;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where in a frame a defect is; nobody looks where absent. */
  readonly locate?: Locate;
}

/**
 * Brings each change of a finding into the black box, in order: still first, then finding and alert in one commit,
 * then the annotated image. A disk that fails is tried again until it works or the daemon stops; nothing overtakes.
 */
export class FindingReporter {
  readonly committed = new Emitter<Committed>();
  private readonly deps: ReporterDeps;
  private readonly drops = new Counters<ReportDrop>();
  private readonly giveUp = new AbortController();
  /** Ends searches at a stop, which must not wait for them. */
  private readonly hurry = new AbortController();
  private readonly whereabouts: Whereabouts;
  private readonly stills: FindingStills;
  private readonly marks: MarksKeeper;
  private readonly annotations = new Set<Promise<void>>();
  /** Each finding as it was last committed, while it is open or being looked for. */
  private readonly latest = new Map<string, Finding>();

  private queue: Promise<void> = Promise.resolve();
  private queued = 0;

  constructor(deps: ReporterDeps) {
    this.deps = deps;
    const locate = deps.locate ?? (async () => NOBODY_LOOKS);
    this.whereabouts = new Whereabouts(locate, this.hurry.signal);
    this.marks = new MarksKeeper(deps);
    this.stills = new FindingStills({ ...deps, onDrop: (reason) => this.drops.add(reason) });
  }

  get dropped(): Readonly<Partial<Record<ReportDrop, number>>> {
    return this.drops.snapshot();
  }

  /** Findings of which something is kept in memory: open ones, and those that are still being looked for. */
  get remembered(): number {
    return Math.max(this.latest.size, this.whereabouts.size);
  }

  /** Changes not yet committed. */
  get waiting(): number {
    return this.queued;
  }

  /**
   * @param frame the peak frame's pixels, or null when they are gone
   * @param stamp taken when the change happened, so that order is that of the changes
   */
  report(change: FindingChange, frame: Frame | null, stamp: Stamp): void {
    const pixels = this.queued < MOST_WAITING_PICTURES ? frame : null;
    this.queued += 1;
    this.queue = this.queue
      .then(() => this.process({ change, frame: pixels, stamp }))
      .catch((error: unknown) => {
        // A fault of ours in one report must not hold up those behind it.
        this.drops.add('report-faulty');
        this.deps.log.error({ error, finding: change.finding.id }, 'alert given up');
      })
      .finally(() => {
        this.queued -= 1;
      });
  }

  /**
   * Brings what a person said of a finding into the record, behind every change reported before, and tells everybody by an
   * alert. Rejects with `REQUEST_REFUSED` for a finding that the record does not know, and as the record does.
   *
   * @param change the marks now in force; gives new ones, or null to leave them
   * @param stamp taken now, so that later changes come behind
   */
  mark(
    findingId: string,
    change: (marks: FindingMarks) => FindingMarks | null,
    stamp: Stamp,
  ): Promise<Marked> {
    const marked = this.queue.then(() => this.marks.put(findingId, change, stamp));
    // Whoever asked hears of a failure; those behind in the queue go on.
    this.queue = marked.then(
      () => undefined,
      () => undefined,
    );
    return marked;
  }

  /** The peak of an open finding is this frame now; costs nothing but a search in the gaps between frames. */
  peakRose(finding: Finding, frame: Frame): void {
    this.whereabouts.peakRose(finding, frame);
  }

  /** Waits until everything reported is committed and annotated; after `timeoutMs` gives up what is left, counted. */
  async flush(timeoutMs: number): Promise<void> {
    const { clock, log } = this.deps;
    this.hurry.abort();
    // What was found while it was drawn puts its place into the queue.
    const done = this.queue.then(() => Promise.all(this.annotations)).then(() => this.queue);
    const timeUp = new Promise<void>((resolve) => {
      const cancel = clock.after(timeoutMs, () => {
        // Ends pauses between tries; a disk that does not answer at all is left behind.
        this.giveUp.abort();
        resolve();
      });
      void done.finally(cancel);
    });
    await Promise.race([done, timeUp]);
    if (this.queued > 0) log.error({ waiting: this.queued }, 'alerts were not committed before the stop');
  }

  private async process(job: Job): Promise<void> {
    const { change, stamp } = job;
    const { record, topics, log } = this.deps;
    const fresh = await this.stills.save(change, job.frame);
    const evidence = fresh ?? (await this.stills.of(change));
    const marks = await this.marks.of(change);
    const located = this.locatedFor(job);
    const payload = encode(alertSchema, alertMessage({ ...stamp, change, evidence, marks, located }));
    const alert = { lane: 'alert', topic: topics.alerts, contentType: 'application/json', payload } as const;
    const finding = this.whereabouts.placed(change.finding);
    const commit = { finding, messages: [alert], ...(evidence ? { evidence } : {}) };
    const pause = new GrowingPause(500, 15_000);
    for (;;) {
      try {
        await record.commit(commit);
        break;
      } catch (error) {
        const { code, message } = asSpectaError(error);
        log.error(
          { code, finding: change.finding.id, phase: change.phase },
          `alert not committed yet: ${message}`,
        );
        if (!(await this.waited(pause.take()))) {
          this.drops.add('uncommitted-at-stop');
          log.error({ finding: change.finding.id, phase: change.phase }, 'alert given up: the daemon stops');
          return;
        }
      }
    }
    this.committed.emit({ change, sequence: stamp.sequence });
    if (fresh && job.frame) this.annotate(change, fresh, job.frame);
    this.latest.set(finding.id, finding);
    if (change.phase === 'closed') {
      this.stills.forget(finding.id);
      this.marks.forget(finding.id);
    }
    this.forgetIfDone(finding.id);
  }

  /** Waits; false when the daemon stops. */
  private async waited(ms: number): Promise<boolean> {
    try {
      await this.deps.clock.sleep(ms, this.giveUp.signal);
      return true;
    } catch (error) {
      if (this.giveUp.signal.aborted) return false;
      throw error;
    }
  }

  /** Where the finding is, for the alert: what is not known when it closes will not be told any more. */
  private locatedFor({ change: { finding, phase } }: Job): Pick<Located, 'box' | 'reason'> {
    const known = this.whereabouts.of(finding);
    if (known.reason !== 'pending') return known;
    if (!this.stills.isOfPeak(finding)) return { box: null, reason: 'no-pixels' };
    return phase === 'closed' ? { box: null, reason: 'no-time' } : known;
  }

  /** Draws the peak frame once it is known where in it the defect is; the alert has not waited for that. */
  private annotate({ finding }: FindingChange, evidence: EvidenceRef, frame: Frame): void {
    const { record, topics, log } = this.deps;
    const work = this.whereabouts
      .find(finding, frame)
      .then((located) => {
        if (located.box) this.keepPlace(finding.id);
        const caption = captionOf(finding, located);
        return record.annotate({ evidence, caption, topic: topics.alertImage(finding.id) });
      })
      .then(
        () => undefined,
        (error: unknown) => {
          const { code, message } = asSpectaError(error);
          this.drops.add('annotation-failed');
          log.warn({ code, finding: finding.id }, `no annotated image for this finding: ${message}`);
        },
      )
      .finally(() => {
        this.annotations.delete(work);
        this.queue = this.queue.then(() => this.forgetIfDone(finding.id));
      });
    this.annotations.add(work);
  }

  /** Writes the box into the record's finding: no later change of it need come. */
  private keepPlace(id: string): void {
    this.queue = this.queue.then(async () => {
      const finding = this.latest.get(id);
      if (!finding) return;
      try {
        await this.deps.record.commit({ finding: this.whereabouts.placed(finding), messages: [] });
      } catch (error) {
        const { code, message } = asSpectaError(error);
        this.drops.add('place-unrecorded');
        this.deps.log.warn({ code, finding: id }, `where the finding is could not be recorded: ${message}`);
      }
    });
  }

  private forgetIfDone(id: string): void {
    const finding = this.latest.get(id);
    if (!finding || finding.closedAt === null) return;
    const search = this.whereabouts.searchOf(id);
    if (search !== null) {
      // What it finds is still drawn and recorded. A search that nobody draws must not be kept for good either.
      void search
        .then(() => Promise.all(this.annotations))
        .then(() => {
          this.queue = this.queue.then(() => this.forgetIfDone(id));
        });
      return;
    }
    this.latest.delete(id);
    this.whereabouts.forget(id);
  }
}
