import type { Frame } from '../../domain/frame.ts';
import type { Bundle } from '../../domain/manifest.ts';
import type { Verdict } from '../../domain/verdict.ts';
import {
  newTrial,
  type TrialEvent,
  type TrialRules,
  type TrialState,
  trialAfter,
  trialProgress,
} from '../../model/trial.ts';
import type { Clock } from '../../platform/clock.ts';
import { Emitter } from '../../platform/emitter.ts';
import { asSpectaError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { Proof } from '../../vision/prove.ts';
import type { Vision } from '../../vision/vision.ts';
import { every } from '../every.ts';
import type { TrialRecord } from './trial-record.ts';

/** What a bundle must keep within when it is proved. */
export interface ProofLimits {
  /** Median time of one inference, ms. */
  readonly inferMs: number;
  readonly memoryBytes: number;
}

export interface TrialParts {
  readonly bundle: Bundle;
  readonly rules: TrialRules;
  readonly limits: ProofLimits;
  /** Each so many-th frame is shown to the model on trial. */
  readonly everyNth: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Proves the bundle where a crash harms nobody. */
  readonly prove: (signal: AbortSignal) => Promise<Proof>;
  /** Loads it beside the one that serves. */
  readonly load: (signal: AbortSignal) => Promise<Vision>;
  readonly record: TrialRecord;
}

const TICK_MS = 500;

function overLimit({ inferMs, memoryBytes }: Proof, limits: ProofLimits): string | null {
  if (inferMs > limits.inferMs) return `one inference takes ${inferMs.toFixed(0)} ms, ${limits.inferMs} may`;
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1_048_576)} MiB`;
  if (memoryBytes > limits.memoryBytes)
    return `it takes ${megabytes(memoryBytes)} of memory, ${megabytes(limits.memoryBytes)} may be taken`;
  return null;
}

/**
 * One bundle on trial in the running daemon: proved in a process of its own, loaded beside the one that serves, then
 * shown copies of live frames. Nobody waits for it, and nobody acts on what it says.
 */
export class TrialUnderWay {
  readonly changes = new Emitter<TrialState>();
  readonly bundle: Bundle;
  private readonly parts: TrialParts;
  private readonly stopping = new AbortController();
  private readonly over = Promise.withResolvers<void>();
  private current: TrialState;
  private shadow: Vision | null = null;
  private judging: Promise<void> | null = null;
  private frames = 0;
  private missed = 0;

  constructor(parts: TrialParts) {
    this.parts = parts;
    this.bundle = parts.bundle;
    this.current = newTrial(parts.clock.now().monoMs);
  }

  get state(): TrialState {
    return this.current;
  }

  /** 0 to 1. */
  get progress(): number {
    return trialProgress(this.current, this.parts.rules);
  }

  /** Frames that were due to be shown and were not, because the one before was still being judged. */
  get skipped(): number {
    return this.missed;
  }

  /** Why it failed; null unless it has. */
  get failure(): string | null {
    return this.current.kind === 'failed' ? this.current.reason : null;
  }

  /** Runs to its end: the loaded model when it has passed, null when it has failed and is closed. Once; never rejects. */
  async run(): Promise<Vision | null> {
    const { clock, log, record } = this.parts;
    const ticking = every(
      clock,
      TICK_MS,
      () => this.apply({ kind: 'tick', nowMs: clock.now().monoMs }),
      (error) => log.error({ error }, 'the time of a trial could not be told'),
    );
    const deaf = await this.begin().catch((error: unknown) => {
      this.end(asSpectaError(error).message);
      return (): void => undefined;
    });
    await this.over.promise;
    ticking.cancel();
    await this.judging;
    deaf();
    await record.close();
    const vision = this.shadow;
    log.info({ trial: this.bundle.manifest.version, state: this.current }, 'the trial is over');
    if (this.current.kind === 'passed') return vision;
    await vision?.close();
    return null;
  }

  /** A frame was judged by the model that serves. Its bytes are copied if it is to be shown; returns at once. */
  see(verdict: Verdict, frame: Frame): void {
    const vision = this.shadow;
    if (this.current.kind !== 'shadow' || vision === null) return;
    this.frames += 1;
    if (this.frames % this.parts.everyNth !== 0) return;
    if (this.judging !== null) {
      this.missed += 1;
      return;
    }
    const begin = this.parts.clock.now().monoMs;
    this.judging = this.show(vision, verdict, { ...frame, data: frame.data.slice() }, begin).finally(() => {
      this.judging = null;
    });
  }

  /** It cannot go on. Idempotent; once it is over it changes nothing. */
  end(reason: string): void {
    this.apply({ kind: 'end', reason });
  }

  private async begin(): Promise<() => void> {
    const { prove, load, limits, clock, log } = this.parts;
    const { signal } = this.stopping;
    const proof = await prove(signal);
    log.info({ trial: this.bundle.manifest.version, ...proof }, 'the bundle on trial is proved');
    const fault = overLimit(proof, limits);
    if (fault !== null) this.end(fault);
    signal.throwIfAborted();
    const vision = await load(signal);
    this.shadow = vision;
    this.apply({ kind: 'proved', nowMs: clock.now().monoMs });
    return vision.onFailure((error) => this.end(error.message));
  }

  private async show(vision: Vision, serving: Verdict, copy: Frame, begin: number): Promise<void> {
    const { clock, record } = this.parts;
    try {
      const { verdict } = await vision.judge(copy);
      const nowMs = clock.now().monoMs;
      record.add(serving, verdict, nowMs - begin);
      this.apply({
        kind: 'frame',
        nowMs,
        serving: serving.label,
        shadow: verdict.label,
        ms: nowMs - begin,
      });
    } catch (error) {
      const { message } = asSpectaError(error);
      this.parts.log.warn({ sequence: serving.frame.sequence }, `the model on trial failed: ${message}`);
      const nowMs = clock.now().monoMs;
      record.add(serving, null, nowMs - begin, message);
      this.apply({ kind: 'error', nowMs });
    }
  }

  private apply(event: TrialEvent): void {
    const before = this.current;
    this.current = trialAfter(before, event, this.parts.rules);
    if (this.current === before) return;
    if (this.current.kind === 'failed') this.stopping.abort(new Error(this.current.reason));
    if (this.current.kind === 'failed' || this.current.kind === 'passed') this.over.resolve();
    this.changes.emit(this.current);
  }
}
