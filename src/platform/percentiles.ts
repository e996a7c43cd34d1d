/** Percentiles of a stream of figures, each in the figure's own unit. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Remembers the last `capacity` values and tells their percentiles (nearest rank). */
export class RecentValues {
  private readonly values: Float64Array<ArrayBuffer>;
  private next = 0;
  private filled = 0;

  constructor(capacity = 1024) {
    this.values = new Float64Array(capacity);
  }

  add(value: number): void {
    this.values[this.next] = value;
    this.next = (this.next + 1) % this.values.length;
    this.filled = Math.min(this.filled + 1, this.values.length);
  }

  get count(): number {
    return this.filled;
  }

  /** null while nothing was added. */
  percentiles(): Percentiles | null {
    if (this.filled === 0) return null;
    const sorted = this.values.slice(0, this.filled).sort();
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}
