import { Worker } from 'node:worker_threads';
import type { Located } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import type { Bundle } from '../domain/manifest.ts';
import type { DefectClass, ModelReference, Verdict } from '../domain/verdict.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';
import { fromErrorRecord, SpectaError } from '../platform/errors.ts';
import { type Logger, silentLog } from '../platform/log.ts';
import { DEFAULT_DECODE_LIMITS, type DecodeLimits } from './decode.ts';
import type { EngineChoice } from './engine/engine.ts';
import { NOBODY, SearchCalls } from './search-calls.ts';
import type { FromVisionWorker, ToVisionWorker, VisionWorkerData } from './vision-messages.ts';

/** A frame's verdict, with the frame itself, whose bytes are the caller's again. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly frame: Frame;
}

/** The vision worker: one thread with one model, loaded, warm and proved on its golden inputs. */
export interface Vision {
  readonly model: ModelReference;
  /**
   * Judges one frame; a second call waits for the first. The bytes of `frame` move to the worker, so the object given
   * must not be used again: use the one that comes back. Rejects for a frame that is no whole picture with that
   * picture's code (its bytes are gone then), with `ENGINE_FAILED` when the worker died or vision is closed.
   */
  judge(frame: Frame): Promise<Judgement>;
  /** As {@link judge}, for a picture that has nothing to do with the frames before and after it. */
  judgeStill(frame: Frame): Promise<Judgement>;
  /**
   * Looks where in a frame a defect is, in the gaps between the frames that are judged. The bytes of `frame` are copied.
   * Never rejects: what cannot be found out has its reason.
   */
  locate(frame: Frame, defect: DefectClass): Promise<Located>;
  /** Tells when the worker dies by itself or hangs, or has before, once; the returned function ends it. */
  onFailure(listener: (error: SpectaError) => void): () => void;
  /** Lets the frame in flight finish, frees the model, ends the thread. Idempotent. */
  close(): Promise<void>;
}

