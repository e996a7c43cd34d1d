import type { Sample } from './samples.ts';

/** Two samples that show the same picture. */
export interface SamePicture {
  readonly first: Sample;
  readonly second: Sample;
  /** `exact`: equal pixel for pixel. `near`: equal but for brightness, contrast, compression, mirroring or turning. */
  readonly kind: 'exact' | 'near';
  /** Correlation of their fine detail, 0..1. */
  readonly likeness: number;
}

type Size = { readonly width: number; readonly height: number };

/** Side of the reduced picture whose detail is compared, and half the side of the surroundings taken off it. */
const SIDE = 64;
const SURROUNDINGS = 4;
/** Side of the reduced picture that is hashed, and how many frequencies along a side count. */
const HASH_SIDE = 32;
const FREQUENCIES = 8;
/** Hashes of unrelated pictures differ in about 32 of their 63 bits; of JPEG copies in few. */
const MOST_BITS = 16;
/**
 * Measured on 1,869 pictures of walls, rust and textures: unrelated ones that share one thick line reach 0.62; copies
 * at JPEG quality 30 stay above 0.8, the worst of those darkened as well at 0.62.
 */
const LEAST_LIKENESS = 0.7;
/** Mirrored, flipped, transposed and all of these together. */
const ORIENTATIONS = 8;

interface Fingerprint {
  /** Low and high word of the hash in each orientation. */
  readonly hashes: Int32Array;
  /** `[SIDE, SIDE]` detail of sum 0 and length 1; all 0 for a picture without any. */
  readonly detail: Float32Array;
}

/**
 * All pairs of samples that show the same picture. A picture is found by a perceptual hash (signs of its lowest
 * frequencies, Zauner 2010) and proved by its detail; an enlarged part of another picture is not found.
 * @param size of the samples' luma, pixels
 */
export function findSamePictures(samples: readonly Sample[], size: Size): SamePicture[] {
  const prints = samples.map(({ luma }) => fingerprintOf(luma, size));
  const pairs: SamePicture[] = [];
  for (let i = 0; i < prints.length; i++) {
    const [low, high] = prints[i].hashes;
    for (let j = i + 1; j < prints.length; j++) {
      const { hashes, detail } = prints[j];
      // A picture without any detail is like no other, and still its own copy.
      const alike = low === hashes[0] && high === hashes[1];
      const exact = alike && Buffer.compare(samples[i].luma, samples[j].luma) === 0;
      let likeness = exact ? 1 : 0;
      for (let way = 0; way < ORIENTATIONS && !exact; way++) {
        if (bitsOf(low ^ hashes[2 * way]) + bitsOf(high ^ hashes[2 * way + 1]) > MOST_BITS) continue;
        likeness = Math.max(likeness, correlation(prints[i].detail, detail, way));
      }
      if (likeness < LEAST_LIKENESS) continue;
      pairs.push({ first: samples[i], second: samples[j], kind: exact ? 'exact' : 'near', likeness });
    }
  }
  return pairs;
}

function fingerprintOf(luma: Uint8Array, size: Size): Fingerprint {
  const detail = detailOf(reduced(luma, size, SIDE));
  const waves = lowFrequencies(reduced(luma, size, HASH_SIDE));
  const hashes = new Int32Array(2 * ORIENTATIONS);
  for (let way = 0; way < ORIENTATIONS; way++) {
    for (let bit = 1; bit < FREQUENCIES * FREQUENCIES; bit++) {
      const [down, across] = [Math.floor(bit / FREQUENCIES), bit % FREQUENCIES];
      const [v, u] = way & 4 ? [across, down] : [down, across];
      // Mirroring turns the sign of odd waves and of no other.
      const turned = ((way & 1) !== 0 && across % 2 === 1) !== ((way & 2) !== 0 && down % 2 === 1);
      if (waves[v * FREQUENCIES + u] > 0 !== turned) hashes[2 * way + (bit >> 5)] |= 1 << (bit & 31);
    }
  }
  return { hashes, detail };
}

