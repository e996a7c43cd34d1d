import type { Worker } from 'node:worker_threads';
import type { Finding } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import type { OutboxDepth, OutboxEntry, OutboxLane } from '../domain/outbox.ts';
import type { Run } from '../domain/run.ts';
import type { PartStatus } from '../domain/status.ts';
import type { Instant } from '../domain/time.ts';
import type { Clock } from '../platform/clock.ts';
import type { Counters } from '../platform/counters.ts';
import { SpectaError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { AlertPage, AlertQuery, ToldAlert } from './alert-table.ts';
import type { Caption } from './annotate.ts';
import { CommitWriter } from './commit-writer.ts';
import type { EvidenceRef, StoredEvidence } from './evidence.ts';
import type { FindingQuery, UnfinishedRun } from './history-table.ts';
import { DEFAULT_LIMITS, type RecordLimits } from './limits.ts';
import type { OutboxMessage } from './message.ts';
import type { RecordCounter } from './protocol.ts';
import { RecordClient } from './record-client.ts';
import { spawnRecordWorker } from './record-thread.ts';
import { RunWriter } from './run-writer.ts';

export interface BlackBoxOptions {
  /** Holds the database and the stills; created if need be. */
  readonly folder: string;
  /** Id of this boot. */
  readonly boot: string;
  readonly limits?: Partial<RecordLimits>;
  readonly log: Logger;
  readonly clock: Clock;
  /** Gives up opening when aborted; an open black box is ended by {@link BlackBox.close} alone. */
  readonly signal?: AbortSignal;
  /** How the worker is started; for tests. */
  readonly spawn?: () => Worker;
}

/** A step of a finding with all that must be on the disk before anybody is told. */
export interface Commit {
  readonly finding: Finding;
  readonly evidence?: EvidenceRef;
  readonly messages: readonly OutboxMessage[];
}

/**
 * The record of the vehicle as the main thread sees it: findings, runs, evidence and the outbox in front of the
 * link, all kept by the record worker. No method blocks. Every method rejects with SpectaError: `DISK_FULL`,
 * `DISK_FAILED`, `RECORD_BUSY`; what is rejected has changed nothing.
 */
export class BlackBox {
  private readonly client: RecordClient;
  private readonly limits: RecordLimits;
  private readonly writer: CommitWriter;
  private readonly runWriter: RunWriter;

  constructor(options: BlackBoxOptions) {
    const { spawn = spawnRecordWorker } = options;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.client = new RecordClient({ ...options, limits: this.limits, spawn });
    this.writer = new CommitWriter(this.client);
    this.runWriter = new RunWriter((run, durable, message) => this.writer.run(run, durable, message));
  }

  /** Starts the worker and opens the record: see {@link openBlackBox}. */
  async start(): Promise<void> {
    await this.client.start();
  }

  /** What was dropped or went wrong since the start, by reason, beside what the outbox gave up. */
  get counters(): Counters<RecordCounter> {
    return this.client.counters;
  }

  get status(): PartStatus {
    return this.client.condition.status;
  }

  /** Calls `listener` on each change; the returned function ends it. */
  onStatus(listener: (status: PartStatus) => void): () => void {
    return this.client.condition.onStatus(listener);
  }

  /**
   * Writes down that a run began, or goes on under this boot; synced.
   *
   * @param tells the surface of it, in the same transaction
   */
  startRun(run: Run, tells: OutboxMessage | null = null): Promise<void> {
    return this.runWriter.put(run, tells);
  }

  /**
   * Writes down how far the run's coverage is: synced where it tells the surface of it, else cheap, so that a loss of
   * power may cost the last of them. Of calls that come faster than the disk only the newest is written, with what it
   * tells; all resolve with it.
   */
  updateRun(run: Run, tells: OutboxMessage | null = null): Promise<void> {
    return this.runWriter.update(run, tells);
  }

  /** Writes down that the run ended, after all updates given before; synced. @param tells as {@link startRun} */
  endRun(run: Run, tells: OutboxMessage | null = null): Promise<void> {
    return this.runWriter.put(run, tells);
  }

  /**
   * The vehicle's newest run if it never ended and the record heard of it at most `withinMs` before or after `now`
   * (a clock without battery may stand before the time of the crash); else null.
   */
  async resumable(vehicle: string, withinMs: number, now: Instant): Promise<UnfinishedRun | null> {
    const newest = (await this.runs()).find((run) => run.vehicle === vehicle);
    const [last] = await this.unfinished(vehicle);
    if (!last || last.run.id !== newest?.id) return null;
    return Math.abs(now.utcMs - last.lastHeardUtcMs) <= withinMs ? last : null;
  }

  /** Every run of the vehicle that never ended, newest first: those not resumed should be ended as `interrupted`. */
  unfinished(vehicle: string): Promise<readonly UnfinishedRun[]> {
    return this.client.ask('unfinished', { vehicle });
  }

  /**
   * Writes a step of a finding, its evidence's row and its messages in one transaction, synced to the disk. Resolves
   * only then, with the numbers of the messages; a rejected commit has changed nothing and may be tried again.
   * Never refused for being too much; after a death of the worker it is given again and still counts once.
   */
  commit({ finding, evidence, messages }: Commit): Promise<readonly number[]> {
    const tells = { findingId: finding.id, runId: finding.runId };
    return this.writer.commit({ finding, tells, evidence: evidence ?? null }, messages);
  }

  /** Writes an alert of a finding that itself has not changed, as {@link commit} does. */
  async retell(
    tells: { readonly findingId: string; readonly runId: string },
    message: OutboxMessage,
  ): Promise<void> {
    await this.writer.commit({ finding: null, tells, evidence: null }, [message]);
  }

  /** Puts one message into the outbox, synced; gives its number. */
  async enqueue(message: OutboxMessage): Promise<number> {
    const [id] = await this.writer.commit({ finding: null, tells: null, evidence: null }, [message]);
    return id;
  }

  /**
   * Keeps the frame as a clean still, synced before this resolves. Its row is committed with the finding: a still
   * that never is, is swept at the next start. Rejects with `RECORD_BUSY` when too many pictures wait already.
   */
  async saveStill(still: {
    readonly findingId: string;
    readonly runId: string;
    readonly frame: Frame;
    readonly peakProbability: number;
  }): Promise<EvidenceRef> {
    const { findingId, runId, frame, peakProbability } = still;
    const { format, range, width, height, stride, sequence, capturedAt } = frame;
    this.refuseTooMuch();
    // A copy, also of a Buffer, whose slice would be a view: what is handed over is lost here.
    const data = new Uint8Array(frame.data);
    const pixels = { format, range, width, height, stride, data };
    const order = {
      findingId,
      runId,
      sequence,
      capturedUtcMs: capturedAt.utcMs,
      probability: peakProbability,
    };
    return this.client.ask('still', { ...order, frame: pixels }, [data.buffer]);
  }

  /**
   * Draws the caption on a clean still, keeps the result as evidence of its own and puts it into the outbox's image
   * lane. Rejects with `RECORD_BUSY` when too many pictures wait already.
   */
  async annotate(order: {
    readonly evidence: EvidenceRef;
    readonly caption: Caption;
    readonly topic: string;
  }): Promise<EvidenceRef> {
    this.refuseTooMuch();
    return this.writer.annotate(order);
  }

  /** The oldest messages of a lane with a number above `afterId`, in the order of sending. */
  head(lane: OutboxLane, limit: number, afterId = 0): Promise<readonly OutboxEntry[]> {
    return this.client.ask('head', { lane, limit, afterId });
  }

  /** The message reached the surface: forget it. Idempotent. */
  async settle(id: number): Promise<void> {
    await this.client.ask('settle', { entry: id });
  }

  /** The message was sent and is kept: `reason` is what the broker said (16: nobody is subscribed), or null. */
  async mark(id: number, reason: number | null): Promise<void> {
    await this.client.ask('mark', { entry: id, reason });
  }

  /**
   * Calls `listener` with the lane of what was just committed, and the numbers of messages that are new: those of
   * {@link resend} are not. The returned function ends it.
   */
  onCommit(listener: (lane: OutboxLane, fresh: readonly number[]) => void): () => void {
    return this.writer.onCommit(listener);
  }

  /** Counts of the outbox after the last answered request. */
  depth(): OutboxDepth {
    return this.client.depth;
  }

  /** Findings, newest first. */
  findings(query: FindingQuery): Promise<readonly Finding[]> {
    return this.client.ask('findings', query);
  }

  /** The newest alert of each finding asked for, the last told first. */
  alerts(page: AlertPage): Promise<readonly ToldAlert[]> {
    return this.client.ask('alerts', page);
  }

  /**
   * Puts the alerts asked for into the outbox again, in their order and byte for byte; those that wait there already stay
   * as they are. What is older than the outbox keeps is left out.
   */
  async resend(query: AlertQuery): Promise<{ readonly queued: number; readonly waiting: number }> {
    const told = await this.client.ask('resend', query);
    if (told.queued > 0) this.writer.toldAgain('alert');
    return told;
  }

  /**
   * Puts the annotated image of a finding into the outbox again, behind everything else. `waiting`: it is there already.
   * `gone`: there is none any more, or it is older than the outbox keeps.
   */
  async resendImage(findingId: string, topic: string): Promise<'queued' | 'waiting' | 'gone'> {
    const told = await this.client.ask('resendImage', { findingId, topic });
    if (told === 'queued') this.writer.toldAgain('image');
    return told;
  }

  /** All runs, newest first. */
  runs(): Promise<readonly Run[]> {
    return this.client.ask('runs', {});
  }

  /** Everything kept for a finding, oldest first, also what had to be removed since. */
  evidenceOf(findingId: string): Promise<readonly StoredEvidence[]> {
    return this.client.ask('evidence', { findingId });
  }

  /** Finishes what was asked for and ends the worker; a disk that does not answer is given up after 3 s. Idempotent. */
  close(): Promise<void> {
    return this.client.close(this.runWriter.settled());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private refuseTooMuch(): void {
    const waiting = this.client.picturesWaiting;
    if (waiting < this.limits.imageQueue) return;
    this.client.counters.add('record-busy');
    throw new SpectaError(
      'RECORD_BUSY',
      `${waiting} pictures wait to be kept already.`,
      'The disk or the processor is too slow for so many findings; alerts are not held up.',
    );
  }
}

/**
 * Opens the record in a folder. A disk that fails does not keep the vehicle on deck: the black box is given all the
 * same, its status says what is wrong, its methods reject, and it mends itself when the disk does.
 *
 * @throws SpectaError `RECORD_SCHEMA_NEWER`, which no waiting mends; the signal's reason when aborted
 */
export async function openBlackBox(options: BlackBoxOptions): Promise<BlackBox> {
  const { signal } = options;
  signal?.throwIfAborted();
  const box = new BlackBox(options);
  const giveUp = (): void => void box.close();
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    await box.start();
    signal?.throwIfAborted();
    return box;
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
}
