/** One figure at one moment of a run. */
export interface Point {
  /** How far the run was, frames. */
  readonly at: number;
  readonly value: number;
}

/** How a figure went over a run. */
export interface Trend {
  /** Mean of what was looked at. */
  readonly mean: number;
  /** Rise over the whole of what was looked at, in the figure's own unit. */
  readonly rise: number;
  /** Standard error of `rise`. */
  readonly error: number;
  /** Blocks that the line was laid through. */
  readonly blocks: number;
}

/** A rise that counts as one. */
export interface Flatness {
  /** Smaller rises are none, whatever their error: in the figure's unit. */
  readonly least: number;
  /** Smaller rises are none: as a share of the mean. */
  readonly leastShare: number;
}

/** Frames of the beginning that are not looked at: caches fill, stills come up to their limit. */
export const WARM_UP = 0.2;
/** Neighbouring samples know of each other; so many blocks of them nearly do not. */
export const BLOCKS = 16;
/** Student's t for 14 degrees of freedom, one side, 99.5 %. */
const CERTAIN = 2.977;
const LEAST_IN_BLOCK = 2;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * A straight line by least squares through the medians of {@link BLOCKS} equal stretches behind the warm-up.
 * null when there are too few points to say anything.
 */
export function trendOf(points: readonly Point[]): Trend | null {
  const end = points.at(-1)?.at ?? 0;
  const begin = end * WARM_UP;
  const blocks: { readonly x: number; readonly y: number }[] = [];
  const values: number[] = [];
  for (let block = 0; block < BLOCKS; block += 1) {
    const from = begin + ((end - begin) * block) / BLOCKS;
    const to = begin + ((end - begin) * (block + 1)) / BLOCKS;
    const inside = points.filter(({ at }) => at > from && at <= to).map(({ value }) => value);
    if (inside.length < LEAST_IN_BLOCK) return null;
    values.push(...inside);
    blocks.push({ x: (block + 0.5) / BLOCKS, y: median(inside) });
  }
  const meanOf = (numbers: readonly number[]): number =>
    numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  const x = meanOf(blocks.map((block) => block.x));
  const y = meanOf(blocks.map((block) => block.y));
  const across = blocks.reduce((sum, block) => sum + (block.x - x) ** 2, 0);
  const rise = blocks.reduce((sum, block) => sum + (block.x - x) * (block.y - y), 0) / across;
  const rest = blocks.reduce((sum, block) => sum + (block.y - y - rise * (block.x - x)) ** 2, 0);
  const error = Math.sqrt(rest / (BLOCKS - 2) / across);
  return { mean: meanOf(values), rise, error, blocks: BLOCKS };
}

/** Whether a figure rose: by more than its error explains (99.5 %), and by enough to matter. Falling is no fault. */
export function isRising({ rise, error, mean }: Trend, { least, leastShare }: Flatness): boolean {
  return rise - CERTAIN * error > 0 && rise > Math.max(least, leastShare * Math.abs(mean));
}
