import type { Located } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import type { Bundle } from '../domain/manifest.ts';
import type { DefectClass, ModelReference } from '../domain/verdict.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';
import { asSpectaError, type SpectaError } from '../platform/errors.ts';
import { type Logger, silentLog } from '../platform/log.ts';
// This thread then holds the codec's binary as well: the last worker that ends would else unload it.
import { DEFAULT_DECODE_LIMITS, type DecodeLimits } from './decode.ts';
import type { EngineChoice } from './engine/engine.ts';
import { FrameOrder } from './frame-order.ts';
import { sharedSight } from './gates.ts';
import { NOBODY } from './search-calls.ts';
import { engineFailed, type Judgement, type LaneOptions, VisionLane } from './vision-lane.ts';
import type { VisionWorkerData } from './vision-messages.ts';

export type { Judgement } from './vision-lane.ts';

/** The vision workers: one thread or several, each with the same model, loaded, warm and proved on its golden inputs. */
export interface Vision {
  readonly model: ModelReference;
  /**
   * Frames that may be judged at the same time. A thread behind the first starts when frames have to wait again and
   * again: its memory is not taken before. Fewer than asked for once such a thread could not be started.
   */
  readonly lanes: number;
  /**
   * Judges one frame. Up to `lanes` at the same time, further ones wait; answers come in the order of the calls, and each
   * frame is compared with the one before it. The bytes of `frame` move to the worker, so the object given
   * must not be used again: use the one that comes back. Rejects for a frame that is no whole picture with that
   * picture's code (its bytes are gone then), with `ENGINE_FAILED` when a worker died or vision is closed.
   */
  judge(frame: Frame): Promise<Judgement>;
  /** As {@link judge}, for a picture that has nothing to do with the frames before and after it. */
  judgeStill(frame: Frame): Promise<Judgement>;
  /**
   * Looks where in a frame a defect is, in the gaps between the frames that are judged. The bytes of `frame` are copied.
   * Never rejects: what cannot be found out has its reason.
   */
  locate(frame: Frame, defect: DefectClass): Promise<Located>;
  /** Tells when a worker dies by itself or hangs, or has before, once; the returned function ends it. */
  onFailure(listener: (error: SpectaError) => void): () => void;
  /** Lets the frames that were given finish, frees the model, ends the threads. Idempotent. */
  close(): Promise<void>;
}

export interface VisionOptions extends EngineChoice {
  readonly bundle: Bundle;
  /** Most frames judged at the same time, each on its own thread with the model loaded once more. Default 1. */
  readonly lanes?: number;
  readonly limits?: DecodeLimits;
  /** So long frames must have had to wait again and again before a further lane is loaded, ms. Default 3 s. */
  readonly widenAfterMs?: number;
  /** True where each picture stands for itself: none is `frozen`, and there is one lane. Default false. */
  readonly stills?: boolean;
  /** A frame that takes longer is a hung engine, ms. Default 10 s. */
  readonly hangMs?: number;
  readonly log?: Logger;
  /** Ends a start in progress; later it does nothing. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

const HANG_MS = 10_000;
const WIDEN_AFTER_MS = 3_000;
/** When no frame has waited for so long, the lanes are enough, ms. */
const CALM_MS = 500;

interface Caller {
  readonly frame: Frame;
  readonly still: boolean;
  /** Why it is not judged, known when it came; null: it is. */
  readonly refusal: SpectaError | null;
  readonly resolve: (judgement: Judgement) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Starts vision: loads the model, warms it up, checks the golden inputs. Rejects with `BUNDLE_NOT_SERVABLE`, `PROVIDER_ABSENT`, `RUNTIME_UNSUPPORTED` (its library),
 * `GOLDEN_MISMATCH`, `ENGINE_FAILED`, or the signal's reason.
 */
export async function startVision(options: VisionOptions): Promise<Vision> {
  options.signal?.throwIfAborted();
  const order = FrameOrder.share();
  const stills = options.stills ?? false;
  const data: VisionWorkerData = {
    bundle: options.bundle,
    choice: choiceOf(options),
    limits: options.limits ?? DEFAULT_DECODE_LIMITS,
    stills,
    order,
    sight: sharedSight(options.bundle.manifest.input),
  };
  const vision = new LanedVision(data, options);
  await vision.start(options.signal);
  return vision;
}

/** Only what crosses to the thread. */
function choiceOf(options: VisionOptions): EngineChoice {
  const { engine = 'onnx', provider, threads, library = null } = options;
  const { providerOptions = {}, cacheFolder = null } = options;
  return { engine, provider, threads, library, providerOptions, cacheFolder };
}

class LanedVision implements Vision {
  private readonly data: VisionWorkerData;
  private readonly options: LaneOptions;
  private readonly order: FrameOrder;
  private readonly running: VisionLane[] = [];
  private readonly waiting: Caller[] = [];
  private readonly failures = new Emitter<SpectaError>();
  private readonly idle = new Emitter<void>();
  private readonly stopping = new AbortController();
  lanes: number;
  private reference: ModelReference | null = null;
  /** A lane behind the first, while it loads. */
  private loading: Promise<void> | null = null;
  private failure: SpectaError | null = null;
  private closing: Promise<void> | null = null;
  /** Number of the next frame. */
  private turn = 0;
  private inFlight = 0;
  private readonly widenAfterMs: number;
  /** Since when frames have had to wait again and again, and when one did last; monotonic ms. */
  private waitingSinceMs = Number.NEGATIVE_INFINITY;
  private waitedMs = Number.NEGATIVE_INFINITY;
  /** Settled when the answer to the call before has been given. */
  private told: Promise<void> = Promise.resolve();

