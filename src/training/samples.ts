import type { ClassName, DefectClass } from '../domain/verdict.ts';
import { DEFECT_CLASSES } from '../domain/verdict.ts';
import type { LumaImage } from '../vision/luma.ts';

/** Where a defect is: shares of the picture's sides, 0..1, from its upper left corner. */
export interface DefectBox {
  readonly defect: DefectClass;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** One labelled picture, decoded. */
export interface Sample {
  /** Absolute path. */
  readonly file: string;
  /** The data set's name for it, e.g. `train/crack/iitj_0001.jpg`. */
  readonly name: string;
  /** Photo, texture or run it was cut from: never on two sides of a split. */
  readonly group: string;
  /** Which collection it comes from: the file name's prefix, or `footage`. */
  readonly source: string;
  /** `still`: up is unknown. `frame`: of a camera that knows its up. */
  readonly kind: 'still' | 'frame';
  /** Defects to be seen in it; none = intact. A crack in rust has both. */
  readonly defects: ReadonlySet<DefectClass>;
  /** [height, width] uint8 luma of the network's input size, before normalisation. */
  readonly luma: Uint8Array<ArrayBuffer>;
  /** [2, height, width] uint8 Cb and Cr of the same size, 128 = none; absent where colour was not asked for. */
  readonly chroma?: Uint8Array<ArrayBuffer>;
  /** Where its defects are, as far as that is known. */
  readonly boxes?: readonly DefectBox[];
  /** Pixels along the shorter side that it had before it was enlarged or resized, as far as that is known. */
  readonly effectiveSide?: number;
  /** The defect, or its absence, was drawn onto a ground of `group`: for learning alone, never for measuring. */
  readonly rendered?: true;
}

/** The sample's picture as the preprocessor takes it. */
export function pictureOf(
  sample: Pick<Sample, 'luma' | 'chroma'>,
  size: { readonly width: number; readonly height: number },
): LumaImage {
  const { width, height } = size;
  const { luma: data, chroma } = sample;
  if (!chroma) return { width, height, data };
  const pixels = width * height;
  const [cb, cr] = [chroma.subarray(0, pixels), chroma.subarray(pixels)];
  return { width, height, data, chroma: { width, height, cb, cr } };
}

/** A picture that could not be used, and why. */
export interface Unreadable {
  readonly file: string;
  readonly code: string;
  readonly message: string;
}

/** Samples with an account of everything that did not become one. */
export interface DataSet {
  readonly samples: readonly Sample[];
  readonly unreadable: readonly Unreadable[];
  /** Pictures left out on purpose, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
  /** Groups that count as part of another, with its name; none where absent. What is cut from them goes where it goes. */
  readonly joinedGroups?: ReadonlyMap<string, string>;
}

/** The one class of a sample where only one can be told: a crack outranks corrosion. */
export function mainClass(sample: Pick<Sample, 'defects'>): ClassName {
  if (sample.defects.has('crack')) return 'crack';
  return sample.defects.has('corrosion') ? 'corrosion' : 'intact';
}

/** Class names in the order of reports. */
export const CLASS_ORDER: readonly ClassName[] = [...DEFECT_CLASSES, 'intact'];

/** Several data sets as one. */
export function joinDataSets(parts: readonly DataSet[]): DataSet {
  const leftOut: Record<string, number> = {};
  for (const part of parts) {
    for (const [reason, count] of Object.entries(part.leftOut))
      leftOut[reason] = (leftOut[reason] ?? 0) + count;
  }
  return {
    samples: parts.flatMap((part) => part.samples),
    unreadable: parts.flatMap((part) => part.unreadable),
    leftOut,
    joinedGroups: new Map(parts.flatMap(({ joinedGroups = [] }) => [...joinedGroups])),
  };
}
