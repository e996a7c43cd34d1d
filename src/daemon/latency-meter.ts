import { type Percentiles, RecentValues } from '../platform/percentiles.ts';

/** Stages that are timed; `captureTo…` run from the frame's capture time. All in ms. */
export type Stage = 'decode' | 'preprocess' | 'infer' | 'decide' | 'captureToVerdict' | 'captureToLight';

/** Percentiles by stage over the recent past, and the rate of frames. */
export class LatencyMeter {
  private readonly stages = new Map<Stage, RecentValues>();
  private frames = 0;
  private since: number;
  private firstFrame: number | null = null;

  constructor(nowMonoMs: number) {
    this.since = nowMonoMs;
  }

  add(stage: Stage, ms: number): void {
    let values = this.stages.get(stage);
    if (values === undefined) {
      values = new RecentValues();
      this.stages.set(stage, values);
    }
    values.add(Math.max(0, ms));
  }

  countFrame(): void {
    this.firstFrame ??= performance.now() / 1000;
    this.frames += 1;
  }

  /** Frames since the rate was last taken. */
  get framesSinceTaken(): number {
    return this.frames;
  }

  /** From the start of the process to the first frame judged; null before it. */
  get firstFrameSeconds(): number | null {
    return this.firstFrame;
  }

  /** Frames a second since the last call. */
  takeRate(nowMonoMs: number): number {
    const seconds = (nowMonoMs - this.since) / 1000;
    const rate = seconds > 0 ? this.frames / seconds : 0;
    this.frames = 0;
    this.since = nowMonoMs;
    return rate;
  }

  snapshot(): Partial<Record<Stage, Percentiles>> {
    const all: Partial<Record<Stage, Percentiles>> = {};
    for (const [stage, values] of this.stages) {
      const percentiles = values.percentiles();
      if (percentiles) all[stage] = percentiles;
    }
    return all;
  }
}