/** Mean of each cell of a `side` by `side` grid. */
function reduced(luma: Uint8Array, { width, height }: Size, side: number): Float32Array {
  const cells = new Float32Array(side * side);
  for (let row = 0; row < side; row++) {
    const top = Math.floor((row * height) / side);
    const bottom = Math.max(top + 1, Math.floor(((row + 1) * height) / side));
    for (let column = 0; column < side; column++) {
      const left = Math.floor((column * width) / side);
      const right = Math.max(left + 1, Math.floor(((column + 1) * width) / side));
      let sum = 0;
      for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += luma[y * width + x];
      cells[row * side + column] = sum / ((right - left) * (bottom - top));
    }
  }
  return cells;
}

/** What each cell differs by from its surroundings, brought to length 1: even light and shade leave nothing in it. */
function detailOf(cells: Float32Array): Float32Array {
  const detail = new Float32Array(cells.length);
  let squares = 0;
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      let sum = 0;
      let count = 0;
      for (let y = Math.max(0, row - SURROUNDINGS); y <= Math.min(SIDE - 1, row + SURROUNDINGS); y++) {
        for (
          let x = Math.max(0, column - SURROUNDINGS);
          x <= Math.min(SIDE - 1, column + SURROUNDINGS);
          x++
        ) {
          sum += cells[y * SIDE + x];
          count++;
        }
      }
      const value = cells[row * SIDE + column] - sum / count;
      detail[row * SIDE + column] = value;
      squares += value * value;
    }
  }
  const length = Math.sqrt(squares);
  if (length > 0) for (let i = 0; i < detail.length; i++) detail[i] /= length;
  return detail;
}

/** The lowest coefficients of the cosine transform, `[FREQUENCIES, FREQUENCIES]`, unscaled. */
function lowFrequencies(cells: Float32Array): Float32Array {
  const rows = new Float32Array(HASH_SIDE * FREQUENCIES);
  for (let y = 0; y < HASH_SIDE; y++) {
    for (let u = 0; u < FREQUENCIES; u++) {
      let sum = 0;
      for (let x = 0; x < HASH_SIDE; x++) sum += cells[y * HASH_SIDE + x] * wave(x, u);
      rows[y * FREQUENCIES + u] = sum;
    }
  }
  const waves = new Float32Array(FREQUENCIES * FREQUENCIES);
  for (let v = 0; v < FREQUENCIES; v++) {
    for (let u = 0; u < FREQUENCIES; u++) {
      for (let y = 0; y < HASH_SIDE; y++)
        waves[v * FREQUENCIES + u] += rows[y * FREQUENCIES + u] * wave(y, v);
    }
  }
  return waves;
}

const WAVES = Float32Array.from({ length: HASH_SIDE * FREQUENCIES }, (_, i) =>
  Math.cos((Math.PI * (2 * (i % HASH_SIDE) + 1) * Math.floor(i / HASH_SIDE)) / (2 * HASH_SIDE)),
);

function wave(at: number, frequency: number): number {
  return WAVES[frequency * HASH_SIDE + at];
}

function correlation(first: Float32Array, second: Float32Array, way: number): number {
  let sum = 0;
  for (let row = 0, at = 0; row < SIDE; row++) {
    const y = way & 2 ? SIDE - 1 - row : row;
    for (let column = 0; column < SIDE; column++, at++) {
      const x = way & 1 ? SIDE - 1 - column : column;
      sum += first[at] * second[way & 4 ? x * SIDE + y : y * SIDE + x];
    }
  }
  return sum;
}

/** How many bits of a word are set (Warren, Hacker's Delight, 5-1). */
function bitsOf(word: number): number {
  let value = word - ((word >>> 1) & 0x55555555);
  value = (value & 0x33333333) + ((value >>> 2) & 0x33333333);
  return Math.imul((value + (value >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
