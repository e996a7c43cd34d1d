import type { FrameSource } from '../camera/frame-source.ts';
import type { Frame } from '../domain/frame.ts';
import type { Verdict } from '../domain/verdict.ts';
import { Counters } from '../platform/counters.ts';
import { asSpectaError } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import type { Judgement, Vision } from '../vision/vision.ts';
import type { SupervisedVision } from './supervised-vision.ts';

/** Why a frame that the camera gave never became a verdict, or its verdict was not dealt with (`verdict-faulty`). */
export type LoopDrop = 'engine-away' | 'engine-failed' | 'picture-refused' | 'verdict-faulty';

interface LoopParts {
  readonly camera: FrameSource;
  readonly vision: SupervisedVision;
  readonly log: Logger;
  readonly onVerdict: (verdict: Verdict, frame: Frame) => void;
}

/** Camera to verdicts, one inference in flight, newest frame first. It waits for the camera and the engine, nothing else. */
export class FrameLoop {
  private readonly parts: LoopParts;
  private readonly drops = new Counters<LoopDrop>();

  constructor(parts: LoopParts) {
    this.parts = parts;
  }

  get dropped(): Readonly<Partial<Record<LoopDrop, number>>> {
    return this.drops.snapshot();
  }

  /** Runs until the camera has ended or was stopped. */
  async run(): Promise<void> {
    const { camera, vision } = this.parts;
    for (;;) {
      const frame = await camera.next();
      if (frame === null) return;
      const engine = vision.vision;
      if (engine === null) this.drops.add('engine-away');
      else await this.judge(engine, frame);
    }
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
