import type { FrameReference } from './frame.ts';

/** The defects SPECTA reports. A crack switches the alert light on. */
export type DefectClass = 'corrosion' | 'crack';

/** Every class a model may know; `intact` only where the model was trained with it. */
export type ClassName = DefectClass | 'intact';

/** What vision says of a frame in one word; `unsure` when no class is above its threshold. */
export type Label = ClassName | 'unsure';

/**
 * Why a frame cannot be judged. `dark`: too little light. `saturated`: washed out. `blurred`: no fine detail.
 * `turbid`: local contrast too low (silt, backscatter). `frozen`: the camera repeats one image.
 * `no-signal`: a picture that carries no image (a uniform test card or blank frame).
 */
export type BlindReason = 'dark' | 'saturated' | 'blurred' | 'turbid' | 'frozen' | 'no-signal';

export const BLIND_REASONS: readonly BlindReason[] = [
  'dark',
  'saturated',
  'blurred',
  'turbid',
  'frozen',
  'no-signal',
];

export const DEFECT_CLASSES: readonly DefectClass[] = ['corrosion', 'crack'];

/** Probability 0..1 for each class of the model. */
export type Probabilities = Readonly<Partial<Record<ClassName, number>>>;

/** A part of a picture, as shares of its sides, 0..1. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What the quality gates measured on the luma that the network sees. */
export interface Quality {
  /** Mean luma, 0..255. */
  readonly mean: number;
  /** Standard deviation of luma, 0..255. */
  readonly deviation: number;
  /** Share of pixels at or above 250, 0..1. */
  readonly saturatedShare: number;
  /** Mean absolute Laplacian, grey levels: fine detail. */
  readonly sharpness: number;
  /** Median standard deviation over the blocks of an 8x8 grid, grey levels: local contrast. */
  readonly localContrast: number;
  /** Mean absolute difference to the frame before, grey levels; null for the first frame. */
  readonly change: number | null;
}

/** Which model judged, on what. */
export interface ModelReference {
  readonly name: string;
  readonly version: string;
  /** sha256 of the manifest's bytes, hex: names the bundle whole. */
  readonly digest: string;
  /** `onnx`, `onnx-native` or `tfjs`. */
  readonly engine: string;
  /** The execution provider that really ran, e.g. `cpu`. */
  readonly provider: string;
}

/** Where one frame's time went, ms. */
export interface StageTimes {
  readonly decode: number;
  readonly preprocess: number;
  readonly infer: number;
}

/** What vision says of one frame. */
export interface Verdict {
  readonly frame: FrameReference;
  /** null exactly when `blind` is not null: blind is never "no defect". */
  readonly label: Label | null;
  readonly blind: BlindReason | null;
  /** Empty when blind. */
  readonly probabilities: Probabilities;
  /** The tile in which each defect is most probable; only of a bundle that looks at tiles, and when not blind. */
  readonly boxes?: Readonly<Partial<Record<DefectClass, Box>>>;
  readonly quality: Quality;
  readonly model: ModelReference;
  readonly stages: StageTimes;
}
