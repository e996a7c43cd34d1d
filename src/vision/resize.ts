import type { Plane } from './luma.ts';

/**
 * Weights have 11 bits, as OpenCV's; two of them and a grey level stay within 31 bits. So all of it is whole numbers of 32
 * bits, which `| 0` and `Math.imul` tell the compiler: without them it looks for overflows, at twice the time. And
 * a·(1 − w) + b·w is taken as a + (b − a)·w: one product in place of two.
 */
const WEIGHT_BITS = 11;
const WEIGHT_ONE = 1 << WEIGHT_BITS;
const PRODUCT_SHIFT = 22;
const PRODUCT_HALF = 1 << 21;

interface Axis {
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** Weight of `second`, 0..2048. */
  readonly weight: Int32Array;
}

interface Tables {
  readonly key: string;
  readonly columns: Axis;
  readonly rows: Axis;
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

/** Bilinear resize of a full-range plane into `small`. */
function resizeFull(plane: Plane, tables: Tables, small: Uint8Array): void {
  const { data, offset } = plane;
  const { first, second, weight } = tables.columns;
  const rows = tables.rows;
  const width = first.length;
  let out = 0;
  for (let y = 0; y < rows.first.length; y++) {
    const upper = offset + rows.first[y];
    const lower = offset + rows.second[y];
    const lowerWeight = rows.weight[y];
    for (let x = 0; x < width; x++) {
      const left = first[x];
      const right = second[x];
      const rightWeight = weight[x];
      const a = data[(upper + left) | 0];
      const b = data[(lower + left) | 0];
      const top = ((a << WEIGHT_BITS) + Math.imul(data[(upper + right) | 0] - a, rightWeight)) | 0;
      const bottom = ((b << WEIGHT_BITS) + Math.imul(data[(lower + right) | 0] - b, rightWeight)) | 0;
      const both = ((top << WEIGHT_BITS) + Math.imul(bottom - top, lowerWeight)) | 0;
      small[out] = (both + PRODUCT_HALF) >> PRODUCT_SHIFT;
      out = (out + 1) | 0;
    }
  }
}

/** As {@link resizeFull}, expanding each limited-range value by the table `full` before it is weighed. */
function resizeLimited(plane: Plane, tables: Tables, small: Uint8Array, full: Uint8Array): void {
  const { data, offset } = plane;
  const { first, second, weight } = tables.columns;
  const rows = tables.rows;
  const width = first.length;
  let out = 0;
  for (let y = 0; y < rows.first.length; y++) {
    const upper = offset + rows.first[y];
    const lower = offset + rows.second[y];
    const lowerWeight = rows.weight[y];
    for (let x = 0; x < width; x++) {
      const left = first[x];
      const right = second[x];
      const rightWeight = weight[x];
      const a = full[data[(upper + left) | 0]];
      const b = full[data[(lower + left) | 0]];
      const top = ((a << WEIGHT_BITS) + Math.imul(full[data[(upper + right) | 0]] - a, rightWeight)) | 0;
      const bottom = ((b << WEIGHT_BITS) + Math.imul(full[data[(lower + right) | 0]] - b, rightWeight)) | 0;
      const both = ((top << WEIGHT_BITS) + Math.imul(bottom - top, lowerWeight)) | 0;
      small[out] = (both + PRODUCT_HALF) >> PRODUCT_SHIFT;
      out = (out + 1) | 0;
    }
  }
}

/** Brings planes of any size to one size; remembers the tables of the last one. */
export interface Resizer {
  /** @param small receives `[height, width]` uint8, full range */
  run(plane: Plane, small: Uint8Array): void;
}

/**
 * Bilinear, pixel centres aligned, rounded to whole levels, as OpenCV's INTER_LINEAR.
 * @param limitedToFull full-range value by limited-range code value
 */
export function createResizer(
  size: { readonly width: number; readonly height: number },
  limitedToFull: Uint8Array,
): Resizer {
  let tables: Tables | null = null;
  return {
    run(plane, small) {
      const key = `${plane.width}x${plane.height}/${plane.stride}/${plane.step}`;
      if (tables?.key !== key) {
        tables = {
          key,
          columns: axis(plane.width, size.width, plane.step),
          rows: axis(plane.height, size.height, plane.stride),
        };
      }
      if (plane.range === 'limited') resizeLimited(plane, tables, small, limitedToFull);
      else resizeFull(plane, tables, small);
    },
  };
}
