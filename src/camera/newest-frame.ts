import type { Frame } from '../domain/frame.ts';
import type { Instant } from '../domain/time.ts';
import type { Clock } from '../platform/clock.ts';
import { Counters } from '../platform/counters.ts';
import { Emitter } from '../platform/emitter.ts';
import { SpectaError } from '../platform/errors.ts';
import { GrowingPause } from '../platform/growing-pause.ts';
import type { Logger } from '../platform/log.ts';
import type { CameraState, FrameDrop, FrameSource } from './frame-source.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** What every camera is given. */
export interface CameraDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

/** An image before the source numbers it and says when it came. */
export type SeenImage = Omit<Frame, 'sequence' | 'capturedAt'>;

/** How one opening of a camera came to its end: for good, to begin again at once, or lost and to be tried again. */
export type StreamEnd =
  | { readonly kind: 'ended' }
  | { readonly kind: 'again' }
  | { readonly kind: 'lost'; readonly reason: string };

interface Taker {
  give(frame: Frame | null): void;
}

/**
 * What all kinds of camera share: the place where the newest frame waits, the counts, the states, and the loop that
 * opens a lost camera anew with growing pauses. A kind says what `prepare` checks and what `stream` reads.
 */
export abstract class NewestFrameSource implements FrameSource {
  readonly uri: string;
  protected readonly clock: Clock;
  protected readonly log: Logger;
  private current: CameraState = { kind: 'idle' };
  private readonly states = new Emitter<CameraState>();
  private readonly dropped = new Counters<FrameDrop>();
  private readonly takers = new Set<Taker>();
  private readonly stopping = new AbortController();
  private waiting: Frame | null = null;
  private taken: (() => void) | null = null;
  private seen = 0;
  private offered = 0;
  private handedOut = 0;
  private starting: Promise<void> | null = null;
  private streaming: Promise<void> = Promise.resolve();
  private stopped: Promise<void> | null = null;

  constructor(uri: string, deps: CameraDeps) {
    this.uri = uri;
    this.clock = deps.clock;
    this.log = deps.log;
  }

  /** Checks what retrying cannot mend; throws a `SpectaError`, which `start` passes on. */
  protected abstract prepare(): Promise<void>;

  /**
   * Opens the camera and offers its images until it ends, is lost, or `signal` aborts; frees all it opened before it
   * returns. What it throws counts as lost.
   */
  protected abstract stream(signal: AbortSignal): Promise<StreamEnd>;

  get mode(): string | null {
    return null;
  }

  get waits(): boolean {
    return false;
  }

  get state(): CameraState {
    return this.current;
  }

  get delivered(): number {
    return this.handedOut;
  }

  get drops(): Readonly<Partial<Record<FrameDrop, number>>> {
    return this.dropped.snapshot();
  }

  start(): Promise<void> {
    if (this.stopping.signal.aborted) return Promise.reject(stoppedForGood(this.uri));
    this.starting ??= this.begin();
    return this.starting;
  }

  next(signal?: AbortSignal): Promise<Frame | null> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const frame = this.waiting;
    if (frame !== null) {
      this.waiting = null;
      this.handedOut += 1;
      this.makeRoom();
      return Promise.resolve(frame);
    }
    if (this.stopping.signal.aborted || this.current.kind === 'stopped') return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.takers.delete(taker);
        reject(signal?.reason);
      };
      const taker: Taker = {
        give: (given) => {
          this.takers.delete(taker);
          signal?.removeEventListener('abort', onAbort);
          resolve(given);
        },
      };
      this.takers.add(taker);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  onState(listener: (state: CameraState) => void): () => void {
    return this.states.on(listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Numbers the image and puts it where `next` finds it, in place of an older one. The camera is then streaming. */
  protected offer(image: SeenImage, capturedAt: Instant = this.clock.now()): void {
    if (this.stopping.signal.aborted) {
      this.drop('stopped');
      return;
    }
    const frame: Frame = { ...image, sequence: this.seen, capturedAt };
    this.seen += 1;
    this.offered += 1;
    const [taker] = this.takers;
    if (taker) {
      this.handedOut += 1;
      taker.give(frame);
    } else {
      if (this.waiting !== null) this.dropped.add('superseded');
      this.waiting = frame;
    }
    if (this.current.kind !== 'streaming') this.become({ kind: 'streaming' });
  }

  /** Counts images that cannot be offered; each takes a sequence number, so that the gap shows. */
  protected drop(reason: FrameDrop, images = 1): void {
    this.seen += images;
    this.dropped.add(reason, images);
  }

  /** The pause before a lost camera is opened anew; it ends early at the stop. */
  protected async rest(ms: number, signal: AbortSignal): Promise<void> {
    // The only rejection of a sleep is the abort, which the caller looks at.
    await this.clock.sleep(ms, signal).catch(() => undefined);
  }

  /** Resolves when no frame waits, or at the stop: by it a pulled source hands out every image. */
  protected whenTaken(): Promise<void> {
    if (this.waiting === null || this.stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.taken = resolve;
    });
  }

  /** Counts so far: images offered, and images that were bad. */
  protected counts(): { readonly offered: number; readonly bad: number } {
    const bad = (['corrupt', 'oversized', 'flagged'] as const).map((reason) => this.dropped.get(reason));
    return { offered: this.offered, bad: bad.reduce((total, count) => total + count) };
  }

  private async begin(): Promise<void> {
    this.become({ kind: 'starting' });
    try {
      await this.prepare();
    } catch (error) {
      this.starting = null;
      if (!this.stopping.signal.aborted) this.become({ kind: 'idle' });
      throw error;
    }
    if (!this.stopping.signal.aborted) this.streaming = this.keepStreaming(this.stopping.signal);
  }

  private async keepStreaming(signal: AbortSignal): Promise<void> {
    const pause = new GrowingPause(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    let attempt = 0;
    while (!signal.aborted) {
      const before = this.offered;
      const end = await this.stream(signal).catch(lostBy);
      if (signal.aborted || end.kind === 'again') continue;
      if (end.kind === 'ended') {
        this.log.info({ camera: this.uri }, 'camera ended');
        this.become({ kind: 'stopped', reason: 'ended' });
        for (const taker of [...this.takers]) taker.give(null);
        return;
      }
      if (this.offered > before) {
        attempt = 0;
        pause.reset();
      }
      attempt += 1;
      const pauseMs = pause.take();
      this.log.warn({ camera: this.uri, attempt, pauseMs, reason: end.reason }, 'camera lost');
      this.become({ kind: 'recovering', reason: end.reason, attempt });
      await this.rest(pauseMs, signal);
    }
  }

  private async end(): Promise<void> {
    this.stopping.abort();
    if (this.waiting !== null) {
      this.waiting = null;
      this.dropped.add('stopped');
    }
    this.makeRoom();
    for (const taker of [...this.takers]) taker.give(null);
    // Whoever called start is told of its failure; here only its end matters.
    await this.starting?.catch(() => undefined);
    await this.streaming;
    if (this.current.kind !== 'stopped') this.become({ kind: 'stopped', reason: 'requested' });
  }

  private makeRoom(): void {
    const taken = this.taken;
    this.taken = null;
    taken?.();
  }

  private become(state: CameraState): void {
    this.current = state;
    this.states.emit(state);
  }
}

function lostBy(error: unknown): StreamEnd {
  return { kind: 'lost', reason: error instanceof Error ? error.message : String(error) };
}

function stoppedForGood(uri: string): SpectaError {
  return new SpectaError(
    'CAMERA_FAILED',
    `The camera ${uri} was stopped and cannot be started again.`,
    'Open the camera anew.',
  );
}
