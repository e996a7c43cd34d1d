import type { Advice, Severity } from './finding.ts';
import type { ClassName, DefectClass } from './verdict.ts';

/** One file of a bundle, relative to the bundle's folder, with forward slashes. */
export interface ManifestFile {
  readonly path: string;
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/**
 * How the network's outputs become probabilities by class.
 * `softmax`: one output per class, summing to 1.
 * `sigmoid`: one independent output per defect in `outputClasses` order; `intact`, where listed in `classes`,
 *            is the product of (1 − p) over the defects.
 */
export type OutputKind = 'softmax' | 'sigmoid';

/** How a picture becomes the network's input. The order is that of the fields. */
export interface Preprocessing {
  /** `luma`: one channel. `luma-chroma`: luma, Cb and Cr (JFIF); a picture without colour has none in Cb and Cr. */
  readonly channels: 'luma' | 'luma-chroma';
  /** Bilinear with pixel centres aligned, aspect ratio not kept, as OpenCV's INTER_LINEAR. */
  readonly resize: 'bilinear';
  /** Evens out the luma's local contrast; absent = not done. The quality gates measure what was there before. */
  readonly clahe?: Clahe;
  /**
   * `none`, or `standard`: luma minus the picture's mean, by its deviation (at least 1/255). Cb and Cr: `none` takes
   * 128 away; `standard` takes their own mean away, a cast of water or lamp, and divides by the luma's deviation.
   */
  readonly normalisation: 'none' | 'standard';
  /** Luma 0..255 is multiplied by this first (1/255 for 0..1). */
  readonly scale: number;
}

/** Contrast limited adaptive histogram equalisation (Zuiderveld 1994). */
export interface Clahe {
  /** Tiles along each side. */
  readonly tiles: number;
  /** A grey level's share of a tile counts at most this many times the mean of all grey levels. */
  readonly clip: number;
}

/** Limits beyond which a frame is blind; see `Quality` for what each figure is. */
export interface QualityGates {
  /** Blind (`dark`) below this mean luma. */
  readonly minMean: number;
  /** Blind (`saturated`) above this share of saturated pixels. */
  readonly maxSaturatedShare: number;
  /** Blind (`blurred`) below this sharpness. */
  readonly minSharpness: number;
  /** Blind (`turbid`) below this local contrast. */
  readonly minLocalContrast: number;
  /** Blind (`no-signal`) below this deviation. */
  readonly minDeviation: number;
  /** `frozen` after this many frames in a row whose change is at most `frozenChange`. */
  readonly frozenFrames: number;
  readonly frozenChange: number;
}

/** What the bundle says of one defect. */
export interface DefectRule {
  /** A detection at or above `on` opens; one at or above `off` keeps open. Probability 0..1, off ≤ on. */
  readonly on: number;
  readonly off: number;
  readonly severity: Severity;
  readonly advice: Advice;
}

/** One golden input: an image of the bundle and what the network must say of it. */
export interface Golden {
  /** Path in the bundle. */
  readonly file: string;
  /** Probability by class. */
  readonly expected: Readonly<Partial<Record<ClassName, number>>>;
}

/** One measured figure with the data it was measured on. */
export interface Metric {
  readonly name: string;
  readonly value: number;
  readonly data: string;
}

/** A bundle's `manifest.json`. */
export interface Manifest {
  readonly schema: 1;
  readonly name: string;
  /** major.minor.patch */
  readonly version: string;
  readonly createdAt: string;
  /** The network's input, pixels; 3 channels for `luma-chroma`. */
  readonly input: { readonly width: number; readonly height: number; readonly channels: 1 | 3 };
  /** Classes that get a probability. */
  readonly classes: readonly ClassName[];
  readonly output: { readonly kind: OutputKind; readonly classes: readonly ClassName[] };
  readonly preprocessing: Preprocessing;
  /**
   * Columns x rows, as in `3x2`: a frame is cut into so many tiles, each of which is a picture for the network, so that
   * what is small in a wide frame is seen in detail. The network takes all tiles at once. Absent: the frame is one picture.
   */
  readonly tiles?: string;
  readonly gates: QualityGates;
  readonly defects: Readonly<Partial<Record<DefectClass, DefectRule>>>;
  /** `intact` is the label at or above this probability; null where the model does not know it. */
  readonly intactThreshold: number | null;
  /** Divides the logits before softmax or sigmoid; 1 = uncalibrated. */
  readonly calibration: { readonly temperature: number };
  /** Largest allowed difference of a probability on the golden inputs, by provider. */
  readonly tolerances: Readonly<Record<string, number>>;
  readonly golden: readonly Golden[];
  readonly metrics: readonly Metric[];
  readonly provenance: {
    readonly trainedOn: string;
    readonly trainer: string;
    readonly seed: number;
    /** Groups of the data set's manifest that were not trained on. */
    readonly heldOutGroups: readonly string[];
  };
  /** What it needs to run; absent: an ONNX engine and nothing newer than schema 1. */
  readonly requires?: {
    /** The lowest SPECTA, major.minor.patch. */
    readonly specta?: string;
    /** Kinds of engine of which one must be there. */
    readonly engines?: readonly string[];
  };
  readonly files: readonly ManifestFile[];
}

/** A verified bundle on disk. */
export interface Bundle {
  /** Absolute folder. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** sha256 of the manifest's exact bytes, hex. */
  readonly digest: string;
}
