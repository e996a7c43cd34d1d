import { Worker } from 'node:worker_threads';
import type { Clock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';
import { asSpectaError, fromErrorRecord, SpectaError } from '../platform/errors.ts';
import { GrowingPause } from '../platform/growing-pause.ts';
import type { Stamp } from './message.ts';
import type { Answer, AnswerLetter, Body, Report, RequestKind } from './protocol.ts';

interface Waiting {
  readonly id: number;
  readonly kind: RequestKind;
  readonly body: Body<RequestKind>;
  readonly stamp: Stamp;
  readonly sentMonoMs: number;
  /** The body's bytes were handed over: it cannot be given to another worker. */
  readonly once: boolean;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: SpectaError) => void;
}

/** What happens to the thread apart from answers. */
export type ThreadEvent =
  | { readonly kind: 'report'; readonly report: Report }
  | { readonly kind: 'died'; readonly reason: string }
  /** A new worker runs; the record must be opened in it before anything else. */
  | { readonly kind: 'restarted' };

export interface ThreadOptions {
  readonly clock: Clock;
  readonly boot: string;
  readonly spawn: () => Worker;
}

const FIRST_PAUSE_MS = 100;
const MOST_PAUSE_MS = 10_000;

/** The record worker as the product starts it. */
export function spawnRecordWorker(): Worker {
  return new Worker(new URL('./record-worker.ts', import.meta.url), { name: 'specta-record' });
}

/**
 * The way to the record worker: letters out, answers back. A worker that dies is started anew, and every request
 * that it did not answer is given again in order, but for pictures, whose bytes went with it.
 */
export class RecordThread {
  private readonly options: ThreadOptions;
  private readonly events = new Emitter<ThreadEvent>();
  private readonly waiting = new Map<number, Waiting>();
  private readonly pause = new GrowingPause(FIRST_PAUSE_MS, MOST_PAUSE_MS);
  private worker: Worker | null = null;
  /** While a new worker is opening, other requests wait. */
  private ready = false;
  private cancelRestart: (() => void) | null = null;
  private ended = false;
  private lastId = 0;

  constructor(options: ThreadOptions) {
    this.options = options;
  }

  onEvent(listener: (event: ThreadEvent) => void): () => void {
    return this.events.on(listener);
  }

  /** Requests of these kinds that wait for their answer. */
  count(kinds: readonly RequestKind[]): number {
    let count = 0;
    for (const { kind } of this.waiting.values()) if (kinds.includes(kind)) count++;
    return count;
  }

  /** How long the oldest unanswered request has waited, ms; 0 when there is none. */
  oldestWaitMs(): number {
    const [oldest] = this.waiting.values();
    return oldest ? this.options.clock.now().monoMs - oldest.sentMonoMs : 0;
  }

  /** Starts a worker. One that cannot be had (no thread, no memory) counts as one that died at once. */
  start(): void {
    let worker: Worker;
    try {
      worker = this.options.spawn();
    } catch (error) {
      this.died(asSpectaError(error).message);
      return;
    }
    this.worker = worker;
    let failure: unknown = null;
    worker.on('message', (letter: AnswerLetter) => {
      if (this.worker === worker) this.take(letter);
    });
    worker.on('error', (error) => {
      failure = error;
    });
    worker.on('exit', (code) => {
      if (this.worker !== worker) return;
      const why = failure === null ? `it exited with ${code}` : asSpectaError(failure).message;
      this.died(why);
    });
  }

  /** Lets requests through, those that wait first. Called once the record is open, or has failed to. */
  release(): void {
    if (this.worker === null) return;
    this.ready = true;
    for (const letter of this.waiting.values()) this.post(letter, []);
  }

  /** Opens the record in the worker: the only request that does not wait for {@link release}. */
  open(body: Body<'open'>): Promise<Answer<'open'>> {
    return this.request('open', body, [], true);
  }

  /**
   * Asks the worker. Rejects with the SpectaError that the worker gave.
   *
   * @param transfer buffers of the body that are handed over; such a request is not given again
   */
  ask<K extends RequestKind>(kind: K, body: Body<K>, transfer: ArrayBuffer[] = []): Promise<Answer<K>> {
    if (this.ended) return Promise.reject(closedError());
    return this.request(kind, body, transfer, this.ready);
  }

  /** Ends the thread; whatever still waits is rejected. Idempotent. */
  async stop(): Promise<void> {
    this.ended = true;
    this.cancelRestart?.();
    const worker = this.worker;
    this.worker = null;
    for (const { reject } of this.waiting.values()) reject(closedError());
    this.waiting.clear();
    await worker?.terminate();
  }

  private request<K extends RequestKind>(
    kind: K,
    body: Body<K>,
    transfer: ArrayBuffer[],
    now: boolean,
  ): Promise<Answer<K>> {
    return new Promise((resolve, reject) => {
      const { monoMs, utcMs } = this.options.clock.now();
      const letter: Waiting = {
        id: ++this.lastId,
        kind,
        body,
        stamp: { boot: this.options.boot, monoMs, utcMs },
        sentMonoMs: monoMs,
        once: transfer.length > 0,
        resolve: (answer) => resolve(answer as Answer<K>),
        reject,
      };
      this.waiting.set(letter.id, letter);
      if (now) this.post(letter, transfer);
    });
  }

  private post({ id, kind, body, stamp }: Waiting, transfer: ArrayBuffer[]): void {
    this.worker?.postMessage({ id, kind, body, stamp }, transfer);
  }

  private take(letter: AnswerLetter): void {
    const asked = this.waiting.get(letter.id);
    this.waiting.delete(letter.id);
    this.events.emit({ kind: 'report', report: letter.report });
    if (!asked) return;
    if (asked.kind !== 'open') this.pause.reset();
    if (letter.ok) asked.resolve(letter.answer);
    else asked.reject(fromErrorRecord(letter.error));
  }

  private died(why: string): void {
    this.worker = null;
    this.ready = false;
    const error = new SpectaError(
      'DISK_FAILED',
      `The record worker died: ${why}.`,
      'It is started again by itself; see the log for what it met.',
    );
    for (const [id, asked] of this.waiting) {
      if (!asked.once && asked.kind !== 'open') continue;
      this.waiting.delete(id);
      asked.reject(error);
    }
    this.events.emit({ kind: 'died', reason: error.message });
    if (this.ended) return;
    this.cancelRestart = this.options.clock.after(this.pause.take(), () => {
      this.start();
      if (this.worker !== null) this.events.emit({ kind: 'restarted' });
    });
  }
}

function closedError(): SpectaError {
  return new SpectaError(
    'RECORD_BUSY',
    'The record is closed.',
    'Nothing: SPECTA is stopping and takes no more.',
  );
}
