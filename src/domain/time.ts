/** A moment, told twice: durations and order within one boot come from `monoMs`, people read `utcMs`. */
export interface Instant {
  /** Milliseconds of the monotonic clock of this process; never goes back, means nothing across boots. */
  readonly monoMs: number;
  /** Milliseconds since 1970 UTC by the wall clock, which may be wrong: see {@link ClockQuality}. */
  readonly utcMs: number;
}

/**
 * How far the wall clock can be believed:
 * `synchronised` (disciplined by a time source), `unsynchronised` (set once, drifting), `unset` (before 2025: no battery).
 */
export type ClockQuality = 'synchronised' | 'unsynchronised' | 'unset';
