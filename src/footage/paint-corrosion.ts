import { CELL_WAVE, CLOUD_WAVE, GRAIN_WAVE, type NoiseAtlas, nearest, sample } from './noise-atlas.ts';
import { Random } from './random.ts';
import type { CorrosionPlan, RunPlan } from './run-plan.ts';
import { blend, clip, ramp, type Tile } from './tile.ts';

/**
 * Paints one patch: a stain that bleeds into the sound surface and runs down, rust with a ragged edge inside it, pits,
 * flakes, and the lip of the coat that broke away. `slot` marks the texels that count as the defect.
 */
export function paintCorrosion(
  tile: Tile,
  plan: RunPlan,
  patch: CorrosionPlan,
  slot: number,
  noise: NoiseAtlas,
): void {
  const random = new Random(patch.seed);
  const reach = 1.9;
  const area = clip(
    tile,
    patch.z - reach * patch.halfLength,
    patch.z + reach * patch.halfLength,
    patch.s - reach * patch.halfWidth,
    patch.s + (reach + 1.2) * patch.halfWidth,
  );
  if (!area) return;
  const size = Math.sqrt(patch.halfLength * patch.halfWidth);
  const offset = random.range(0, 512);
  const coarse = CLOUD_WAVE / Math.max(0.05, size * 1.1);
  const blotch = CLOUD_WAVE / 0.09;
  const fine = GRAIN_WAVE / 0.008;
  const pitScale = CELL_WAVE / random.range(0.012, 0.024);
  const flakeScale = CELL_WAVE / random.range(0.018, 0.04);
  const tone = random.range(0.75, 1.2);
  const warmth = random.range(0.75, 1.15);
  const lip = plan.surface.scene === 'steel' ? 0.0002 : plan.surface.scene === 'coated' ? 0.0022 : 0.003;
  const topS = -plan.view.angle * plan.radius;
  const down = patch.s >= topS ? 1 : -1;
  const runs = Math.min(1, Math.abs(patch.s - topS) / (0.6 * plan.radius));
  const edge = 0.3 + 0.5 * patch.ragged;
  for (let row = area.row0; row < area.row1; row++) {
    const z = tile.z0 + row * tile.texel;
    const dz = (z - patch.z) / patch.halfLength;
    for (let col = area.col0; col < area.col1; col++) {
      const s = tile.s0 + col * tile.texel;
      const ds = (s - patch.s) / patch.halfWidth;
      const inside = 1 - Math.sqrt(dz * dz + ds * ds);
      if (inside < -1.6) continue;
      const at = row * tile.cols + col;
      const wide = sample(noise.cloud, z * coarse + offset, s * coarse + offset * 2);
      const rough = sample(noise.cloud, z * blotch + offset * 3, s * blotch + offset);
      const mass = inside + edge * wide + 0.3 * patch.ragged * rough;
      let stain = 0.85 * ramp(-0.75, 0.3, mass + 0.2 * rough);
      if (runs > 0 && ds * down > 0) {
        // Rust water runs down in threads that fade with the distance.
        const thread = sample(noise.cloud, z * 520 + offset, s * 22 + offset);
        const fade = 1 - ramp(0.2, 2.2, ds * down);
        stain = Math.max(
          stain,
          0.7 * runs * fade * ramp(0, 0.5, thread) * (1 - ramp(0.55, 1.1, Math.abs(dz))),
        );
      }
      const rust = ramp(0.1, 0.26, mass + 0.12 * rough);
      if (stain <= 0.01 && rust <= 0) continue;
      blend(tile, at, stain * 0.75, 0.2 * warmth, 0.11, 0.055);
      if (rust > 0) {
        const grain = sample(noise.grain, z * fine + offset, s * fine);
        // Two pictures at unlike scales keep the blotches from repeating; the middle of a patch is darkest.
        const bright = 0.3 + 0.75 * rough + 0.4 * grain + 0.3 * wide - 0.3 * ramp(0.1, 0.9, inside);
        const orange = ramp(0.35, 1.05, bright);
        const dark = 1 - ramp(-0.3, 0.45, bright);
        let r = (0.12 + 0.2 * orange) * tone * warmth;
        let g = (0.056 + 0.09 * orange) * tone;
        let b = (0.032 + 0.024 * orange) * tone;
        r *= 1 - 0.78 * dark;
        g *= 1 - 0.7 * dark;
        b *= 1 - 0.6 * dark;
        let lift = 0.003 * rough + 0.0013 * grain;
        if (patch.flakes > 0) {
          const warpZ = z * flakeScale + 5 * rough;
          const warpS = s * flakeScale + 5 * wide;
          const number = nearest(noise.cellNumber, warpZ, warpS);
          if (number < patch.flakes) {
            const border = sample(noise.cellEdge, warpZ, warpS);
            const plate = ramp(0.03, 0.12, border);
            const shade = 0.55 + 1.1 * number;
            r *= 0.35 + (shade - 0.35) * plate;
            g *= 0.35 + (shade - 0.35) * plate;
            b *= 0.35 + (shade - 0.35) * plate;
            lift += 0.003 * plate * (0.4 + number);
          }
        }
        if (patch.pits > 0) {
          const pitZ = z * pitScale + offset + 4 * rough;
          const pitS = s * pitScale + 4 * wide;
          const number = nearest(noise.cellNumber, pitZ, pitS);
          // Pits come in swarms and in all sizes.
          if (number < patch.pits * (0.5 + 1.1 * wide + 0.9 * rough)) {
            const distance = sample(noise.cellDistance, pitZ, pitS);
            const share = number * 23 - Math.floor(number * 23);
            const radius = 0.1 + 0.3 * share * share;
            const hole = 1 - ramp(0.4 * radius, radius, distance);
            r *= 1 - 0.85 * hole;
            g *= 1 - 0.82 * hole;
            b *= 1 - 0.78 * hole;
            lift -= 0.004 * hole;
          }
        }
        blend(tile, at, rust, r, g, b);
        tile.height[at] += rust * lift;
        tile.gloss[at] *= 1 - rust;
      }
      // The broken coat's edge: a step down into the patch and a pale line where it lifted.
      const rim = ramp(0.02, 0.12, mass) - ramp(0.15, 0.22, mass);
      if (rim > 0 && lip > 0.001) {
        blend(tile, at, 0.3 * rim, 0.42, 0.38, 0.31);
        tile.height[at] += lip * 0.7 * rim;
      }
      tile.height[at] -= lip * rust;
      if (rust > 0.4 || stain > 0.6) tile.corrosion[at] = slot;
    }
  }
}
