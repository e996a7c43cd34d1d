import type { HeatMap } from '../domain/finding.ts';
import type { Box } from '../domain/verdict.ts';

/**
 * Where in a picture the evidence for a class is, found by asking the network about the picture with one window hidden,
 * and about that window alone (Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014; Petsiuk et
 * al., RISE, 2018). Works with every network, for it needs nothing but its output. Hidden windows alone fail where a
 * defect runs through many of them: the rest of it still speaks for it. Windows alone fail where the network needs what
 * is around. Together they do not.
 */

/** Cells of the map along each side. */
const CELLS = 7;
/** A window covers so many cells along each side, and begins at each cell where it fits. */
const WINDOW = 2;
const PLACES = CELLS - WINDOW + 1;
/** A difference of the log odds below this says nothing. */
const LEAST_EFFECT = 0.2;
/** Cells of at least this share of the highest belong to the box. */
const BOX_LEVEL = 0.55;

/** Pictures that the network is asked about: the picture, an empty one, each window hidden, each window alone. */
export const VARIANTS = 2 + 2 * PLACES * PLACES;

/** Makes the variants of one picture. */
export interface Variants {
  /** Writes variant `index` into `into`, `[channels, height, width]`. */
  write(index: number, into: Float32Array): void;
}

/**
 * @param picture `[channels, height, width]`, the network's input; only read
 */
export function variantsOf(
  picture: Float32Array,
  size: { readonly channels: number; readonly height: number; readonly width: number },
): Variants {
  const { channels, height, width } = size;
  const area = height * width;
  const across = profiles(width);
  const down = profiles(height);
  const means = Array.from({ length: channels }, (_, channel) => {
    let sum = 0;
    for (let i = channel * area; i < (channel + 1) * area; i++) sum += picture[i];
    return sum / area;
  });
  return {
    write(index, into) {
      if (index === 0) {
        into.set(picture);
        return;
      }
      const window = (index - 2) % (PLACES * PLACES);
      const alone = index - 2 >= PLACES * PLACES;
      for (let channel = 0; channel < channels; channel++) {
        const mean = means[channel];
        if (index === 1) {
          into.fill(mean, channel * area, (channel + 1) * area);
          continue;
        }
        const columns = across[window % PLACES];
        const rows = down[Math.floor(window / PLACES)];
        let at = channel * area;
        for (let y = 0; y < height; y++) {
          const row = rows[y];
          for (let x = 0; x < width; x++, at++) {
            const inside = row * columns[x];
            into[at] = mean + (picture[at] - mean) * (alone ? inside : 1 - inside);
          }
        }
      }
    },
  };
}

/** How far each pixel along a side is inside the window at each place, 0..1: soft, for a hard edge looks like a crack. */
function profiles(side: number): Float32Array[] {
  const cell = side / CELLS;
  const slope = cell / 2;
  return Array.from({ length: PLACES }, (_, place) =>
    Float32Array.from({ length: side }, (_unused, pixel) => {
      const middle = pixel + 0.5;
      const outside = Math.max(place * cell - middle, middle - (place + WINDOW) * cell, 0);
      return outside >= slope ? 0 : 0.5 + 0.5 * Math.cos((Math.PI * outside) / slope);
    }),
  );
}

/**
 * The map from what the network said, and the box around its highest part; null where no window makes a difference.
 * @param odds log odds of the class for each variant
 * @param area the part of the frame that the picture is
 */
export function readMap(
  odds: readonly number[],
  area: Box,
): { readonly map: HeatMap; readonly box: Box } | null {
  const [base, empty] = odds;
  const count = PLACES * PLACES;
  const drops = shares(odds.slice(2, 2 + count).map((hidden) => base - hidden));
  const rises = shares(odds.slice(2 + count).map((alone) => alone - empty));
  if (drops === null && rises === null) return null;
  const windows = Array.from({ length: count }, (_, index) => (drops?.[index] ?? 0) + (rises?.[index] ?? 0));
  const cells = Array.from({ length: CELLS * CELLS }, (_, index) => {
    const covering = windowsOver(index % CELLS, Math.floor(index / CELLS));
    return covering.reduce((sum, window) => sum + windows[window], 0) / covering.length;
  });
  const [least, most] = [Math.min(...cells), Math.max(...cells)];
  const values = cells.map((value) => (most > least ? (value - least) / (most - least) : 1));
  return { map: { area, columns: CELLS, rows: CELLS, values }, box: within(area, boxOf(values)) };
}

/** As shares of the largest, nothing below 0; null where even that says nothing. */
function shares(effects: readonly number[]): number[] | null {
  const largest = Math.max(...effects);
  return largest < LEAST_EFFECT ? null : effects.map((effect) => Math.max(0, effect) / largest);
}

function windowsOver(column: number, row: number): number[] {
  const places = (cell: number): number[] =>
    Array.from({ length: WINDOW }, (_, back) => cell - back).filter((place) => place >= 0 && place < PLACES);
  return places(row).flatMap((y) => places(column).map((x) => y * PLACES + x));
}

/** Around the cells that hang together with the highest one. */
function boxOf(values: readonly number[]): Box {
  const reached = new Set([values.indexOf(Math.max(...values))]);
  for (const index of reached) {
    const [x, y] = [index % CELLS, Math.floor(index / CELLS)];
    for (const [nextX, nextY] of [
      [x - 1, y],
      [x + 1, y],
      [x, y - 1],
      [x, y + 1],
    ]) {
      const isThere = nextX >= 0 && nextX < CELLS && nextY >= 0 && nextY < CELLS;
      if (isThere && values[nextY * CELLS + nextX] >= BOX_LEVEL) reached.add(nextY * CELLS + nextX);
    }
  }
  const columns = [...reached].map((index) => index % CELLS);
  const rows = [...reached].map((index) => Math.floor(index / CELLS));
  const [left, top] = [Math.min(...columns), Math.min(...rows)];
  return {
    left: left / CELLS,
    top: top / CELLS,
    width: (Math.max(...columns) + 1 - left) / CELLS,
    height: (Math.max(...rows) + 1 - top) / CELLS,
  };
}

/** A box of a part as a box of the whole. */
function within(area: Box, box: Box): Box {
  return {
    left: area.left + box.left * area.width,
    top: area.top + box.top * area.height,
    width: box.width * area.width,
    height: box.height * area.height,
  };
}
