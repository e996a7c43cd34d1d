import { Worker } from 'node:worker_threads';
import type { Located } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import type { DefectClass, ModelReference, Verdict } from '../domain/verdict.ts';
import type { Clock } from '../platform/clock.ts';
import { fromErrorRecord, SpectaError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import { NOBODY, SearchCalls } from './search-calls.ts';
import type { FromVisionWorker, ToVisionWorker, VisionWorkerData } from './vision-messages.ts';

const CLOSE_MS = 3_000;

/** A frame's verdict, with the frame itself, whose bytes are the caller's again. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly frame: Frame;
}

interface Pending {
  readonly frame: Frame;
  readonly resolve: (judgement: Judgement) => void;
  readonly reject: (error: SpectaError) => void;
  readonly cancelHang: () => void;
}

export interface LaneOptions {
  readonly hangMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called once when the thread dies by itself or hangs. */
  readonly onFailure: (error: SpectaError) => void;
}

export function engineFailed(message: string, cause?: unknown): SpectaError {
  return new SpectaError(
    'ENGINE_FAILED',
    message,
    'Vision is started anew by the daemon; if it fails again, look at memory and temperature.',
    cause,
  );
}

function bytesGone(frame: Frame, cause: unknown): SpectaError {
  return new SpectaError(
    'FRAME_INVALID',
    `The bytes of frame ${frame.sequence} (${frame.source}) cannot move to the vision worker: they are somebody else's.`,
    'Judge each frame once, and go on with the frame that comes back.',
    cause,
  );
}

/** The frame with bytes that can move alone: copied when they are a part of a larger buffer. */
function movable(frame: Frame): Frame {
  const { data } = frame;
  // A Buffer's slice would be a view.
  return data.byteLength === data.buffer.byteLength ? frame : { ...frame, data: new Uint8Array(data) };
}

/** One thread with one model, ready: judges one frame at a time. */
export class VisionLane {
  readonly model: ModelReference;
  readonly runtime: string;
  private readonly worker: Worker;
  private readonly options: LaneOptions;
  private readonly searches: SearchCalls;
  private readonly exited: Promise<void>;
  private pending: Pending | null = null;
  private failed = false;
  private closing: Promise<void> | null = null;

  private constructor(worker: Worker, ready: Ready, options: LaneOptions) {
    this.worker = worker;
    this.model = ready.model;
    this.runtime = ready.runtime;
    this.options = options;
    this.searches = new SearchCalls(worker, options.log);
    this.exited = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('message', (message: FromVisionWorker) => this.receive(message));
    worker.on('error', (error) =>
      this.fail(engineFailed(`The vision worker died: ${String(error)}.`, error)),
    );
    worker.on('exit', (code) => this.fail(engineFailed(`The vision worker ended (exit ${code}).`)));
  }

  /** Loads the model on a thread of its own. Rejects as `startVision`. */
  static async start(
    workerData: VisionWorkerData,
    options: LaneOptions,
    signal: AbortSignal | undefined,
  ): Promise<VisionLane> {
    const worker = new Worker(new URL('./vision-worker.ts', import.meta.url), {
      workerData,
      name: 'vision',
      // Frames lie outside its heap, and what a verdict leaves behind is small: room for more would only be held.
      resourceLimits: { maxYoungGenerationSizeMb: 6 },
      // A worker's own copy is not seen by native code, which asks the process.
      env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
    });
    return new VisionLane(worker, await whenReady(worker, signal), options);
  }

  get busy(): boolean {
    return this.pending !== null;
  }

