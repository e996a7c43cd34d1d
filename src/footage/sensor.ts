import { type LightTables, TONE_MAX, TONE_SCALE } from './optics.ts';
import { mix } from './random.ts';
import type { RunPlan } from './run-plan.ts';

const GRAIN_SIZE = 16384;

/**
 * Makes the picture of the light: soft optics, tone curve, noise. Overwrites `light`.
 * @param light by colour, `[h, w, 3]` float32
 * @param seed of this frame's noise
 * @returns the picture, `[h, w, 3]` uint8, and its mean luma 0..255
 */
export function developFrame(
  light: Float32Array,
  plan: RunPlan,
  tables: LightTables,
  seed: number,
): { rgb: Uint8Array<ArrayBuffer>; luma: number } {
  const { width, height } = plan;
  if (plan.sensor.blur > 0) soften(light, width, height, 0.25 * Math.min(1, plan.sensor.blur));
  const grain = noiseTable(plan.seed, plan.sensor.noise);
  const rgb = new Uint8Array(width * height * 3);
  const { tone } = tables;
  let sum = 0;
  for (let y = 0; y < height; y++) {
    let from = mix(seed + y);
    for (let x = 0; x < width; x++) {
      const at = 3 * (y * width + x);
      const common = grain[from & (GRAIN_SIZE - 1)];
      const own = grain[(from + 5003) & (GRAIN_SIZE - 1)];
      from++;
      let r = tone[level(light[at] * TONE_SCALE)] + common + 0.5 * own;
      let g = tone[level(light[at + 1] * TONE_SCALE)] + common;
      let b = tone[level(light[at + 2] * TONE_SCALE)] + common - 0.5 * own;
      r = r < 0 ? 0 : r > 255 ? 255 : r;
      g = g < 0 ? 0 : g > 255 ? 255 : g;
      b = b < 0 ? 0 : b > 255 ? 255 : b;
      rgb[at] = r;
      rgb[at + 1] = g;
      rgb[at + 2] = b;
      sum += 0.299 * r + 0.587 * g + 0.114 * b;
    }
  }
  return { rgb, luma: sum / (width * height) };
}

function level(scaled: number): number {
  return scaled >= TONE_MAX ? TONE_MAX : scaled | 0;
}

/** Bell-shaped numbers, rounded up by a half because writing to bytes cuts off. */
function noiseTable(seed: number, deviation: number): Float32Array {
  const table = new Float32Array(GRAIN_SIZE);
  for (let i = 0; i < GRAIN_SIZE; i++) {
    const bits = mix(seed ^ Math.imul(i + 1, 0x85ebca6b));
    const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24);
    table[i] = 0.5 + (deviation * (sum - 510)) / 147.8;
  }
  return table;
}

/** A three-pixel kernel (share, 1 - 2·share, share) both ways, in place. */
function soften(light: Float32Array, width: number, height: number, share: number): void {
  const rest = 1 - 2 * share;
  const stride = 3 * width;
  for (let y = 0; y < height; y++) {
    const row = y * stride;
    for (let k = 0; k < 3; k++) {
      let before = light[row + k];
      let here = before;
      for (let at = row + k; at < row + stride; at += 3) {
        const after = at + 3 < row + stride ? light[at + 3] : here;
        light[at] = rest * here + share * (before + after);
        before = here;
        here = after;
      }
    }
  }
  const above = light.slice(0, stride);
  for (let y = 0; y < height; y++) {
    const row = y * stride;
    const last = y === height - 1;
    for (let i = 0; i < stride; i++) {
      const here = light[row + i];
      const below = last ? here : light[row + stride + i];
      light[row + i] = rest * here + share * (above[i] + below);
      above[i] = here;
    }
  }
}
