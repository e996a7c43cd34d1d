import type { Part, PartCondition } from './status.ts';
import type { ClockQuality, Instant } from './time.ts';
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
  /** Frames left out to spare a board that was hot or slowed; absent: none. */
  readonly framesThinned?: number;
  /** Metres travelled by KP; null where no position is known. */
  readonly distanceMetres: number | null;
}

export type RunEnd = 'requested' | 'shutdown' | 'camera-ended' | 'interrupted';

/** A stretch of a run in which the camera could not see. */
export interface CoverageGap {
  readonly kind: BlindReason | 'lost';
  readonly fromUtcMs: number;
  readonly toUtcMs: number;
  /** Kilometre points at its ends, km; null where not known. */
  readonly kpFrom: number | null;
  readonly kpTo: number | null;
}

/** A part that did not work during a run, when it began to be so. */
export interface RunFault {
  readonly part: Part;
  readonly condition: PartCondition;
  readonly reason: string | null;
  readonly atUtcMs: number;
}

/** What else a run's record tells for its report. Runs that an older SPECTA recorded have none of it. */
export interface RunAnnals {
  /** In order; the first 500. */
  readonly gaps: readonly CoverageGap[];
  readonly gapsLeftOut: number;
  /** Lowest and highest kilometre point at which a frame was judged, km; null where no position is known. */
  readonly kpSeen: readonly [number, number] | null;
  /** In order; the first 200. A part that works again is told with condition `ok`. */
  readonly faults: readonly RunFault[];
  readonly faultsLeftOut: number;
  /** The worst during the run. */
  readonly clockQuality: ClockQuality;
}

/** One inspection. */
export interface Run {
  readonly id: string;
  readonly vehicle: string;
  readonly startedAt: Instant;
  readonly endedAt: Instant | null;
  readonly end: RunEnd | null;
  readonly coverage: Coverage;
  readonly annals?: RunAnnals;
}
