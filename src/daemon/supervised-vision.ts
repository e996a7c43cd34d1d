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
import { startVision, type Vision, type VisionOptions } from '../vision/vision.ts';

export type EngineState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready'; readonly vision: Vision }
  | { readonly kind: 'recovering'; readonly reason: string; readonly attempt: number }
  | { readonly kind: 'stopped' };

export interface SupervisedVisionOptions extends EngineChoice, Pick<VisionOptions, 'hangMs'> {
  readonly bundle: Bundle;
  /** As `VisionOptions.lanes`. */
  readonly lanes?: number;
}

/** Vision that comes back: a worker that dies is started anew after growing pauses (1 s to 30 s). */
export class SupervisedVision {
  readonly changes = new Emitter<EngineState>();
  private options: SupervisedVisionOptions;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly stopping = new AbortController();
  private readonly pause = new GrowingPause(1_000, 30_000);
  private current: EngineState = { kind: 'starting' };
  private recovery: Promise<void> | null = null;
  /** Ends the recovery under way. */
  private recovering = new AbortController();

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

  /**
   * Loads and warms up. Rejects when the first start fails: a bundle that never served is not retried.
   *
   * @param bundle another one than it was made with
   */
  async start(bundle: Bundle = this.options.bundle): Promise<void> {
    this.options = { ...this.options, bundle };
    await this.load();
  }

  /**
   * Serves another bundle from now on: the next frame is judged by `vision`, which is loaded, warm and proved. Resolves
   * when the one before is closed, which lets its frame in flight finish. After a stop it only closes `vision`.
   */
  async adopt(vision: Vision, bundle: Bundle): Promise<void> {
    if (this.stopping.signal.aborted) {
      await vision.close();
      return;
    }
    const before = this.vision;
    this.recovering.abort();
    this.options = { ...this.options, bundle };
    this.pause.reset();
    this.serve(vision);
    await this.recovery;
    await before?.close();
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.recovering.abort();
    const { vision } = this;
    this.become({ kind: 'stopped' });
    await this.recovery;
    await vision?.close();
  }

  private async load(signal: AbortSignal = this.stopping.signal): Promise<void> {
    const vision = await startVision({ ...this.options, log: this.log, signal });
    if (signal.aborted) {
      await vision.close();
      return;
    }
    this.serve(vision);
  }

  private serve(vision: Vision): void {
    vision.onFailure((error) => this.recover(vision, error));
    this.become({ kind: 'ready', vision });
  }

  private recover(failed: Vision, cause: unknown): void {
    if (this.vision !== failed || this.stopping.signal.aborted) return;
    this.recovering = new AbortController();
    this.become({ kind: 'recovering', reason: asSpectaError(cause).message, attempt: 1 });
    this.recovery = this.reload(failed, this.recovering.signal);
  }

  private async reload(failed: Vision, signal: AbortSignal): Promise<void> {
    await failed.close();
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await this.clock.sleep(this.pause.take(), signal);
        await this.load(signal);
        return;
      } catch (error) {
        if (signal.aborted) return;
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
