/** Counts of things that were dropped or went wrong, by reason: nothing vanishes without one. */
export class Counters<Reason extends string> {
  private readonly counts = new Map<Reason, number>();

  add(reason: Reason, by = 1): void {
    this.counts.set(reason, (this.counts.get(reason) ?? 0) + by);
  }

  get(reason: Reason): number {
    return this.counts.get(reason) ?? 0;
  }

  /** A copy of all counts that are not 0. */
  snapshot(): Partial<Record<Reason, number>> {
    return Object.fromEntries(this.counts) as Partial<Record<Reason, number>>;
  }
}
