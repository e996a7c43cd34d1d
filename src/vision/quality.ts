import type { Quality } from '../domain/verdict.ts';
import type { Preprocessed } from './preprocess.ts';

const GRID = 8;
const SATURATED = 250;

// Sums of one row of whole numbers stay within 31 bits; `| 0` tells the compiler so, at half the time.

/** So many differences of grey levels do too. */
const STRETCH = 1 << 20;

/** Mean absolute 4-neighbour Laplacian over the inner pixels, grey levels. */
function sharpnessOf(grey: Uint8Array, width: number, height: number): number {
  if (width < 3 || height < 3) return 0;
  let sum = 0;
  for (let y = 1; y < height - 1; y++) {
    const end = y * width + width - 1;
    let rowSum = 0;
    let left = grey[y * width];
    let here = grey[y * width + 1];
    for (let at = y * width + 1; at < end; at++) {
      const right = grey[(at + 1) | 0];
      const bend = ((here << 2) - left - right - grey[(at - width) | 0] - grey[(at + width) | 0]) | 0;
      rowSum = (rowSum + (bend < 0 ? -bend | 0 : bend)) | 0;
      left = here;
      here = right;
    }
    sum += rowSum;
  }
  return sum / ((width - 2) * (height - 2));
}

/** Sum and sum of squares of part of a row, and how many of its pixels are saturated. */
interface Sums {
  sum: number;
  squares: number;
  saturated: number;
}

function addRow(grey: Uint8Array, from: number, to: number, sums: Sums): void {
  let sum = 0;
  let squares = 0;
  let saturated = 0;
  for (let at = from; at < to; at++) {
    const value = grey[at];
    sum = (sum + value) | 0;
    squares = (squares + Math.imul(value, value)) | 0;
    // 1 for 250 and above, without a branch.
    saturated = (saturated + ((value + 256 - SATURATED) >> 8)) | 0;
  }
  sums.sum += sum;
  sums.squares += squares;
  sums.saturated += saturated;
}

/**
 * Standard deviation of each block of an 8x8 grid, then the median of the 64, grey levels; and the share of saturated
 * pixels, for the blocks are all of the picture.
 */
function blocksOf(
  grey: Uint8Array,
  width: number,
  height: number,
): Pick<Quality, 'localContrast' | 'saturatedShare'> {
  const deviations = new Float64Array(GRID * GRID);
  let saturated = 0;
  for (let row = 0; row < GRID; row++) {
    const top = Math.floor((row * height) / GRID);
    const bottom = Math.floor(((row + 1) * height) / GRID);
    for (let column = 0; column < GRID; column++) {
      const left = Math.floor((column * width) / GRID);
      const right = Math.floor(((column + 1) * width) / GRID);
      const sums: Sums = { sum: 0, squares: 0, saturated: 0 };
      for (let y = top; y < bottom; y++) addRow(grey, y * width + left, y * width + right, sums);
      const count = Math.max(1, (bottom - top) * (right - left));
      const mean = sums.sum / count;
      deviations[row * GRID + column] = Math.sqrt(Math.max(0, sums.squares / count - mean * mean));
      saturated += sums.saturated;
    }
  }
  deviations.sort();
  return {
    localContrast: (deviations[(GRID * GRID) / 2 - 1] + deviations[(GRID * GRID) / 2]) / 2,
    saturatedShare: saturated / grey.length,
  };
}

/** Mean absolute difference of two pictures of one size, grey levels. */
export function meanDifference(grey: Uint8Array, before: Uint8Array): number {
  let sum = 0;
  for (let from = 0; from < grey.length; from += STRETCH) {
    const to = Math.min(grey.length, from + STRETCH);
    let part = 0;
    for (let at = from; at < to; at++) {
      const difference = grey[at] - before[at];
      part = (part + (difference < 0 ? -difference | 0 : difference)) | 0;
    }
    sum += part;
  }
  return sum / grey.length;
}

/**
 * Measures one picture as the network sees it, without the frame before.
 * @param size of `picture.small`, pixels
 */
export function measureAlone(
  picture: Pick<Preprocessed, 'small' | 'mean' | 'deviation'>,
  size: { readonly width: number; readonly height: number },
): Omit<Quality, 'change'> {
  const { small, mean, deviation } = picture;
  return {
    mean,
    deviation,
    sharpness: sharpnessOf(small, size.width, size.height),
    ...blocksOf(small, size.width, size.height),
  };
}
