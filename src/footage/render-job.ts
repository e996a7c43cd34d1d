import type { ErrorRecord } from '../platform/errors.ts';
import type { FrameTruth } from './frame-truth.ts';
import type { RunPlan, SceneKind } from './run-plan.ts';

/** What stills are asked to be: `count` views, kinds in turn: intact, corrosion, crack, both. */
export interface StillsOptions {
  readonly seed: number;
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly scene?: SceneKind;
  /** 0 clear..1 murky. */
  readonly turbidity?: number;
  /** `none`: only intact views. */
  readonly defects?: 'none' | 'some' | 'many';
}

export type RenderJob =
  | { readonly kind: 'run'; readonly plan: RunPlan }
  | { readonly kind: 'stills'; readonly options: StillsOptions };

/** What a worker is started with: its share of the frames, `from` ≤ index < `to`. */
export interface RenderShare {
  readonly job: RenderJob;
  readonly folder: string;
  readonly from: number;
  readonly to: number;
}

/** What a worker says: each frame written, or why it stopped. */
export type RenderReport =
  | { readonly kind: 'frame'; readonly index: number; readonly truth: FrameTruth; readonly bytes: number }
  | { readonly kind: 'failed'; readonly error: ErrorRecord };
