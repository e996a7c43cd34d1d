import type { FrameSource } from '../camera/frame-source.ts';
import type { Frame } from '../domain/frame.ts';
import type { Verdict } from '../domain/verdict.ts';
import { Counters } from '../platform/counters.ts';
import { asSpectaError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { Judgement, Vision } from '../vision/vision.ts';
import type { SupervisedVision } from './supervised-vision.ts';

/**
 * Why a frame that the camera gave never became a verdict, or its verdict was not dealt with (`verdict-faulty`).
 * `thinned`: left out to spare a board that is hot or slowed.
 */
export type LoopDrop = 'engine-away' | 'engine-failed' | 'picture-refused' | 'verdict-faulty' | 'thinned';

interface LoopParts {
  readonly camera: FrameSource;
  readonly vision: Pick<SupervisedVision, 'vision' | 'proved'>;
  readonly log: Logger;
  readonly onVerdict: (verdict: Verdict, frame: Frame) => void;
  /** Every so many-th frame is judged; absent: every one. */
  readonly stride?: () => number;
  readonly onThinned?: () => void;
}

/** A frame of footage that waits anyway is at hand when a lane becomes free; one of a camera would only grow old. */
const AHEAD = 1;

/**
 * Camera to verdicts, newest frame first, as many at the same time as vision has lanes, told in the order in which they
 * were captured. It waits for the camera and the engine, nothing else.
 */
export class FrameLoop {
  private readonly parts: LoopParts;
  private readonly drops = new Counters<LoopDrop>();
  private readonly inFlight = new Set<Promise<void>>();
  /** Frames left out since the last one that was not. */
  private thinned = 0;
  /** Which engine the frames in flight are with. */
  private serving: Vision | null = null;

  constructor(parts: LoopParts) {
    this.parts = parts;
  }

  get dropped(): Readonly<Partial<Record<LoopDrop, number>>> {
    return this.drops.snapshot();
  }

  /** Runs until the camera has ended or was stopped. */
  async run(): Promise<void> {
    const { camera, vision } = this.parts;
    const ahead = camera.waits ? AHEAD : 0;
    for (;;) {
      await this.untilFewer((vision.vision?.lanes ?? 1) + ahead);
      const frame = await camera.next();
      if (frame === null) break;
      if (this.leavesOut()) continue;
      const engine = vision.vision;
      // Verdicts of two engines must not come in each other's order.
      if (engine !== this.serving) await this.untilFewer(1);
      this.serving = engine;
      if (engine === null) this.drops.add('engine-away');
      else this.begin(engine, frame);
    }
    await this.untilFewer(1);
  }

  private leavesOut(): boolean {
    const { stride, onThinned } = this.parts;
    if (this.thinned + 1 >= (stride?.() ?? 1)) {
      this.thinned = 0;
      return false;
    }
    this.thinned += 1;
    this.drops.add('thinned');
    onThinned?.();
    return true;
  }

  private begin(engine: Vision, frame: Frame): void {
    const judging: Promise<void> = this.judge(engine, frame).finally(() => this.inFlight.delete(judging));
    this.inFlight.add(judging);
  }

  /** Waits until fewer than `most` frames are in flight. */
  private async untilFewer(most: number): Promise<void> {
    while (this.inFlight.size >= most) await Promise.race(this.inFlight);
  }

  private async judge(engine: Vision, given: Frame): Promise<void> {
    const { log, vision, onVerdict } = this.parts;
    const { sequence, source } = given;
    let judgement: Judgement;
    try {
      judgement = await engine.judge(given);
    } catch (error) {
      const { code, message } = asSpectaError(error);
      const reason = code === 'ENGINE_FAILED' ? 'engine-failed' : 'picture-refused';
      this.drops.add(reason);
      log.warn({ code, sequence, source, reason }, `frame dropped: ${message}`);
      return;
    }
    vision.proved();
    try {
      onVerdict(judgement.verdict, judgement.frame);
    } catch (error) {
      // A fault of ours in one verdict must not end the inspection.
      this.drops.add('verdict-faulty');
      log.error({ error, sequence, source }, 'a verdict could not be dealt with');
    }
  }
}
