import type { Preprocessing } from '../domain/manifest.ts';
import { LIMITED_TO_FULL, type LumaImage, type LumaPlane, planeOfImage } from './luma.ts';

/** What the network and the quality gates get. Both arrays are used again by the preprocessor's next run. */
export interface Preprocessed {
  /** `[1, height, width]` float32, as the manifest's preprocessing says. */
  readonly tensor: Float32Array<ArrayBuffer>;
  /** `[height, width]` uint8 full-range luma, resized: what the tensor was made from. */
  readonly small: Uint8Array<ArrayBuffer>;
  /** Mean of `small`, 0..255. */
  readonly mean: number;
  /** Standard deviation of `small`, grey levels. */
  readonly deviation: number;
}

/** The one way from luma to a network's input. Not for two pictures at the same time. */
export interface Preprocessor {
  /**
   * @param luma full-range picture of any size
   * @param into receives the tensor, `height*width` values; without it the preprocessor's own array is used again
   */
  run(luma: LumaImage, into?: Float32Array<ArrayBuffer>): Preprocessed;
  /** As {@link run}, reading packed or padded video where it lies. */
  runPlane(plane: LumaPlane, into?: Float32Array<ArrayBuffer>): Preprocessed;
}

/** Weights have 11 bits, as OpenCV's; two of them and a grey level stay within 31 bits. */
const WEIGHT_ONE = 2048;
const PRODUCT_SHIFT = 22;
const PRODUCT_HALF = 1 << 21;

/** A network in training sees a deviation of at least this, so that flat pictures do not blow up. */
const MIN_DEVIATION = 1 / 255;

interface Axis {
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** Weight of `second`, 0..2048. */
  readonly weight: Int32Array;
}

/** Which two source pixels make each target pixel, centres aligned: source = (target + 0.5) * from / to - 0.5. */
function axis(from: number, to: number, pitch: number): Axis {
  const first = new Int32Array(to);
  const second = new Int32Array(to);
  const weight = new Int32Array(to);
  for (let target = 0; target < to; target++) {
    const source = Math.max(0, ((target + 0.5) * from) / to - 0.5);
    const low = Math.min(Math.floor(source), from - 1);
    const high = Math.min(low + 1, from - 1);
    first[target] = low * pitch;
    second[target] = high * pitch;
    weight[target] = high === low ? 0 : Math.round((source - low) * WEIGHT_ONE);
  }
  return { first, second, weight };
}

interface Tables {
  readonly key: string;
  readonly columns: Axis;
  readonly rows: Axis;
}

/** Bilinear resize of a full-range plane into `small`. */
function resizeFull(plane: LumaPlane, tables: Tables, small: Uint8Array): void {
  const { data, offset } = plane;
  const { first, second, weight } = tables.columns;
  const rows = tables.rows;
  const width = first.length;
  let out = 0;
  for (let y = 0; y < rows.first.length; y++) {
    const upper = offset + rows.first[y];
    const lower = offset + rows.second[y];
    const lowerWeight = rows.weight[y];
    const upperWeight = WEIGHT_ONE - lowerWeight;
    for (let x = 0; x < width; x++) {
      const left = first[x];
      const right = second[x];
      const rightWeight = weight[x];
      const leftWeight = WEIGHT_ONE - rightWeight;
      const top = data[upper + left] * leftWeight + data[upper + right] * rightWeight;
      const bottom = data[lower + left] * leftWeight + data[lower + right] * rightWeight;
      small[out++] = (top * upperWeight + bottom * lowerWeight + PRODUCT_HALF) >> PRODUCT_SHIFT;
    }
  }
}

/** As {@link resizeFull}, expanding each limited-range value before it is weighed. */
function resizeLimited(plane: LumaPlane, tables: Tables, small: Uint8Array): void {
  const { data, offset } = plane;
  const { first, second, weight } = tables.columns;
  const rows = tables.rows;
  const width = first.length;
  const full = LIMITED_TO_FULL;
  let out = 0;
  for (let y = 0; y < rows.first.length; y++) {
    const upper = offset + rows.first[y];
    const lower = offset + rows.second[y];
    const lowerWeight = rows.weight[y];
    const upperWeight = WEIGHT_ONE - lowerWeight;
    for (let x = 0; x < width; x++) {
      const left = first[x];
      const right = second[x];
      const rightWeight = weight[x];
      const leftWeight = WEIGHT_ONE - rightWeight;
      const top = full[data[upper + left]] * leftWeight + full[data[upper + right]] * rightWeight;
      const bottom = full[data[lower + left]] * leftWeight + full[data[lower + right]] * rightWeight;
      small[out++] = (top * upperWeight + bottom * lowerWeight + PRODUCT_HALF) >> PRODUCT_SHIFT;
    }
  }
}

/** Mean and standard deviation of grey levels, exact. */
function moments(grey: Uint8Array): { mean: number; deviation: number } {
  let sum = 0;
  let squares = 0;
  for (let index = 0; index < grey.length; index++) {
    const value = grey[index];
    sum += value;
    squares += value * value;
  }
  const mean = sum / grey.length;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / grey.length - mean * mean)) };
}

/** The network's input value for each grey level: there are only 256, so the arithmetic is done once for each. */
function inputValues(
  preprocessing: Preprocessing,
  statistics: { mean: number; deviation: number },
): Float32Array {
  const { scale, normalisation } = preprocessing;
  if (normalisation === 'none') return Float32Array.from({ length: 256 }, (_, grey) => grey * scale);
  const mean = statistics.mean * scale;
  const deviation = Math.max(statistics.deviation * scale, MIN_DEVIATION);
  return Float32Array.from({ length: 256 }, (_, grey) => (grey * scale - mean) / deviation);
}

/**
 * The preprocessing of one bundle: resize (bilinear, pixel centres aligned, rounded to grey levels, as OpenCV's
 * INTER_LINEAR), scale, normalise. Used by training, tests, stills and the daemon alike.
 * @param input the network's input, pixels
 */
export function createPreprocessor(
  preprocessing: Preprocessing,
  input: { readonly width: number; readonly height: number },
): Preprocessor {
  const count = input.width * input.height;
  const small = new Uint8Array(count);
  const own = new Float32Array(count);
  const plain =
    preprocessing.normalisation === 'none' ? inputValues(preprocessing, { mean: 0, deviation: 0 }) : null;
  let tables: Tables | null = null;

  function tablesFor(plane: LumaPlane): Tables {
    const key = `${plane.width}x${plane.height}/${plane.stride}/${plane.step}`;
    if (tables?.key === key) return tables;
    tables = {
      key,
      columns: axis(plane.width, input.width, plane.step),
      rows: axis(plane.height, input.height, plane.stride),
    };
    return tables;
  }

  function runPlane(plane: LumaPlane, into?: Float32Array<ArrayBuffer>): Preprocessed {
    const tensor = into ?? own;
    if (tensor.length !== count) throw new RangeError(`tensor of ${tensor.length} values, ${count} needed`);
    if (plane.range === 'limited') resizeLimited(plane, tablesFor(plane), small);
    else resizeFull(plane, tablesFor(plane), small);
    const statistics = moments(small);
    const values = plain ?? inputValues(preprocessing, statistics);
    for (let index = 0; index < count; index++) tensor[index] = values[small[index]];
    return { tensor, small, ...statistics };
  }

  return {
    runPlane,
    run: (luma, into) => runPlane(planeOfImage(luma), into),
  };
}
