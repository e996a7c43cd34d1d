import type { BlindReason, DefectClass } from '../domain/verdict.ts';

/** A box in the picture, pixels: left, top, width, height; always inside the frame. */
export type Box = readonly [x: number, y: number, width: number, height: number];

/** One defect as it is to be seen in one frame. */
export interface VisibleDefect {
  /** The defect's id in the plan; the same in every frame that shows it. */
  readonly id: string;
  readonly defect: DefectClass;
  /** Around every pixel of it, px. */
  readonly box: Box;
  /** Its pixels divided by the frame's, 0..1 (the pixels themselves, not the box). */
  readonly areaShare: number;
  /** Mean difference of its pixels' luma to the sound surface in the same light and water, 0..1 of full scale. */
  readonly contrast: number;
}

/** Something in the frame that is no defect and may be taken for one. */
export interface VisibleDistractor {
  readonly kind: 'weld' | 'anode' | 'growth' | 'scratch';
  /** Metres along the pipe. */
  readonly metres: number;
}

/**
 * What one frame shows. `truth.jsonl` holds one such object a line, in the order of the frames:
 *
 *     {"frame":1,"file":"frame-000001.jpg","seconds":0,"metres":1.2,"visible":[],"distractors":[],"blind":null,
 *      "scene":"coated","turbidity":0.15,"distance":0.9,"luma":92.1}
 *     {"frame":81,…,"visible":[{"id":"d1","defect":"crack","box":[210,95,160,180],"areaShare":0.011,"contrast":0.19}],…}
 *
 * A frame is a positive of class C when `visible` holds a defect C; it is intact when `visible` is empty **and**
 * `blind` is null. A defect is listed only when a person could see it: at least {@link MIN_AREA_SHARE} of the frame
 * and {@link MIN_CONTRAST}. Defects below that are named in `faint`: such a frame is neither a good positive nor a
 * good negative.
 */
export interface FrameTruth {
  /** Counts from 1. */
  readonly frame: number;
  /** Name of the picture beside `truth.jsonl`. */
  readonly file: string;
  /** Since the run's start. */
  readonly seconds: number;
  /** Along the pipe, under the camera, metres from the run's start. */
  readonly metres: number;
  readonly visible: readonly VisibleDefect[];
  /** Ids of defects in the frame that are too small or too pale to be told. */
  readonly faint: readonly string[];
  readonly distractors: readonly VisibleDistractor[];
  /** Why nobody could judge this frame, or null. */
  readonly blind: Extract<BlindReason, 'dark' | 'turbid'> | null;
  readonly scene: 'coated' | 'concrete' | 'steel';
  /** Of the water, 0 clear..1 murky, silt clouds not counted. */
  readonly turbidity: number;
  /** Camera to pipe surface, metres. */
  readonly distance: number;
  /** Mean luma of the picture, 0..255. */
  readonly luma: number;
}

/** Smallest share of the frame's pixels for a listed defect, and its smallest contrast. */
export const MIN_AREA_SHARE = 0.00025;
export const MIN_CONTRAST = 0.03;
