import type { Clock } from '../platform/clock.ts';

/** So many a second, and some at once after a rest. */
export class Allowance {
  private readonly clock: Clock;
  private readonly perMs: number;
  private readonly most: number;
  private left: number;
  private countedMonoMs: number;

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.clock = clock;
    this.perMs = perSecond / 1000;
    this.most = Math.max(1, burst);
    this.left = this.most;
    this.countedMonoMs = clock.now().monoMs;
  }

  /** Takes one; false when none is left just now. */
  take(): boolean {
    this.count();
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }

  /** Until there is one again, ms. */
  waitMs(): number {
    this.count();
    return Math.max(0, Math.ceil((1 - this.left) / this.perMs));
  }

  private count(): void {
    const { monoMs } = this.clock.now();
    this.left = Math.min(this.most, this.left + (monoMs - this.countedMonoMs) * this.perMs);
    this.countedMonoMs = monoMs;
  }
}