  constructor(data: VisionWorkerData, options: VisionOptions) {
    const { clock, log, hangMs, lanes = 1, widenAfterMs = WIDEN_AFTER_MS } = options;
    this.data = data;
    this.widenAfterMs = widenAfterMs;
    this.lanes = data.stills ? 1 : lanes;
    this.order = new FrameOrder(data.order);
    this.options = {
      clock: clock ?? systemClock,
      log: log ?? silentLog(),
      hangMs: hangMs ?? HANG_MS,
      onFailure: (error) => this.fail(error),
    };
  }

  get model(): ModelReference {
    if (this.reference === null) throw new Error('vision has not started');
    return this.reference;
  }

  async start(signal: AbortSignal | undefined): Promise<void> {
    const first = await VisionLane.start(this.data, this.options, signal);
    this.reference = first.model;
    this.running.push(first);
    this.options.log.info(
      { model: first.model, runtime: first.runtime, lanes: this.lanes },
      `vision is ready: ${first.model.provider} by ${first.runtime}`,
    );
  }

  judge(frame: Frame): Promise<Judgement> {
    return this.queue(frame, false);
  }

  judgeStill(frame: Frame): Promise<Judgement> {
    return this.queue(frame, true);
  }

  async locate(frame: Frame, defect: DefectClass): Promise<Located> {
    if (this.failure || this.closing) return NOBODY;
    // Frames take the first lane that is free: the last one has the most gaps.
    return this.running.at(-1)?.locate(frame, defect) ?? NOBODY;
  }

  onFailure(listener: (error: SpectaError) => void): () => void {
    const { failure } = this;
    // Whoever comes late must hear of it as well.
    if (failure !== null) queueMicrotask(() => listener(failure));
    return this.failures.on(listener);
  }

  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  /** Frames that wait are a hiccup, or a start; when it goes on for seconds they are more than the lanes can do. */
  private frameWaits(): void {
    if (this.running.length >= this.lanes) return;
    const now = this.options.clock.now().monoMs;
    if (now - this.waitedMs > CALM_MS) this.waitingSinceMs = now;
    this.waitedMs = now;
    if (now - this.waitingSinceMs >= this.widenAfterMs) this.widen();
  }

  /** Starts one more lane, unless one is being started or there are enough. */
  private widen(): void {
    if (this.loading !== null || this.closing || this.running.length >= this.lanes) return;
    const { signal } = this.stopping;
    this.loading = VisionLane.start(this.data, this.options, signal)
      .then((lane) => {
        this.running.push(lane);
        this.loading = null;
        this.waitedMs = Number.NEGATIVE_INFINITY;
        this.next();
      })
      .catch((error: unknown) => {
        if (signal.aborted) return;
        // Those that run go on: starting vision anew would lose frames, and come here again.
        this.lanes = this.running.length;
        const { code, message } = asSpectaError(error);
        this.options.log.error(
          { code, lanes: this.lanes },
          `a further lane of vision did not start: ${message}`,
        );
      });
  }

  private queue(frame: Frame, still: boolean): Promise<Judgement> {
    return new Promise((resolve, reject) => {
      if (this.running.every(({ busy }) => busy)) this.frameWaits();
      const refusal = this.closing ? engineFailed('Vision is closed.') : null;
      this.waiting.push({ frame, still, refusal, resolve, reject });
      this.next();
    });
  }

  /** Gives frames that wait to lanes that are free. */
  private next(): void {
    for (;;) {
      const [caller] = this.waiting;
      if (!caller) break;
      const refusal = this.failure ?? caller.refusal;
      const lane = this.running.find(({ busy }) => !busy);
      if (refusal === null && !lane) return;
      this.waiting.shift();
      this.inFlight += 1;
      const answer = refusal !== null || !lane ? Promise.reject(refusal) : this.send(lane, caller);
      this.told = this.tell(caller, answer, this.told);
    }
    if (this.inFlight === 0) this.idle.emit();
  }

  private send(lane: VisionLane, { frame, still }: Caller): Promise<Judgement> {
    return lane.judge(frame, still ? null : this.turn, () => {
      if (!still) this.turn = FrameOrder.behind(this.turn);
    });
  }

  /** Answers the caller, but not before the one before was answered. Never rejects. */
  private async tell(caller: Caller, answer: Promise<Judgement>, before: Promise<void>): Promise<void> {
    let settle: () => void;
    try {
      const judgement = await answer;
      settle = () => caller.resolve(judgement);
    } catch (error) {
      settle = () => caller.reject(error);
    }
    this.inFlight -= 1;
    this.next();
    await before;
    settle();
  }

  private fail(error: SpectaError): void {
    if (this.failure !== null) return;
    this.failure = error;
    this.order.abandon();
    if (this.closing) {
      this.options.log.debug(error.message);
    } else {
      this.options.log.error({ code: error.code }, error.message);
      this.failures.emit(error);
    }
    this.next();
  }

  private async end(): Promise<void> {
    this.stopping.abort();
    await this.loading;
    await new Promise<void>((resolve) => {
      this.idle.on(resolve);
      this.next();
    });
    await Promise.all(this.running.map((lane) => lane.close()));
  }
}
