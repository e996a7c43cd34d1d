import type { Preprocessing } from '../domain/manifest.ts';
import { channelCount, LIMITED_CHROMA_TO_FULL, NO_COLOUR } from './chroma.ts';
import { createEqualiser } from './clahe.ts';
import { LIMITED_TO_FULL, type LumaImage, type LumaPlane, planeOfImage } from './luma.ts';
import { createResizer } from './resize.ts';

/** What the network and the quality gates get. The arrays are used again by the preprocessor's next run. */
export interface Preprocessed {
  /** `[1 or 3, height, width]` float32, as the manifest's preprocessing says. */
  readonly tensor: Float32Array<ArrayBuffer>;
  /** `[height, width]` uint8 full-range luma, resized: what the tensor was made from. */
  readonly small: Uint8Array<ArrayBuffer>;
  /** `[2, height, width]` uint8 full-range Cb and Cr, resized, 128 = none; null for `luma`. */
  readonly smallChroma: Uint8Array<ArrayBuffer> | null;
  /** Mean of `small`, 0..255. */
  readonly mean: number;
  /** Standard deviation of `small`, grey levels. */
  readonly deviation: number;
}

/** The one way from a picture to a network's input. Not for two pictures at the same time. */
export interface Preprocessor {
  /**
   * @param luma full-range picture of any size, its colour beside it where it has any
   * @param into receives the tensor, `channels*height*width` values; without it the preprocessor's own array is used
   */
  run(luma: LumaImage, into?: Float32Array<ArrayBuffer>): Preprocessed;
  /** As {@link run}, reading packed or padded video where it lies. */
  runPlane(plane: LumaPlane, into?: Float32Array<ArrayBuffer>): Preprocessed;
}

/** A network in training sees a deviation of at least this, so that flat pictures do not blow up. */
const MIN_DEVIATION = 1 / 255;

/** So many squares of grey levels stay within 31 bits: sums of whole numbers are several times faster than others. */
const STRETCH = 32_768;

/** Mean and standard deviation of grey levels, exact. */
function moments(grey: Uint8Array): { mean: number; deviation: number } {
  let sum = 0;
  let squares = 0;
  for (let from = 0; from < grey.length; from += STRETCH) {
    const to = Math.min(grey.length, from + STRETCH);
    let partSum = 0;
    let partSquares = 0;
    for (let index = from; index < to; index++) {
      const value = grey[index];
      partSum = (partSum + value) | 0;
      partSquares = (partSquares + Math.imul(value, value)) | 0;
    }
    sum += partSum;
    squares += partSquares;
  }
  const mean = sum / grey.length;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / grey.length - mean * mean)) };
}

/** The network's input value for each grey level: there are only 256, so the arithmetic is done once for each. */
function inputValues(scale: number, mean: number, deviation: number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, grey) => (grey * scale - mean) / deviation);
}

function bitsOf(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}

/**
 * The preprocessing of one bundle: resize (bilinear, pixel centres aligned, rounded to grey levels, as OpenCV's
 * INTER_LINEAR), even out the contrast where it says so, scale, normalise. Used by training, tests, stills and the
 * daemon alike.
 * @param input the network's input, pixels
 */
export function createPreprocessor(
  preprocessing: Preprocessing,
  input: { readonly width: number; readonly height: number },
): Preprocessor {
  const { scale, clahe, channels } = preprocessing;
  const standard = preprocessing.normalisation === 'standard';
  const count = input.width * input.height;
  const small = new Uint8Array(count);
  const smallChroma = channels === 'luma' ? null : new Uint8Array(2 * count);
  const own = new Float32Array(count * channelCount(channels));
  const resizer = createResizer(input, LIMITED_TO_FULL);
  const chromaResizer = createResizer(input, LIMITED_CHROMA_TO_FULL);
  const equaliser = clahe ? createEqualiser(clahe, input) : null;
  const equalised = new Uint8Array(equaliser ? count : 0);
  const plain = standard ? null : inputValues(scale, 0, 1);
  const plainChroma = standard ? null : inputValues(scale, NO_COLOUR * scale, 1);

  function fillChroma(plane: LumaPlane, tensor: Float32Array, deviation: number, planes: Uint8Array): void {
    const { chroma } = plane;
    if (!chroma) {
      planes.fill(NO_COLOUR);
      tensor.fill(0, count);
      return;
    }
    for (const [index, part] of [chroma.cb, chroma.cr].entries()) {
      const values = planes.subarray(index * count, (index + 1) * count);
      chromaResizer.run(part, values);
      const table = plainChroma ?? inputValues(scale, moments(values).mean * scale, deviation);
      for (let at = 0, out = (index + 1) * count; at < count; at++, out++) tensor[out] = table[values[at]];
    }
  }

  function runPlane(plane: LumaPlane, into?: Float32Array<ArrayBuffer>): Preprocessed {
    const tensor = into ?? own;
    if (tensor.length !== own.length)
      throw new RangeError(`tensor of ${tensor.length} values, ${own.length} needed`);
    resizer.run(plane, small);
    const statistics = moments(small);
    let seen = small;
    let spread = statistics;
    if (equaliser) {
      equaliser.run(small, equalised);
      seen = equalised;
      spread = moments(equalised);
    }
    const deviation = Math.max(spread.deviation * scale, MIN_DEVIATION);
    const values = plain ?? inputValues(scale, spread.mean * scale, deviation);
    // The bits are copied as they are: as numbers each would go through 64 bits and back.
    const from = bitsOf(values);
    const to = bitsOf(tensor);
    for (let index = 0; index < count; index++) to[index] = from[seen[index]];
    if (smallChroma) fillChroma(plane, tensor, deviation, smallChroma);
    return { tensor, small, smallChroma, ...statistics };
  }

  return {
    runPlane,
    run: (luma, into) => runPlane(planeOfImage(luma), into),
  };
}
