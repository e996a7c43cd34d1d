import { mix } from './random.ts';

/** Side of every noise picture, pixels; a power of two, because reading wraps with a mask. */
export const NOISE_SIZE = 512;
const MASK = NOISE_SIZE - 1;

/** Wavelength of the coarsest octave of `cloud`, pixels. */
export const CLOUD_WAVE = 128;
/** Wavelength of the coarsest octave of `grain`, pixels. */
export const GRAIN_WAVE = 8;
/** Mean distance from cell to cell, pixels. */
export const CELL_WAVE = NOISE_SIZE / 24;

/**
 * Noise pictures that tile without a seam, each `[512, 512]` float32, drawn once and read many times at other scales:
 * one read gives what several octaves of noise would cost.
 */
export interface NoiseAtlas {
  /** Soft clouds with fine detail, about -1..1. */
  readonly cloud: Float32Array;
  /** Fine grain, about -1..1. */
  readonly grain: Float32Array;
  /** Distance to the nearest cell centre in cell widths, 0..about 1. */
  readonly cellDistance: Float32Array;
  /** Distance to the border between cells, 0 on it. */
  readonly cellEdge: Float32Array;
  /** A random number of the cell, 0..1, constant inside it. */
  readonly cellNumber: Float32Array;
}

/** Reads a noise picture at `x`, `y` pixels (any number; wraps), bilinear. */
export function sample(field: Float32Array, x: number, y: number): number {
  const xf = Math.floor(x);
  const yf = Math.floor(y);
  const fx = x - xf;
  const fy = y - yf;
  const x0 = xf & MASK;
  const x1 = (x0 + 1) & MASK;
  const row0 = (yf & MASK) * NOISE_SIZE;
  const row1 = ((yf + 1) & MASK) * NOISE_SIZE;
  const a = field[row0 + x0];
  const c = field[row1 + x0];
  const top = a + (field[row0 + x1] - a) * fx;
  return top + (c + (field[row1 + x1] - c) * fx - top) * fy;
}

/**
 * Reads a line of a noise picture into `line`: `line[i]` = {@link sample} at `x + i·step`, `y`. Much faster than as many
 * single reads.
 */
export function sampleLine(
  field: Float32Array,
  x: number,
  step: number,
  y: number,
  line: Float32Array,
): void {
  const yf = Math.floor(y);
  const fy = y - yf;
  const row0 = (yf & MASK) * NOISE_SIZE;
  const row1 = ((yf + 1) & MASK) * NOISE_SIZE;
  for (let i = 0; i < line.length; i++) {
    const at = x + i * step;
    const xf = Math.floor(at);
    const fx = at - xf;
    const x0 = xf & MASK;
    const x1 = (x0 + 1) & MASK;
    const a = field[row0 + x0];
    const c = field[row1 + x0];
    const top = a + (field[row0 + x1] - a) * fx;
    line[i] = top + (c + (field[row1 + x1] - c) * fx - top) * fy;
  }
}

/** As {@link sampleLine}, the nearest pixel of each place. */
export function nearestLine(
  field: Float32Array,
  x: number,
  step: number,
  y: number,
  line: Float32Array,
): void {
  const row = (Math.floor(y) & MASK) * NOISE_SIZE;
  for (let i = 0; i < line.length; i++) line[i] = field[row + (Math.floor(x + i * step) & MASK)];
}

/** Reads a noise picture at the nearest pixel; wraps. */
export function nearest(field: Float32Array, x: number, y: number): number {
  return field[(Math.floor(y) & MASK) * NOISE_SIZE + (Math.floor(x) & MASK)];
}

/** Draws the pictures; about 0.1 s. The same every time: plans vary by where and how they read. */
export function createNoiseAtlas(): NoiseAtlas {
  return {
    cloud: octaves(NOISE_SIZE / CLOUD_WAVE, 7, 0.55, 11),
    grain: octaves(NOISE_SIZE / GRAIN_WAVE, 3, 0.75, 23),
    ...cells(24, 37),
  };
}

