import { randomUUID } from 'node:crypto';
import type { Worker } from 'node:worker_threads';
import type { OutboxDepth } from '../domain/outbox.ts';
import type { Clock } from '../platform/clock.ts';
import { Counters } from '../platform/counters.ts';
import { asSpectaError, type SpectaError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { RecordLimits } from './limits.ts';
import type { Answer, Body, RecordCounter, Report, RequestKind } from './protocol.ts';
import { RecordCondition } from './record-condition.ts';
import { RecordThread, type ThreadEvent } from './record-thread.ts';

export interface ClientOptions {
  readonly folder: string;
  readonly boot: string;
  readonly limits: RecordLimits;
  readonly log: Logger;
  readonly clock: Clock;
  readonly spawn: () => Worker;
}

const HEARTBEAT_MS = 1_000;
const TICK_MS = 60_000;
/** Pause between looks whether a failing disk works again. */
const PROBE_MS = 2_000;
const CLOSE_MS = 3_000;
const PICTURE_WORK: readonly RequestKind[] = ['still', 'annotate'];
const EMPTY: OutboxDepth = {
  waiting: { alert: 0, run: 0, image: 0 },
  bytes: 0,
  unheard: 0,
  oldestUtcMs: null,
  dropped: {},
};

/** Keeps the record worker going, watches what it answers, and tells how the record is. */
export class RecordClient {
  readonly counters = new Counters<RecordCounter>();
  readonly condition: RecordCondition;
  /** Names this opening of the record, so that its requests are told from those of another. */
  readonly session = randomUUID();
  private readonly options: ClientOptions;
  private readonly thread: RecordThread;
  private lastDepth = EMPTY;
  private opened = false;
  private ticking = false;
  private lastTickMonoMs: number;
  private cancelHeartbeat: () => void = () => undefined;
  private closed: Promise<void> | null = null;

  constructor(options: ClientOptions) {
    const { clock, boot, spawn, log } = options;
    this.options = options;
    this.thread = new RecordThread({ clock, boot, spawn });
    this.condition = new RecordCondition(clock);
    this.lastTickMonoMs = clock.now().monoMs;
    this.condition.onStatus(({ condition, reason }) => {
      if (condition === 'ok') log.info('record works again');
      else log.error({ condition, reason }, 'record');
    });
    this.thread.onEvent((event) => this.takeEvent(event));
  }

  /** Counts of the outbox after the last answered request. */
  get depth(): OutboxDepth {
    return this.lastDepth;
  }

  /** Pictures that wait to be saved or drawn. */
  get picturesWaiting(): number {
    return this.thread.count(PICTURE_WORK);
  }

  /** Starts the worker and opens the record; rejects only with `RECORD_SCHEMA_NEWER`. */
  async start(): Promise<void> {
    this.thread.start();
    try {
      await this.open();
    } catch (error) {
      await this.close(Promise.resolve());
      throw error;
    }
    if (!this.closed) this.beat();
  }

  /** Asks the worker and learns from the outcome how the disk is. */
  async ask<K extends RequestKind>(kind: K, body: Body<K>, transfer: ArrayBuffer[] = []): Promise<Answer<K>> {
    try {
      const answer = await this.thread.ask(kind, body, transfer);
      this.judge(kind, null);
      return answer;
    } catch (error) {
      const told = asSpectaError(error);
      this.judge(kind, told);
      throw told;
    }
  }

  /**
   * Ends the worker once `before` and what it was asked is done; a disk that does not answer is given up after 3 s.
   * Idempotent.
   */
  close(before: Promise<unknown>): Promise<void> {
    this.closed ??= this.finish(before);
    return this.closed;
  }

  private async finish(before: Promise<unknown>): Promise<void> {
    this.cancelHeartbeat();
    let cancel = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.options.clock.after(CLOSE_MS, resolve);
    });
    const flushed = before
      .then(() => this.thread.ask('close', {}))
      .catch((error: unknown) => this.options.log.warn({ error }, 'record closed without flushing'));
    await Promise.race([flushed, late]);
    cancel();
    await this.thread.stop();
  }

  private judge(kind: RequestKind, error: SpectaError | null): void {
    if (this.closed) return;
    const picture = PICTURE_WORK.includes(kind);
    if (error === null) {
      if (picture) this.condition.set('pictures', null);
      if (kind === 'commit' || kind === 'run') this.condition.set('database', null);
      return;
    }
    // An image that cannot be read says nothing of the disk.
    if (!/^(DISK|RECORD)_/.test(error.code)) return;
    this.condition.set(picture ? 'pictures' : 'database', `${error.code}: ${error.message} ${error.help}`);
  }

  private async open(): Promise<void> {
    const { folder, limits } = this.options;
    try {
      await this.thread.open({ folder, session: this.session, limits, sweep: !this.opened });
      this.condition.set('worker', null);
      this.condition.set('database', null);
    } catch (error) {
      const told = asSpectaError(error);
      if (told.code === 'RECORD_SCHEMA_NEWER') throw told;
      this.judge('open', told);
    }
    this.opened = true;
    this.thread.release();
  }

  private takeEvent(event: ThreadEvent): void {
    if (event.kind === 'report') {
      this.takeReport(event.report);
    } else if (event.kind === 'died') {
      this.counters.add('worker-died');
      this.condition.set('worker', event.reason);
    } else {
      this.open().catch((error: unknown) => this.condition.set('database', asSpectaError(error).message));
    }
  }

  private takeReport({ depth, counted, movedAside, stillsAside }: Report): void {
    if (depth) this.lastDepth = depth;
    for (const [reason, count] of counted) this.counters.add(reason, count);
    if (stillsAside !== null) {
      this.options.log.warn({ stillsAside }, 'stills without an index were put aside');
    }
    if (movedAside !== null) {
      this.condition.set(
        'damaged',
        `RECORD_CORRUPT: the record was damaged; it is kept as ${movedAside}, and a fresh one was begun.`,
      );
    }
  }

  private beat(): void {
    this.cancelHeartbeat = this.options.clock.after(HEARTBEAT_MS, () => {
      this.lookForStuck();
      this.tickWhenDue();
      this.beat();
    });
  }

  private lookForStuck(): void {
    const { stuckMs } = this.options.limits;
    const stuck = this.thread.oldestWaitMs() >= stuckMs;
    if (stuck && !this.condition.has('stuck')) this.counters.add('stuck');
    const reason = `The disk has not answered for ${stuckMs / 1000} s.`;
    this.condition.set('stuck', stuck ? reason : null);
  }

  private tickWhenDue(): void {
    const probe = this.condition.has('database') || this.condition.has('pictures');
    const { monoMs } = this.options.clock.now();
    if (this.ticking || monoMs - this.lastTickMonoMs < (probe ? PROBE_MS : TICK_MS)) return;
    this.ticking = true;
    this.lastTickMonoMs = monoMs;
    void this.tick(probe);
  }

  private async tick(probe: boolean): Promise<void> {
    try {
      const { noRoom } = await this.ask('tick', { probe });
      if (probe) {
        this.condition.set('database', null);
        this.condition.set('pictures', noRoom);
      }
    } catch {
      // The outcome is on the status already.
    } finally {
      this.ticking = false;
    }
  }
}
