import type { Located } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import type { Bundle } from '../domain/manifest.ts';
import type { DefectClass } from '../domain/verdict.ts';
import type { Clock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';
import { asSpectaError } from '../platform/errors.ts';
import { GrowingPause } from '../platform/growing-pause.ts';
import type { Logger } from '../platform/log.ts';
import type { EngineChoice } from '../vision/engine/engine.ts';
import { startVision, type Vision } from '../vision/vision.ts';

export type EngineState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready'; readonly vision: Vision }
  | { readonly kind: 'recovering'; readonly reason: string; readonly attempt: number }
  | { readonly kind: 'stopped' };

export interface SupervisedVisionOptions extends EngineChoice {
  readonly bundle: Bundle;
}

/** Vision that comes back: a worker that dies is started anew after growing pauses (1 s to 30 s). */
export class SupervisedVision {
  readonly changes = new Emitter<EngineState>();
  private readonly options: SupervisedVisionOptions;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly stopping = new AbortController();
  private readonly pause = new GrowingPause(1_000, 30_000);
  private current: EngineState = { kind: 'starting' };
  private recovery: Promise<void> | null = null;

  constructor(options: SupervisedVisionOptions, clock: Clock, log: Logger) {
    this.options = options;
    this.clock = clock;
    this.log = log;
  }

  get state(): EngineState {
    return this.current;
  }

  /** The engine that judges now; null while it is not ready. */
  get vision(): Vision | null {
    return this.current.kind === 'ready' ? this.current.vision : null;
  }

  /** As `Vision.locate`; while the engine is not ready nobody looks. */
  async locate(frame: Frame, defect: DefectClass): Promise<Located> {
    return this.vision?.locate(frame, defect) ?? { box: null, map: null, reason: 'engine-away' };
  }

  /** Loads and warms up. Rejects when the first start fails: a bundle that never served is not retried. */
  async start(): Promise<void> {
    await this.load();
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.stopping.abort();
    const { vision } = this;
    this.become({ kind: 'stopped' });
    await this.recovery;
    await vision?.close();
  }

  private async load(): Promise<void> {
    const vision = await startVision({ ...this.options, log: this.log, signal: this.stopping.signal });
    if (this.stopping.signal.aborted) {
      await vision.close();
      return;
    }
    vision.onFailure((error) => this.recover(error));
    this.become({ kind: 'ready', vision });
  }

  private recover(cause: unknown): void {
    if (this.current.kind !== 'ready' || this.stopping.signal.aborted) return;
    const failed = this.current.vision;
    this.become({ kind: 'recovering', reason: asSpectaError(cause).message, attempt: 1 });
    this.recovery = this.reload(failed, 1);
  }

  private async reload(failed: Vision, firstAttempt: number): Promise<void> {
    await failed.close();
    for (let attempt = firstAttempt; !this.stopping.signal.aborted; attempt += 1) {
      try {
        await this.clock.sleep(this.pause.take(), this.stopping.signal);
        await this.load();
        return;
      } catch (error) {
        if (this.stopping.signal.aborted) return;
        const { message, code } = asSpectaError(error);
        this.log.error({ code, attempt }, `the engine did not start again: ${message}`);
        this.become({ kind: 'recovering', reason: message, attempt: attempt + 1 });
      }
    }
  }

  /** Verdicts flow again: the next failure begins with a short pause. */
  proved(): void {
    this.pause.reset();
  }

  private become(state: EngineState): void {
    if (this.current.kind === 'stopped') return;
    this.current = state;
    this.changes.emit(state);
  }
}
