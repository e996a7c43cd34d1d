import type { QualityGates } from '../domain/manifest.ts';
import type { BlindReason, Quality } from '../domain/verdict.ts';
import { AT_ONCE, type Turn } from './frame-order.ts';
import type { Preprocessed } from './preprocess.ts';
import { createQualityMeter } from './quality.ts';

/** What the gates say of one frame. */
export interface Sight {
  readonly quality: Quality;
  /** null: the camera can see. */
  readonly blind: BlindReason | null;
}

/** The gates with their memory of the frame before. */
export interface Gatekeeper {
  /**
   * Measures and decides; remembers the frame.
   * @param turn comes before the frame before is looked at, and is passed behind it
   */
  judge(picture: Pick<Preprocessed, 'small' | 'mean' | 'deviation'>, turn?: Turn): Sight;
  /** Forgets the frame before: the next picture has nothing to do with it. */
  forget(): void;
}

/** Sharpness of the limit at an input of 400 pixels. */
const SHARPNESS_AT_400 = 1.1;

/**
 * Gates for a network input of this size, set on the training pictures, real underwater photos and spoilt copies of
 * both. Sharpness is per pixel, and pixels of a smaller picture span more of the scene: its limit grows with the
 * root of the reduction (measured at 400, 224 and 128 pixels).
 */
export function defaultGates(input: { readonly width: number; readonly height: number }): QualityGates {
  const side = Math.sqrt(input.width * input.height);
  return {
    minMean: 15,
    maxSaturatedShare: 0.4,
    minSharpness: Number((SHARPNESS_AT_400 * Math.sqrt(400 / side)).toFixed(2)),
    minLocalContrast: 1.3,
    minDeviation: 0.5,
    frozenFrames: 30,
    frozenChange: 0.01,
  };
}

/**
 * Why the camera cannot see, or null. Several limits are often passed at once; the first cause in this order is told,
 * each taking away the ground of those behind it:
 * 1. `dark`, `saturated`: without usable light there is nothing to measure; black frames are also flat and all alike.
 * 2. `no-signal`: lit, but one flat grey; a flat picture has no contrast and no detail either.
 * 3. `frozen`: an old picture, however good it looks.
 * 4. `turbid`: lost contrast takes fine detail with it, so it is asked before
 * 5. `blurred`: contrast is there, fine detail is not.
 * @param stillFrames frames in a row, this one counted, that hardly changed
 */
export function blindReason(quality: Quality, gates: QualityGates, stillFrames: number): BlindReason | null {
  if (quality.mean < gates.minMean) return 'dark';
  if (quality.saturatedShare > gates.maxSaturatedShare) return 'saturated';
  if (quality.deviation < gates.minDeviation) return 'no-signal';
  if (stillFrames >= gates.frozenFrames) return 'frozen';
  if (quality.localContrast < gates.minLocalContrast) return 'turbid';
  if (quality.sharpness < gates.minSharpness) return 'blurred';
  return null;
}

type Size = { readonly width: number; readonly height: number };

/** Where the frame before is remembered: two whole numbers (is there one? how many still frames?), then its pixels. */
const COUNTS = 2 * Int32Array.BYTES_PER_ELEMENT;
const REMEMBERS = 0;
const STILL_FRAMES = 1;

/** Memory of the frame before that several gatekeepers share, each on its thread. */
export function sharedSight(size: Size): SharedArrayBuffer {
  return new SharedArrayBuffer(COUNTS + size.width * size.height);
}

/**
 * @param size of the small luma, pixels
 * @param memory shared with the gatekeepers of other threads (see {@link sharedSight}); without it, its own
 */
export function createGatekeeper(
  gates: QualityGates,
  size: Size,
  memory: ArrayBufferLike = new ArrayBuffer(COUNTS + size.width * size.height),
): Gatekeeper {
  const counts = new Int32Array(memory, 0, 2);
  const before = new Uint8Array(memory, COUNTS);
  const meter = createQualityMeter(size);
  return {
    judge(picture, turn = AT_ONCE) {
      const alone = meter.alone(picture);
      turn.come();
      const change = counts[REMEMBERS] === 0 ? null : meter.difference(picture.small, before);
      const still = change !== null && change <= gates.frozenChange;
      const stillFrames = still ? counts[STILL_FRAMES] + 1 : 0;
      before.set(picture.small);
      counts[REMEMBERS] = 1;
      counts[STILL_FRAMES] = stillFrames;
      turn.pass();
      const quality: Quality = { ...alone, change };
      return { quality, blind: blindReason(quality, gates, stillFrames) };
    },
    forget() {
      counts.fill(0);
    },
  };
}