export interface VisionOptions extends EngineChoice {
  readonly bundle: Bundle;
  readonly limits?: DecodeLimits;
  /** True where each picture stands for itself: none is `frozen`. Default false. */
  readonly stills?: boolean;
  /** A frame that takes longer is a hung engine, ms. Default 10 s. */
  readonly hangMs?: number;
  readonly log?: Logger;
  /** Ends a start in progress; later it does nothing. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

const HANG_MS = 10_000;
const CLOSE_MS = 3_000;

interface Caller {
  readonly frame: Frame;
  readonly still: boolean;
  readonly resolve: (judgement: Judgement) => void;
  readonly reject: (error: SpectaError) => void;
}

interface Pending extends Caller {
  readonly cancelHang: () => void;
}

function engineFailed(message: string, cause?: unknown): SpectaError {
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
  return data.byteLength === data.buffer.byteLength ? frame : { ...frame, data: data.slice() };
}

/**
 * Starts the vision worker: loads the model, warms it up, checks the golden inputs. Rejects with
 * `BUNDLE_NOT_SERVABLE`, `PROVIDER_ABSENT`, `RUNTIME_UNSUPPORTED` (its library), `GOLDEN_MISMATCH`, `ENGINE_FAILED`, or the
 * signal's reason.
 */
export async function startVision(options: VisionOptions): Promise<Vision> {
  options.signal?.throwIfAborted();
  const workerData: VisionWorkerData = {
    bundle: options.bundle,
    choice: choiceOf(options),
    limits: options.limits ?? DEFAULT_DECODE_LIMITS,
    stills: options.stills ?? false,
  };
  const worker = new Worker(new URL('./vision-worker.ts', import.meta.url), {
    workerData,
    name: 'vision',
    // A worker's own copy is not seen by native code, which asks the process.
    env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
  });
  const { model, runtime } = await whenReady(worker, options.signal);
  options.log?.info({ model, runtime }, `vision is ready: ${model.provider} by ${runtime}`);
  return new WorkerVision(worker, model, options);
}

/**
 * Asks the thread to end. It is never terminated: a thread that is torn out of native code (ONNX Runtime, libjpeg)
 * takes the whole process with it.
 */
function dismiss(worker: Worker): void {
  const message: ToVisionWorker = { kind: 'close' };
  worker.postMessage(message);
}

/** Only what crosses to the thread. */
function choiceOf(options: VisionOptions): EngineChoice {
  const { engine = 'onnx', provider, threads, library = null } = options;
  const { providerOptions = {}, cacheFolder = null } = options;
  return { engine, provider, threads, library, providerOptions, cacheFolder };
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

type State = { readonly kind: 'serving' } | { readonly kind: 'failed'; readonly error: SpectaError };

class WorkerVision implements Vision {
  readonly model: ModelReference;
  private readonly worker: Worker;
  private readonly failures = new Emitter<SpectaError>();
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly hangMs: number;
  private readonly exited: Promise<void>;
  private state: State = { kind: 'serving' };
  private pending: Pending | null = null;
  private readonly waiting: Caller[] = [];
  private readonly searches: SearchCalls;
  private readonly idle = new Emitter<void>();
  private closing: Promise<void> | null = null;

  constructor(worker: Worker, model: ModelReference, options: VisionOptions) {
    this.worker = worker;
    this.model = model;
    this.clock = options.clock ?? systemClock;
    this.log = options.log ?? silentLog();
    this.hangMs = options.hangMs ?? HANG_MS;
    this.searches = new SearchCalls(worker, this.log);
    this.exited = new Promise((resolve) => worker.once('exit', () => resolve()));
    worker.on('message', (message: FromVisionWorker) => this.receive(message));
    worker.on('error', (error) =>
      this.fail(engineFailed(`The vision worker died: ${String(error)}.`, error)),
    );
    worker.on('exit', (code) => this.fail(engineFailed(`The vision worker ended (exit ${code}).`)));
  }

  judge(frame: Frame): Promise<Judgement> {
    return this.queue(frame, false);
  }

  judgeStill(frame: Frame): Promise<Judgement> {
    return this.queue(frame, true);
  }

  async locate(frame: Frame, defect: DefectClass): Promise<Located> {
    return this.state.kind === 'failed' || this.closing ? NOBODY : this.searches.ask(frame, defect);
  }

  onFailure(listener: (error: SpectaError) => void): () => void {
    const { state } = this;
    // Whoever comes late must hear of it as well.
    if (state.kind === 'failed') queueMicrotask(() => listener(state.error));
    return this.failures.on(listener);
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private queue(frame: Frame, still: boolean): Promise<Judgement> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ frame, still, resolve, reject });
      this.next();
    });
  }

  /** Sends the first frame that waits, if none is in flight. */
  private next(): void {
    if (this.pending) return;
    const caller = this.waiting.shift();
    if (!caller) {
      this.idle.emit();
      return;
    }
    if (this.state.kind === 'failed') this.refuse(caller, this.state.error);
    else if (this.closing) this.refuse(caller, engineFailed('Vision is closed.'));
    else this.send(caller);
  }

  private refuse(caller: Caller, error: SpectaError): void {
    caller.reject(error);
    this.next();
  }

  private send(caller: Caller): void {
    const frame = movable(caller.frame);
    const cancelHang = this.clock.after(this.hangMs, () => {
      this.fail(
        engineFailed(`Frame ${frame.sequence} took longer than ${this.hangMs} ms: the engine hangs.`),
      );
      dismiss(this.worker);
    });
    this.pending = { ...caller, frame, cancelHang };
    const message: ToVisionWorker = { kind: 'judge', frame, still: caller.still };
    try {
      this.worker.postMessage(message, [frame.data.buffer]);
    } catch (error) {
      this.settle();
      this.refuse(caller, bytesGone(frame, error));
    }
  }

  private receive(message: FromVisionWorker): void {
    if (message.kind === 'located') {
      this.searches.take(message);
      return;
    }
    const { pending } = this;
    if (!pending) {
      this.log.warn({ kind: message.kind }, 'vision: an answer nobody waits for');
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
    this.next();
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
    if (this.state.kind === 'serving') {
      this.state = { kind: 'failed', error };
      if (this.closing) {
        this.log.debug(error.message);
      } else {
        this.log.error({ code: error.code }, error.message);
        this.failures.emit(error);
      }
    }
    this.next();
  }

  private async end(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.idle.on(resolve);
      this.next();
    });
    if (this.state.kind === 'serving') dismiss(this.worker);
    await Promise.race([this.exited, this.patience()]);
  }

  /** Resolves when the thread has had its time to end; a thread that hangs is left behind, holding nothing up. */
  private patience(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.clock.after(CLOSE_MS, () => {
        this.log.warn(`the vision worker did not end within ${CLOSE_MS} ms: left behind`);
        this.worker.unref();
        resolve();
      });
      void this.exited.then(cancel);
    });
  }
}
