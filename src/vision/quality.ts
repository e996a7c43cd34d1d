import type { Quality } from '../domain/verdict.ts';
import type { Preprocessed } from './preprocess.ts';

const GRID = 8;
const SATURATED = 250;

/** Mean absolute 4-neighbour Laplacian over the inner pixels, grey levels. */
function sharpnessOf(grey: Uint8Array, width: number, height: number): number {
  if (width < 3 || height < 3) return 0;
  let sum = 0;
  for (let y = 1; y < height - 1; y++) {
    const end = y * width + width - 1;
    for (let at = y * width + 1; at < end; at++) {
      const bend = 4 * grey[at] - grey[at - 1] - grey[at + 1] - grey[at - width] - grey[at + width];
      sum += bend < 0 ? -bend : bend;
    }
  }
  return sum / ((width - 2) * (height - 2));
}

/** Standard deviation of each block of an 8x8 grid, then the median of the 64, grey levels. */
function localContrastOf(grey: Uint8Array, width: number, height: number): number {
  const deviations = new Float64Array(GRID * GRID);
  for (let row = 0; row < GRID; row++) {
    const top = Math.floor((row * height) / GRID);
    const bottom = Math.floor(((row + 1) * height) / GRID);
    for (let column = 0; column < GRID; column++) {
      const left = Math.floor((column * width) / GRID);
      const right = Math.floor(((column + 1) * width) / GRID);
      let sum = 0;
      let squares = 0;
      for (let y = top; y < bottom; y++) {
        for (let at = y * width + left; at < y * width + right; at++) {
          const value = grey[at];
          sum += value;
          squares += value * value;
        }
      }
      const count = Math.max(1, (bottom - top) * (right - left));
      const mean = sum / count;
      deviations[row * GRID + column] = Math.sqrt(Math.max(0, squares / count - mean * mean));
    }
  }
  deviations.sort();
  return (deviations[(GRID * GRID) / 2 - 1] + deviations[(GRID * GRID) / 2]) / 2;
}

function saturatedShareOf(grey: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < grey.length; at++) if (grey[at] >= SATURATED) count++;
  return count / grey.length;
}

function meanDifference(grey: Uint8Array, before: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < grey.length; at++) {
    const difference = grey[at] - before[at];
    sum += difference < 0 ? -difference : difference;
  }
  return sum / grey.length;
}

/**
 * Measures one picture as the network sees it.
 * @param size of `picture.small`, pixels
 * @param before the small luma of the frame before, same size; null for the first frame and for stills
 */
export function measureQuality(
  picture: Pick<Preprocessed, 'small' | 'mean' | 'deviation'>,
  size: { readonly width: number; readonly height: number },
  before: Uint8Array | null,
): Quality {
  const { small, mean, deviation } = picture;
  return {
    mean,
    deviation,
    saturatedShare: saturatedShareOf(small),
    sharpness: sharpnessOf(small, size.width, size.height),
    localContrast: localContrastOf(small, size.width, size.height),
    change: before === null ? null : meanDifference(small, before),
  };
}
