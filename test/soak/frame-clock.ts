import type { Instant } from '../../src/domain/time.ts';
import { type Clock, sleepBy } from '../../src/platform/clock.ts';

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that goes on by what happens: so much for each frame, however fast frames come, so that hours at the camera's
 * rate pass as fast as frames are judged. Its wall clock can be set like any other.
 */
export class FrameClock implements Clock {
  private mono = 0;
  private utc: number;
  private order = 0;
  private readonly timers = new Set<Timer>();
  /** The least `due` of all timers, so that most steps look at none. */
  private nextDue = Number.POSITIVE_INFINITY;
  private firing = false;

  constructor(utcMs: number) {
    this.utc = utcMs;
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.timers.size;
  }

  now(): Instant {
    return { monoMs: this.mono, utcMs: this.utc };
  }

  /** Moves the wall clock only, as a time server would. */
  setUtc(utcMs: number): void {
    this.utc = utcMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepBy(this, ms, signal);
  }

  after(ms: number, callback: () => void): () => void {
    const timer: Timer = { due: this.mono + Math.max(0, ms), order: this.order++, callback };
    this.timers.add(timer);
    this.nextDue = Math.min(this.nextDue, timer.due);
    if (ms <= 0) this.fireSoon();
    return () => {
      this.timers.delete(timer);
    };
  }

  /** Moves both clocks on by `ms`; what is due is called soon, not within this call. */
  step(ms: number): void {
    this.mono += ms;
    this.utc += ms;
    if (this.nextDue <= this.mono) this.fireSoon();
  }

  private fireSoon(): void {
    if (this.firing) return;
    this.firing = true;
    setImmediate(() => {
      this.firing = false;
      this.fire();
    });
  }

  private fire(): void {
    const due = [...this.timers]
      .filter((timer) => timer.due <= this.mono)
      .sort((a, b) => a.due - b.due || a.order - b.order);
    for (const timer of due) {
      // One that an earlier one cancelled is not called.
      if (this.timers.delete(timer)) timer.callback();
    }
    this.nextDue = Number.POSITIVE_INFINITY;
    for (const timer of this.timers) this.nextDue = Math.min(this.nextDue, timer.due);
    if (this.nextDue <= this.mono) this.fireSoon();
  }
}
