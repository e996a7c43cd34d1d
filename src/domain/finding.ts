import type { Fix } from './fix.ts';
import type { FrameReference } from './frame.ts';
import type { Instant } from './time.ts';
import type { Box, DefectClass, ModelReference } from './verdict.ts';

/** How urgent a finding is. */
export type Severity = 'low' | 'medium' | 'high' | 'critical';

/** Recommended action in the languages of the surface. */
export interface Advice {
  readonly en: string;
  readonly id: string;
}

/** The frame in which the defect's own probability was highest. */
export interface Peak {
  readonly frame: FrameReference;
  readonly probability: number;
  /** Where in that frame the defect is; absent where it is not known, or not yet. */
  readonly box?: Box;
}

/**
 * Why it is not known where in its peak frame a defect is. `pending`: being looked for. `diffuse`: no part of the frame
 * decides alone. `no-time`: frames came first. `no-pixels`: the frame is gone. `engine-away`: nobody could look.
 */
export type NoBoxReason = 'pending' | 'diffuse' | 'no-time' | 'no-pixels' | 'engine-away';

/** How much each part of a picture speaks for a defect. */
export interface HeatMap {
  /** The part of the picture that it covers. */
  readonly area: Box;
  readonly columns: number;
  readonly rows: number;
  /** 0..1, row by row from the upper left; the highest is 1. */
  readonly values: readonly number[];
}

/** Where in a frame a defect is: a box with the map it was read from, or why there is none. */
export type Located =
  | { readonly box: Box; readonly map: HeatMap; readonly reason: null }
  | { readonly box: null; readonly map: HeatMap | null; readonly reason: NoBoxReason };

/** Why a finding ended: it was not seen for the off delay, the run stopped, or the daemon died while it was open. */
export type CloseReason = 'gone' | 'run-stopped' | 'interrupted';

/** Detections of one class that belong to one defect, under one id. */
export interface Finding {
  /** Stable for the life of the finding, unique across runs and boots. */
  readonly id: string;
  readonly runId: string;
  readonly defect: DefectClass;
  readonly severity: Severity;
  readonly advice: Advice;
  readonly openedAt: Instant;
  /** When the last detection was seen. */
  readonly lastSeenAt: Instant;
  /** null while open. */
  readonly closedAt: Instant | null;
  readonly closeReason: CloseReason | null;
  /** Frames with a detection. */
  readonly detections: number;
  readonly meanProbability: number;
  readonly peak: Peak;
  /** In force when it opened, probability 0..1. */
  readonly thresholds: { readonly on: number; readonly off: number };
  readonly model: ModelReference;
  /** Position at the peak frame; null when none is known. */
  readonly fix: Fix | null;
}

/** A step in a finding's life. `updated`: severity rose, or the peak rose clearly. */
export interface FindingChange {
  readonly phase: 'opened' | 'updated' | 'closed';
  readonly finding: Finding;
  /** The time of the change. */
  readonly at: Instant;
  /** True when this change's frame is the new peak, so that its pixels are wanted as evidence. */
  readonly peakChanged: boolean;
}
