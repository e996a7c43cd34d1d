import type { Clock } from '../platform/clock.ts';

const LOOKS = 4;
/** Connecting takes longer than going on: a camera gets this many times `stallMs` for its first frame. */
const FIRST_FRAME_FACTOR = 4;

/**
 * Notices that a camera went quiet. It looks four times within `stallMs` and wants four quiet looks in a row, so that a
 * process that was itself held up (one late look) does not blame the camera.
 */
export class StallWatch {
  private readonly clock: Clock;
  private readonly lookMs: number;
  private readonly onStall: () => void;
  private quietLooks = 0;
  private allowedLooks = LOOKS * FIRST_FRAME_FACTOR;
  private held = false;
  private cancel: () => void;

  constructor(clock: Clock, stallMs: number, onStall: () => void) {
    this.clock = clock;
    this.lookMs = stallMs / LOOKS;
    this.onStall = onStall;
    this.cancel = clock.after(this.lookMs, () => this.look());
  }

  /** How long it was quiet when `onStall` was called, ms. */
  get allowedMs(): number {
    return this.allowedLooks * this.lookMs;
  }

  /** A frame came. */
  frame(): void {
    this.quietLooks = 0;
    this.allowedLooks = LOOKS;
  }

  /** The reader waits for the taker (`true`): silence is then not the camera's. */
  hold(held: boolean): void {
    this.held = held;
    this.quietLooks = 0;
  }

  /** Ends the watch; may be called again. */
  close(): void {
    this.cancel();
  }

  private look(): void {
    this.quietLooks += this.held ? 0 : 1;
    if (this.quietLooks >= this.allowedLooks) {
      this.onStall();
      return;
    }
    this.cancel = this.clock.after(this.lookMs, () => this.look());
  }
}
