import type { Clahe } from '../domain/manifest.ts';

const LEVELS = 256;

/** Evens out the local contrast of pictures of one size. */
export interface Equaliser {
  /** @param from,to `[height, width]` uint8; may not be the same array */
  run(from: Uint8Array, to: Uint8Array): void;
}

interface Neighbours {
  /** Tile before and after each pixel's centre. */
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** Weight of `second`, 0..1. */
  readonly weight: Float32Array;
  /** Where each tile begins; one more than there are tiles. */
  readonly starts: Int32Array;
}

/**
 * Contrast limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994): each tile's histogram, cut off
 * at `clip` times its mean with the excess spread evenly, gives a tone curve; between tile centres the curves are
 * weighed bilinearly. `tiles` may not be more than the picture has pixels along a side.
 */
export function createEqualiser(
  { tiles, clip }: Clahe,
  size: { readonly width: number; readonly height: number },
): Equaliser {
  const across = neighbours(size.width, Math.min(tiles, size.width));
  const down = neighbours(size.height, Math.min(tiles, size.height));
  const columns = across.starts.length - 1;
  const rows = down.starts.length - 1;
  const curves = new Float32Array(columns * rows * LEVELS);
  const histogram = new Float64Array(LEVELS);

  function fillCurve(from: Uint8Array, row: number, column: number): void {
    histogram.fill(0);
    const left = across.starts[column];
    const right = across.starts[column + 1];
    for (let y = down.starts[row]; y < down.starts[row + 1]; y++) {
      for (let x = left; x < right; x++) histogram[from[y * size.width + x]]++;
    }
    const pixels = (right - left) * (down.starts[row + 1] - down.starts[row]);
    const limit = Math.max(1, (clip * pixels) / LEVELS);
    let excess = 0;
    for (let level = 0; level < LEVELS; level++) {
      if (histogram[level] <= limit) continue;
      excess += histogram[level] - limit;
      histogram[level] = limit;
    }
    const share = excess / LEVELS;
    const scale = (LEVELS - 1) / pixels;
    const curve = (row * columns + column) * LEVELS;
    let sum = 0;
    for (let level = 0; level < LEVELS; level++) {
      sum += histogram[level] + share;
      curves[curve + level] = sum * scale;
    }
  }

  return {
    run(from, to) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) fillCurve(from, row, column);
      }
      for (let y = 0, at = 0; y < size.height; y++) {
        const upper = down.first[y] * columns * LEVELS;
        const lower = down.second[y] * columns * LEVELS;
        const lowerWeight = down.weight[y];
        for (let x = 0; x < size.width; x++, at++) {
          const level = from[at];
          const left = across.first[x] * LEVELS + level;
          const right = across.second[x] * LEVELS + level;
          const weight = across.weight[x];
          const top = curves[upper + left] * (1 - weight) + curves[upper + right] * weight;
          const bottom = curves[lower + left] * (1 - weight) + curves[lower + right] * weight;
          to[at] = top * (1 - lowerWeight) + bottom * lowerWeight + 0.5;
        }
      }
    },
  };
}

function neighbours(side: number, tiles: number): Neighbours {
  const starts = Int32Array.from({ length: tiles + 1 }, (_, tile) => Math.round((tile * side) / tiles));
  const first = new Int32Array(side);
  const second = new Int32Array(side);
  const weight = new Float32Array(side);
  for (let at = 0; at < side; at++) {
    const place = Math.max(0, ((at + 0.5) * tiles) / side - 0.5);
    first[at] = Math.min(Math.floor(place), tiles - 1);
    second[at] = Math.min(first[at] + 1, tiles - 1);
    weight[at] = second[at] === first[at] ? 0 : place - first[at];
  }
  return { first, second, weight, starts };
}
