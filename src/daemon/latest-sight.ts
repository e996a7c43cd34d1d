import type { Frame } from '../domain/frame.ts';
import type { Verdict } from '../domain/verdict.ts';

/** A judged frame with its pixels. */
export interface JudgedFrame {
  readonly verdict: Verdict;
  readonly frame: Frame;
}

/** The newest frame that was judged, for whoever wants to see what the vehicle sees. Its bytes are only read. */
export class LatestSight {
  private latest: JudgedFrame | null = null;

  see(verdict: Verdict, frame: Frame): void {
    this.latest = { verdict, frame };
  }

  get newest(): JudgedFrame | null {
    return this.latest;
  }
}
