/** Pauses that grow from `firstMs` by doubling up to `mostMs`, and begin anew after a success. */
export class GrowingPause {
  private readonly firstMs: number;
  private readonly mostMs: number;
  private nextMs: number;

  constructor(firstMs: number, mostMs: number) {
    this.firstMs = firstMs;
    this.mostMs = mostMs;
    this.nextMs = firstMs;
  }

  /** The pause before the next try, ms; the one after will be longer. */
  take(): number {
    const now = this.nextMs;
    this.nextMs = Math.min(this.mostMs, now * 2);
    return now;
  }

  reset(): void {
    this.nextMs = this.firstMs;
  }
}
