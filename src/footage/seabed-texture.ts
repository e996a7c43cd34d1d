import { CLOUD_WAVE, NOISE_SIZE, type NoiseAtlas, sample } from './noise-atlas.ts';
import type { RunPlan } from './run-plan.ts';
import { ramp } from './tile.ts';

/** Side of a texel of the seabed, metres; the picture repeats after 512 of them. */
export const BED_TEXEL = 0.004;

/** A seabed that tiles: planes `[512, 512]`. */
export interface SeabedTexture {
  /** Brightness, about 1. */
  readonly shade: Float32Array;
  readonly slopeX: Float32Array;
  readonly slopeZ: Float32Array;
  readonly colour: readonly [number, number, number];
}

export function createSeabed(kind: RunPlan['bedKind'], noise: NoiseAtlas): SeabedTexture {
  const size = NOISE_SIZE * NOISE_SIZE;
  const shade = new Float32Array(size);
  const height = new Float32Array(size);
  for (let y = 0; y < NOISE_SIZE; y++)
    for (let x = 0; x < NOISE_SIZE; x++) {
      const at = y * NOISE_SIZE + x;
      const wide = noise.cloud[at];
      const grain = noise.grain[at];
      let tone = 1 + 0.15 * wide + 0.25 * grain;
      // Whole multiples of the picture keep the seam closed.
      let lift = 0.012 * wide + 0.0015 * grain;
      if (kind === 'sand') {
        const crest = Math.sin((2 * Math.PI * 14 * y) / NOISE_SIZE + 5 * wide + 0.6 * grain);
        lift += 0.006 * crest;
        tone += 0.06 * crest;
        if (noise.cellNumber[at] > 0.95 && noise.cellDistance[at] < 0.09) {
          tone += 0.8;
          lift += 0.003;
        }
      } else if (kind === 'gravel') {
        // Stones of two sizes, bent out of their regular cells.
        const big = bent(noise, x, y, 2, 9 * wide);
        const small = bent(noise, x, y, 5, 20 * wide);
        const stone = ramp(0.05, 0.4, noise.cellEdge[big]) * (noise.cellNumber[big] > 0.55 ? 1 : 0);
        const pebble = ramp(0.05, 0.45, noise.cellEdge[small]);
        const rest = (0.5 + 0.5 * pebble) * (0.7 + 0.6 * noise.cellNumber[small]);
        tone *= rest + (0.75 + 0.6 * noise.cellNumber[big] - rest) * stone;
        lift += 0.012 * stone + 0.005 * pebble * (1 - stone);
      } else {
        const burrow = noise.cellNumber[at] > 0.9 ? 1 - ramp(0.1, 0.22, noise.cellDistance[at]) : 0;
        tone *= 1 - 0.7 * burrow;
        lift -= 0.01 * burrow;
      }
      shade[at] = Math.max(0.1, tone);
      height[at] = lift;
    }
  const slopeX = new Float32Array(size);
  const slopeZ = new Float32Array(size);
  const mask = NOISE_SIZE - 1;
  for (let y = 0; y < NOISE_SIZE; y++)
    for (let x = 0; x < NOISE_SIZE; x++) {
      const at = y * NOISE_SIZE + x;
      const across = height[y * NOISE_SIZE + ((x + 1) & mask)] - height[y * NOISE_SIZE + ((x - 1) & mask)];
      const along = height[((y + 1) & mask) * NOISE_SIZE + x] - height[((y - 1) & mask) * NOISE_SIZE + x];
      slopeX[at] = across / (2 * BED_TEXEL);
      slopeZ[at] = along / (2 * BED_TEXEL);
    }
  const colour =
    kind === 'sand'
      ? ([0.36, 0.31, 0.22] as const)
      : kind === 'gravel'
        ? ([0.28, 0.26, 0.23] as const)
        : ([0.2, 0.19, 0.16] as const);
  return { shade, slopeX, slopeZ, colour };
}

/** Index of a noise pixel at a whole multiple of the scale, shifted along x and y. */
function bent(noise: NoiseAtlas, x: number, y: number, times: number, shift: number): number {
  const mask = NOISE_SIZE - 1;
  const wobble = 14 * noise.cloud[((y * 2) & mask) * NOISE_SIZE + ((x * 2 + 77) & mask)];
  return (((y * times + wobble) & mask) * NOISE_SIZE + ((x * times + shift) & mask)) | 0;
}

/** How far the bank along the pipe rises above the bed's level at a place, metres. */
export function bankHeight(noise: NoiseAtlas, x: number, z: number): number {
  return 0.07 * sample(noise.cloud, z * (CLOUD_WAVE / 0.9), x > 0 ? 100 : 300);
}
