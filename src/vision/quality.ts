import type { Quality } from '../domain/verdict.ts';
import { createPixelKernel } from './pixels/pixel-kernel.ts';
import type { Preprocessed } from './preprocess.ts';

const GRID = 8;
const BLOCKS = GRID * GRID;
/** Sum, sum of squares and number of saturated pixels. */
const FIGURES = 3;

/** Measures pictures of one size. Not for two at the same time. */
export interface QualityMeter {
  /** One picture as the network sees it, without the frame before. */
  alone(picture: Pick<Preprocessed, 'small' | 'mean' | 'deviation'>): Omit<Quality, 'change'>;
  /** Mean absolute difference of two pictures, grey levels. */
  difference(grey: Uint8Array, before: Uint8Array): number;
}

/**
 * Sharpness is the mean absolute 4-neighbour Laplacian over the inner pixels, grey levels. Local contrast is the standard
 * deviation of each block of an 8x8 grid, then the median of the 64. The blocks are all of the picture: the share of
 * saturated pixels (250 and above) comes with them.
 * @param size of the pictures, pixels
 */
export function createQualityMeter({
  width,
  height,
}: {
  readonly width: number;
  readonly height: number;
}): QualityMeter {
  const count = width * height;
  const inner = Math.max(0, width - 2) * Math.max(0, height - 2);
  const kernel = createPixelKernel([count, count, BLOCKS * FIGURES * Float64Array.BYTES_PER_ELEMENT]);
  const [pictureAt, beforeAt, figuresAt] = kernel.regions;
  const picture = kernel.bytes(pictureAt, count);
  const former = kernel.bytes(beforeAt, count);
  const figures = kernel.doubles(figuresAt, BLOCKS * FIGURES);
  const deviations = new Float64Array(BLOCKS);

  function pixelsOf(block: number): number {
    const row = Math.floor(block / GRID);
    const column = block % GRID;
    const high = Math.floor(((row + 1) * height) / GRID) - Math.floor((row * height) / GRID);
    const wide = Math.floor(((column + 1) * width) / GRID) - Math.floor((column * width) / GRID);
    return Math.max(1, high * wide);
  }
  const pixels = Float64Array.from({ length: BLOCKS }, (_, block) => pixelsOf(block));

  return {
    alone({ small, mean, deviation }) {
      picture.set(small);
      const sharpness = inner === 0 ? 0 : kernel.calls.bends(pictureAt, width, height) / inner;
      kernel.calls.blocks(pictureAt, width, height, GRID, figuresAt);
      let saturated = 0;
      for (let block = 0; block < BLOCKS; block++) {
        const at = block * FIGURES;
        const blockMean = figures[at] / pixels[block];
        const variance = figures[at + 1] / pixels[block] - blockMean * blockMean;
        deviations[block] = Math.sqrt(Math.max(0, variance));
        saturated += figures[at + 2];
      }
      deviations.sort();
      const localContrast = (deviations[BLOCKS / 2 - 1] + deviations[BLOCKS / 2]) / 2;
      return { mean, deviation, sharpness, localContrast, saturatedShare: saturated / count };
    },
    difference(grey, before) {
      picture.set(grey);
      former.set(before);
      return kernel.calls.differences(pictureAt, beforeAt, count) / count;
    },
  };
}
