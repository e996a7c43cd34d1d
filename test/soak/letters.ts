import type { StageTimes } from '../../src/domain/verdict.ts';
import type { HealthMessage } from '../../src/surface/messages/health.ts';

/** What the soaked vehicle is told by whoever runs the soak. */
export type ToVehicle =
  | { readonly kind: 'ask'; readonly id: number; readonly name: string; readonly content: object }
  /** Sets the wall clock, UTC ms; null: as it would be had nobody ever set it. */
  | { readonly kind: 'set-clock'; readonly utcMs: number | null }
  | { readonly kind: 'stop' };

/** How the vehicle is, told several times a second. */
export interface Progress {
  readonly kind: 'progress';
  /** Verdicts so far. */
  readonly frames: number;
  /** Simulated time since the start, ms. */
  readonly monoMs: number;
  /** Of that, time that passed without a frame. */
  readonly idleMs: number;
  /** Stage times of the frames since the last letter, mean, real ms; null without frames. */
  readonly stages: StageTimes | null;
  /** Frames that the camera gave. */
  readonly delivered: number;
  /** As the last health message told. */
  readonly drops: HealthMessage['drops'];
  readonly findings: number;
  readonly committed: number;
  /** Changes of findings that are not committed yet. */
  readonly uncommitted: number;
  readonly alertsWaiting: number;
  readonly camera: string;
  readonly link: string;
  readonly record: string;
  readonly engine: string;
  readonly model: string;
  /** Timers and what keeps the event loop busy: what leaks here leaks for ever. */
  readonly timers: number;
  readonly resources: number;
  readonly heapBytes: number;
  readonly offHeapBytes: number;
}

/** What the vehicle tells. */
export type FromVehicle =
  | Progress
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Readonly<Record<string, unknown>> }
  | { readonly kind: 'stopped' };
