import type { Instant } from './time.ts';
import type { BlindReason } from './verdict.ts';

/** Seconds of a run by what the camera could do. It says "the camera could see", not "the pipe was in view". */
export interface Coverage {
  /** Seconds in which frames were judged and not blind. */
  readonly seenSeconds: number;
  /** Seconds blind, by reason. */
  readonly blindSeconds: Readonly<Partial<Record<BlindReason, number>>>;
  /** Seconds without camera or engine: no verdicts came. */
  readonly lostSeconds: number;
  /** Frames judged `unsure` divided by frames seen (0..1); 0 when none was seen. */
  readonly unsureRate: number;
  readonly framesJudged: number;
  readonly framesBlind: number;
  /** Metres travelled by KP; null where no position is known. */
  readonly distanceMetres: number | null;
}

export type RunEnd = 'requested' | 'shutdown' | 'camera-ended' | 'interrupted';

/** One inspection. */
export interface Run {
  readonly id: string;
  readonly vehicle: string;
  readonly startedAt: Instant;
  readonly endedAt: Instant | null;
  readonly end: RunEnd | null;
  readonly coverage: Coverage;
}