  /**
   * Not while another frame is in flight. `began` is called when the frame's bytes are with the thread: from then on its
   * turn will pass, or the lane fails.
   */
  judge(given: Frame, turn: number | null, began: () => void): Promise<Judgement> {
    return new Promise((resolve, reject) => {
      const frame = movable(given);
      const message: ToVisionWorker = { kind: 'judge', frame, turn };
      try {
        this.worker.postMessage(message, [frame.data.buffer]);
      } catch (error) {
        reject(bytesGone(frame, error));
        return;
      }
      const { clock, hangMs } = this.options;
      const cancelHang = clock.after(hangMs, () => {
        this.fail(engineFailed(`Frame ${frame.sequence} took longer than ${hangMs} ms: the engine hangs.`));
        dismiss(this.worker);
      });
      this.pending = { frame, resolve, reject, cancelHang };
      began();
    });
  }

  /** As `Vision.locate`. */
  async locate(frame: Frame, defect: DefectClass): Promise<Located> {
    return this.failed || this.closing ? NOBODY : this.searches.ask(frame, defect);
  }

  /** Frees the model, ends the thread. Not while a frame is in flight, unless the lane has failed. Idempotent. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private receive(message: FromVisionWorker): void {
    if (message.kind === 'located') {
      this.searches.take(message);
      return;
    }
    const { pending } = this;
    if (!pending) {
      this.options.log.warn({ kind: message.kind }, 'vision: an answer nobody waits for');
      return;
    }
    this.settle();
    if (message.kind === 'verdict') {
      pending.resolve({ verdict: message.verdict, frame: { ...pending.frame, data: message.data } });
    } else if (message.kind === 'refused') {
      pending.reject(fromErrorRecord(message.error));
    } else {
      pending.reject(engineFailed(`The vision worker answered a frame with "${message.kind}".`));
    }
  }

  private settle(): void {
    this.pending?.cancelHang();
    this.pending = null;
  }

  private fail(error: SpectaError): void {
    const { pending } = this;
    this.settle();
    pending?.reject(error);
    this.searches.giveUp();
    if (this.failed) return;
    this.failed = true;
    if (this.closing) this.options.log.debug(error.message);
    else this.options.onFailure(error);
  }

  private async end(): Promise<void> {
    if (!this.failed) dismiss(this.worker);
    await Promise.race([this.exited, this.patience()]);
  }

  /** Resolves when the thread has had its time to end; a thread that hangs is left behind, holding nothing up. */
  private patience(): Promise<void> {
    const { clock, log } = this.options;
    return new Promise((resolve) => {
      const cancel = clock.after(CLOSE_MS, () => {
        log.warn(`the vision worker did not end within ${CLOSE_MS} ms: left behind`);
        this.worker.unref();
        resolve();
      });
      void this.exited.then(cancel);
    });
  }
}

/**
 * Asks the thread to end. It is never terminated: a thread that is torn out of native code (ONNX Runtime, libjpeg)
 * takes the whole process with it.
 */
function dismiss(worker: Worker): void {
  const message: ToVisionWorker = { kind: 'close' };
  worker.postMessage(message);
}

type Ready = FromVisionWorker & { readonly kind: 'ready' };

function whenReady(worker: Worker, signal: AbortSignal | undefined): Promise<Ready> {
  return new Promise((resolve, reject) => {
    let failure: unknown = null;
    const settle = (): void => {
      signal?.removeEventListener('abort', onAbort);
      worker.off('message', onMessage);
      worker.off('error', onError);
      worker.off('exit', onExit);
    };
    const onAbort = (): void => {
      failure ??= signal?.reason;
      dismiss(worker);
    };
    const onMessage = (message: FromVisionWorker): void => {
      if (message.kind === 'failed') failure ??= fromErrorRecord(message.error);
      if (message.kind !== 'ready' || failure !== null) return;
      settle();
      resolve(message);
    };
    const onError = (error: unknown): void => {
      failure ??= engineFailed(`Vision did not start: ${String(error)}.`, error);
    };
    // Told at the end only: whoever starts vision again, or exits, finds no half-loaded thread beside.
    const onExit = (code: number): void => {
      settle();
      reject(failure ?? engineFailed(`Vision ended while starting (exit ${code}).`));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.on('exit', onExit);
  });
}
