import type { Preprocessing } from '../domain/manifest.ts';
import { channelCount, NO_COLOUR } from './chroma.ts';
import { createEqualiser } from './clahe.ts';
import { type LumaImage, type LumaPlane, planeOfImage } from './luma.ts';
import { createPixelKernel } from './pixels/pixel-kernel.ts';
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
  /** Where a decoder may leave packed full-range luma, so that it is not copied; see `Resizer.room`. */
  room(bytes: number): Uint8Array<ArrayBuffer>;
  /** As {@link run}, reading packed or padded video where it lies. */
  runPlane(plane: LumaPlane, into?: Float32Array<ArrayBuffer>): Preprocessed;
}

/** A network in training sees a deviation of at least this, so that flat pictures do not blow up. */
const MIN_DEVIATION = 1 / 255;

const LEVELS = 256;
const FLOAT = Float32Array.BYTES_PER_ELEMENT;
const DOUBLE = Float64Array.BYTES_PER_ELEMENT;

/** The network's input value for each grey level: there are only 256, so the arithmetic is done once for each. */
function inputValues(scale: number, mean: number, deviation: number): Float32Array {
  return Float32Array.from({ length: 256 }, (_, grey) => (grey * scale - mean) / deviation);
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
  const values = count * channelCount(channels);
  const coloured = channels !== 'luma';
  const equaliser = clahe ? createEqualiser(clahe, input) : null;
  const kernel = createPixelKernel([
    ...[count, equaliser ? count : 0, coloured ? 2 * count : 0],
    ...[values * FLOAT, LEVELS * FLOAT, 2 * DOUBLE],
  ]);
  const [smallAt, equalisedAt, chromaAt, tensorAt, tableAt, sumsAt] = kernel.regions;
  const small = kernel.bytes(smallAt, count);
  const equalised = kernel.bytes(equalisedAt, equaliser ? count : 0);
  const smallChroma = coloured ? kernel.bytes(chromaAt, 2 * count) : null;
  const own = kernel.floats(tensorAt, values);
  const table = kernel.floats(tableAt, LEVELS);
  const sums = kernel.doubles(sumsAt, 2);
  const resizer = createResizer(input, 'luma');
  const chromaResizer = createResizer(input, 'chroma');
  const plain = standard ? null : inputValues(scale, 0, 1);
  const plainChroma = standard ? null : inputValues(scale, NO_COLOUR * scale, 1);

  /** Mean and standard deviation of the grey levels there, exact. */
  function moments(at: number): { mean: number; deviation: number } {
    kernel.calls.moments(at, count, sumsAt);
    const [sum, squares] = sums;
    const mean = sum / count;
    return { mean, deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)) };
  }

  /** Makes the grey levels there the tensor's channel `channel`. */
  function fill(channel: number, at: number, levels: Float32Array): void {
    table.set(levels);
    kernel.calls.look(at, count, tableAt, tensorAt + channel * count * FLOAT);
  }

  function fillChroma(plane: LumaPlane, deviation: number, planes: Uint8Array): void {
    const { chroma } = plane;
    if (!chroma) {
      planes.fill(NO_COLOUR);
      own.fill(0, count);
      return;
    }
    for (const [index, part] of [chroma.cb, chroma.cr].entries()) {
      chromaResizer.run(part, planes.subarray(index * count, (index + 1) * count));
      const at = chromaAt + index * count;
      fill(index + 1, at, plainChroma ?? inputValues(scale, moments(at).mean * scale, deviation));
    }
  }

  function runPlane(plane: LumaPlane, into?: Float32Array<ArrayBuffer>): Preprocessed {
    if (into && into.length !== own.length)
      throw new RangeError(`tensor of ${into.length} values, ${own.length} needed`);
    resizer.run(plane, small);
    const statistics = moments(smallAt);
    let seenAt = smallAt;
    let spread = statistics;
    if (equaliser) {
      equaliser.run(small, equalised);
      seenAt = equalisedAt;
      spread = moments(equalisedAt);
    }
    const deviation = Math.max(spread.deviation * scale, MIN_DEVIATION);
    fill(0, seenAt, plain ?? inputValues(scale, spread.mean * scale, deviation));
    if (smallChroma) fillChroma(plane, deviation, smallChroma);
    into?.set(own);
    return { tensor: into ?? own, small, smallChroma, ...statistics };
  }

  return {
    runPlane,
    room: resizer.room,
    run: (luma, into) => runPlane(planeOfImage(luma), into),
  };
}
