import type { Instant } from './time.ts';

/** Where the vehicle was, as far as it was told. Every part may be unknown (null). */
export interface Fix {
  /** When it was heard; of parts heard at different times, the oldest. Of a fix with nothing in it: when it was asked for. */
  readonly at: Instant;
  readonly source: string;
  /** Kilometre point along the route, km. */
  readonly kp: number | null;
  /** Degrees, WGS 84. */
  readonly latitude: number | null;
  readonly longitude: number | null;
  /** Metres below the surface. */
  readonly depth: number | null;
  /** Degrees from true north, 0..360. */
  readonly heading: number | null;
  /** Why parts are null, for people; null when nothing is missing. */
  readonly missing: string | null;
}
