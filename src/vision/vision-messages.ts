import type { Located } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import type { Bundle } from '../domain/manifest.ts';
import type { ModelReference, Verdict } from '../domain/verdict.ts';
import type { ErrorRecord } from '../platform/errors.ts';
import type { DecodeLimits } from './decode.ts';
import type { EngineChoice } from './engine/engine.ts';
import type { SearchOrder } from './search-desk.ts';

/** What the vision worker is started with. */
export interface VisionWorkerData {
  readonly bundle: Bundle;
  readonly choice: EngineChoice;
  readonly limits: DecodeLimits;
  readonly stills: boolean;
  /** Shared with the other lanes: whose turn it is (`FrameOrder`), and the frame before (`sharedSight`). */
  readonly order: SharedArrayBuffer;
  readonly sight: SharedArrayBuffer;
}

/** To the worker. A frame's buffer is transferred; `turn` is its place in the order, null for a still. */
export type ToVisionWorker =
  | { readonly kind: 'judge'; readonly frame: Frame; readonly turn: number | null }
  | ({ readonly kind: 'locate' } & SearchOrder)
  | { readonly kind: 'close' };

/**
 * From the worker: `ready` or `failed` once, then one answer to each frame, whose buffer comes back, and one `located` to
 * each search, at some time.
 */
export type FromVisionWorker =
  | { readonly kind: 'ready'; readonly model: ModelReference; readonly runtime: string }
  | { readonly kind: 'failed'; readonly error: ErrorRecord }
  | { readonly kind: 'verdict'; readonly verdict: Verdict; readonly data: Frame['data'] }
  | { readonly kind: 'refused'; readonly error: ErrorRecord }
  | {
      readonly kind: 'located';
      readonly id: number;
      readonly located: Located;
      /** Why the search broke off; null when it did not. */
      readonly error: ErrorRecord | null;
    };