function lattice(x: number, y: number, seed: number): number {
  return (mix(x + Math.imul(y, 7919) + Math.imul(seed, 104729)) >>> 0) / 2147483648 - 1;
}

function octaves(firstPeriod: number, count: number, persistence: number, seed: number): Float32Array {
  const field = new Float32Array(NOISE_SIZE * NOISE_SIZE);
  let amplitude = 1;
  let power = 0;
  for (let octave = 0, period = firstPeriod; octave < count; octave++, period *= 2) {
    const values = new Float32Array(period * period);
    for (let y = 0; y < period; y++)
      for (let x = 0; x < period; x++) values[y * period + x] = lattice(x, y, seed + octave);
    const step = period / NOISE_SIZE;
    for (let y = 0; y < NOISE_SIZE; y++) {
      const v = y * step;
      const j = Math.floor(v);
      const fy = smooth(v - j);
      const row0 = j * period;
      const row1 = ((j + 1) % period) * period;
      for (let x = 0; x < NOISE_SIZE; x++) {
        const u = x * step;
        const i = Math.floor(u);
        const next = (i + 1) % period;
        const fx = smooth(u - i);
        const top = values[row0 + i] + (values[row0 + next] - values[row0 + i]) * fx;
        const low = values[row1 + i] + (values[row1 + next] - values[row1 + i]) * fx;
        field[y * NOISE_SIZE + x] += amplitude * (top + (low - top) * fy);
      }
    }
    power += amplitude * amplitude;
    amplitude *= persistence;
  }
  // A lattice of even numbers has deviation 0.58, less what interpolation takes: this brings it to about 0.45.
  const gain = 1.1 / Math.sqrt(power);
  for (let i = 0; i < field.length; i++) field[i] *= gain;
  return field;
}

function smooth(t: number): number {
  return t * t * t * (t * (t * 6 - 15) + 10);
}

function cells(perSide: number, seed: number): Pick<NoiseAtlas, 'cellDistance' | 'cellEdge' | 'cellNumber'> {
  const cellDistance = new Float32Array(NOISE_SIZE * NOISE_SIZE);
  const cellEdge = new Float32Array(NOISE_SIZE * NOISE_SIZE);
  const cellNumber = new Float32Array(NOISE_SIZE * NOISE_SIZE);
  const centreX = new Float32Array(perSide * perSide);
  const centreY = new Float32Array(perSide * perSide);
  for (let j = 0; j < perSide; j++)
    for (let i = 0; i < perSide; i++) {
      centreX[j * perSide + i] = 0.5 + 0.5 * lattice(i, j, seed);
      centreY[j * perSide + i] = 0.5 + 0.5 * lattice(i, j, seed + 1);
    }
  const step = perSide / NOISE_SIZE;
  for (let y = 0; y < NOISE_SIZE; y++) {
    const v = y * step;
    const cellY = Math.floor(v);
    for (let x = 0; x < NOISE_SIZE; x++) {
      const u = x * step;
      const cellX = Math.floor(u);
      let first = 9;
      let second = 9;
      let owner = 0;
      for (let dj = -1; dj <= 1; dj++) {
        const wrappedY = (cellY + dj + perSide) % perSide;
        for (let di = -1; di <= 1; di++) {
          const index = wrappedY * perSide + ((cellX + di + perSide) % perSide);
          const dx = cellX + di + centreX[index] - u;
          const dy = cellY + dj + centreY[index] - v;
          const square = dx * dx + dy * dy;
          if (square < first) {
            second = first;
            first = square;
            owner = index;
          } else if (square < second) second = square;
        }
      }
      const at = y * NOISE_SIZE + x;
      cellDistance[at] = Math.sqrt(first);
      cellEdge[at] = Math.sqrt(second) - Math.sqrt(first);
      cellNumber[at] = 0.5 + 0.5 * lattice(owner, 3, seed + 2);
    }
  }
  return { cellDistance, cellEdge, cellNumber };
}
