import type { Random } from '../random.ts';

/** A picture that is being drawn: red, green and blue as grey levels 0..255 in floating point, `[height, width]`. */
export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly red: Float32Array;
  readonly green: Float32Array;
  readonly blue: Float32Array;
}

/** One value for each pixel, `[height, width]`. */
export type Field = Float32Array;

export type Rgb = readonly [number, number, number];

export function createCanvas(width: number, height: number): Canvas {
  const plane = (): Float32Array => new Float32Array(width * height);
  return { width, height, red: plane(), green: plane(), blue: plane() };
}

/** Luma of each pixel, grey levels. */
export function lumaField({ red, green, blue }: Canvas): Field {
  return red.map((value, i) => 0.299 * value + 0.587 * green[i] + 0.114 * blue[i]);
}

/** Multiplies each pixel by its factor. */
export function shade(canvas: Canvas, factors: Field): void {
  for (const plane of [canvas.red, canvas.green, canvas.blue])
    for (let i = 0; i < plane.length; i++) plane[i] *= factors[i];
}

/** Goes over to a colour by a share 0..1 for each pixel. */
export function blend(canvas: Canvas, i: number, colour: Rgb, share: number): void {
  canvas.red[i] += (colour[0] - canvas.red[i]) * share;
  canvas.green[i] += (colour[1] - canvas.green[i]) * share;
  canvas.blue[i] += (colour[2] - canvas.blue[i]) * share;
}

export interface NoiseShape {
  /** Largest wave, share of the picture's shorter side; `across` and `down` may differ for grain with a direction. */
  readonly across: number;
  readonly down: number;
  readonly octaves: number;
  /** Each octave's strength, of the one before. */
  readonly gain: number;
}

/** Value noise of several octaves, brought to mean 0 and deviation 1. */
export function noise(
  { width, height }: Pick<Canvas, 'width' | 'height'>,
  shape: NoiseShape,
  random: Random,
): Field {
  const field = new Float32Array(width * height);
  const side = Math.min(width, height);
  let strength = 1;
  for (let octave = 0; octave < shape.octaves; octave++) {
    const cellX = Math.max(1, (shape.across * side) / 2 ** octave);
    const cellY = Math.max(1, (shape.down * side) / 2 ** octave);
    addOctave(field, width, height, cellX, cellY, strength, random);
    strength *= shape.gain;
    if (cellX <= 1 && cellY <= 1) break;
  }
  return standardised(field);
}

function addOctave(
  field: Field,
  width: number,
  height: number,
  cellX: number,
  cellY: number,
  strength: number,
  random: Random,
): void {
  const columns = Math.ceil(width / cellX) + 3;
  const rows = Math.ceil(height / cellY) + 3;
  const lattice = Float32Array.from({ length: columns * rows }, () => random.between(-strength, strength));
  const [shiftX, shiftY] = [random.next(), random.next()];
  const lefts = new Int32Array(width);
  const eases = new Float32Array(width);
  for (let x = 0; x < width; x++) {
    const place = x / cellX + shiftX;
    lefts[x] = Math.floor(place);
    eases[x] = ease(place - lefts[x]);
  }
  for (let y = 0, at = 0; y < height; y++) {
    const place = y / cellY + shiftY;
    const row = Math.floor(place);
    const down = ease(place - row);
    for (let x = 0; x < width; x++, at++) {
      const cell = row * columns + lefts[x];
      const top = lattice[cell] + (lattice[cell + 1] - lattice[cell]) * eases[x];
      const below = cell + columns;
      const bottom = lattice[below] + (lattice[below + 1] - lattice[below]) * eases[x];
      field[at] += top + (bottom - top) * down;
    }
  }
}

function ease(t: number): number {
  return t * t * (3 - 2 * t);
}

/** The field with mean 0 and deviation 1, in place; a flat one becomes 0. */
export function standardised(field: Field): Field {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < field.length; i++) {
    sum += field[i];
    squares += field[i] * field[i];
  }
  const mean = sum / field.length;
  const deviation = Math.sqrt(Math.max(1e-12, squares / field.length - mean * mean));
  for (let i = 0; i < field.length; i++) field[i] = (field[i] - mean) / deviation;
  return field;
}

/** The value that the share `share` of the field's pixels lies below. */
export function quantile(field: Field, share: number): number {
  const sorted = field.slice().sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.floor(share * sorted.length)))];
}

/** 0 below `low`, 1 above `high`, smooth between. */
export function smoothStep(low: number, high: number, value: number): number {
  const t = (value - low) / (high - low);
  return t <= 0 ? 0 : t >= 1 ? 1 : ease(t);
}

/** Box blur, three times: near a Gaussian of this deviation, px. A new field. */
export function blurred(field: Field, width: number, height: number, deviation: number): Field {
  const radius = Math.round(Math.sqrt(deviation * deviation + 0.25) - 0.5);
  let from = field.slice();
  if (radius < 1) return from;
  let to = new Float32Array(field.length);
  for (let pass = 0; pass < 3; pass++) {
    boxPass(from, to, width, height, radius, 1, width);
    [from, to] = [to, from];
    boxPass(from, to, height, width, radius, width, 1);
    [from, to] = [to, from];
  }
  return from;
}

/** Running mean along one axis: `count` pixels `step` apart in each of `lines` lines `pitch` apart; the rim repeats. */
function boxPass(
  from: Field,
  to: Field,
  count: number,
  lines: number,
  radius: number,
  step: number,
  pitch: number,
): void {
  const scale = 1 / (2 * radius + 1);
  for (let line = 0; line < lines; line++) {
    const start = line * pitch;
    const at = (i: number): number => from[start + (i < 0 ? 0 : i >= count ? count - 1 : i) * step];
    let sum = 0;
    for (let i = -radius; i <= radius; i++) sum += at(i);
    for (let i = 0; i < count; i++) {
      to[start + i * step] = sum * scale;
      sum += at(i + radius + 1) - at(i - radius);
    }
  }
}

/** Slope of a height field towards the light: positive where the surface faces it. */
export function slopeToLight(heights: Field, width: number, height: number, angle: number): Field {
  const [lightX, lightY] = [Math.cos(angle), Math.sin(angle)];
  const slope = new Float32Array(heights.length);
  for (let y = 0, at = 0; y < height; y++) {
    const above = y > 0 ? -width : 0;
    const below = y < height - 1 ? width : 0;
    for (let x = 0; x < width; x++, at++) {
      const acrossX = heights[at + (x < width - 1 ? 1 : 0)] - heights[at - (x > 0 ? 1 : 0)];
      const downY = heights[at + below] - heights[at + above];
      slope[at] = -(acrossX * lightX + downY * lightY) / 2;
    }
  }
  return slope;
}
