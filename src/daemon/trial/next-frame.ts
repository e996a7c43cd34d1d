import type { Clock } from '../../platform/clock.ts';

/** Without frames there is no "between two frames" to wait for, ms. */
const WITHIN_MS = 1_000;

/** The gap behind the next frame that is judged, where one model can take the place of another. */
export class NextFrame {
  private readonly clock: Clock;
  private waiting: (() => void) | null = null;
  private isClosed = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Calls `act` once: behind the next frame, after a second without one, or at once when nobody gives frames any more. */
  behind(act: () => void): void {
    const once = (): void => {
      cancel();
      this.waiting = null;
      act();
    };
    const cancel = this.clock.after(WITHIN_MS, once);
    this.waiting = once;
    if (this.isClosed) once();
  }

  /** A frame was judged. */
  came(): void {
    this.waiting?.();
  }

  /** No frames come any more; idempotent. */
  close(): void {
    this.isClosed = true;
    this.waiting?.();
  }
}
