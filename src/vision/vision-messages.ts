import type { Frame } from '../domain/frame.ts';
import type { Bundle } from '../domain/manifest.ts';
import type { ModelReference, Verdict } from '../domain/verdict.ts';
import type { ErrorRecord } from '../platform/errors.ts';
import type { DecodeLimits } from './decode.ts';
import type { EngineChoice } from './engine/engine.ts';

/** What the vision worker is started with. */
export interface VisionWorkerData {
  readonly bundle: Bundle;
  readonly choice: EngineChoice;
  readonly limits: DecodeLimits;
  readonly stills: boolean;
}

/** To the worker. A frame's buffer is transferred. */
export type ToVisionWorker =
  | { readonly kind: 'judge'; readonly frame: Frame; readonly still: boolean }
  | { readonly kind: 'close' };

/** From the worker: `ready` or `failed` once, then one answer to each frame; its buffer comes back. */
export type FromVisionWorker =
  | { readonly kind: 'ready'; readonly model: ModelReference; readonly runtime: string }
  | { readonly kind: 'failed'; readonly error: ErrorRecord }
  | { readonly kind: 'verdict'; readonly verdict: Verdict; readonly data: Frame['data'] }
  | { readonly kind: 'refused'; readonly error: ErrorRecord };
