import { CELL_WAVE, CLOUD_WAVE, GRAIN_WAVE, type NoiseAtlas, sample } from './noise-atlas.ts';
import { Random } from './random.ts';
import type { AnodePlan, RunPlan, WeldPlan } from './run-plan.ts';
import { blend, clip, ramp, type Tile } from './tile.ts';

/** Paints a girth weld: on a coated or concrete pipe the field joint's band, on steel the bead itself. */
export function paintWeld(tile: Tile, plan: RunPlan, weld: WeldPlan, noise: NoiseAtlas): void {
  const random = new Random(weld.seed);
  const bead = random.range(0.007, 0.012);
  const reach = Math.max(weld.band, 0.09) + 0.03;
  const area = clip(tile, weld.z - reach, weld.z + reach, -9, 9);
  if (!area) return;
  const offset = random.range(0, 512);
  const jointTone = random.pick([0.55, 0.7, 1.35]);
  const jointShift = random.range(0.9, 1.1);
  for (let row = area.row0; row < area.row1; row++)
    for (let col = area.col0; col < area.col1; col++) {
      const z = tile.z0 + row * tile.texel;
      const s = tile.s0 + col * tile.texel;
      const at = row * tile.cols + col;
      const wobble = 0.002 * sample(noise.cloud, s * 900 + offset, offset);
      const d = Math.abs(z - weld.z + wobble);
      if (weld.band > 0) {
        const joint = 1 - ramp(weld.band - 0.004, weld.band + 0.004, d + 2 * wobble);
        if (joint > 0) {
          const grain = sample(noise.cloud, z * 700 + offset, s * 700);
          const tone = jointTone * (1 + 0.12 * grain);
          blend(
            tile,
            at,
            0.8 * joint,
            plan.surface.paint[0] * tone * jointShift,
            plan.surface.paint[1] * tone,
            plan.surface.paint[2] * tone,
          );
          tile.height[at] -= 0.003 * joint;
        }
        if (plan.surface.scene === 'concrete') continue;
      } else {
        const heat = 1 - ramp(0.02, 0.085, d);
        blend(tile, at, 0.3 * heat, 0.14, 0.14, 0.17);
      }
      if (d < bead * 1.2) {
        const across = d / (bead * 1.2);
        const ripple = Math.cos((s + 0.7 * d) * 1250 + 3 * sample(noise.cloud, s * 300, offset));
        tile.height[at] += 0.0032 * (1 - across * across) + 0.0004 * ripple * (1 - across);
        if (weld.band === 0) {
          const tone = 0.23 * (1 + 0.2 * ripple);
          blend(tile, at, 0.7 * (1 - across * across), tone, tone, tone * 1.03);
        }
      }
    }
}

/** Paints a bracelet anode: pale, pitted zinc in segments, with the gaps between them. */
export function paintAnode(tile: Tile, plan: RunPlan, anode: AnodePlan, noise: NoiseAtlas): void {
  const random = new Random(anode.seed);
  const area = clip(tile, anode.z - anode.halfLength - 0.03, anode.z + anode.halfLength + 0.03, -9, 9);
  if (!area) return;
  const offset = random.range(0, 512);
  const segment = (2 * Math.PI * plan.radius) / 8;
  const start = random.range(0, segment);
  const tone = random.range(0.34, 0.5);
  const pits = CELL_WAVE / 0.02;
  for (let row = area.row0; row < area.row1; row++)
    for (let col = area.col0; col < area.col1; col++) {
      const z = tile.z0 + row * tile.texel;
      const s = tile.s0 + col * tile.texel;
      const at = row * tile.cols + col;
      const end = Math.abs(z - anode.z);
      const body = 1 - ramp(anode.halfLength - 0.004, anode.halfLength + 0.003, end);
      const along = (s + start) / segment;
      const gapDistance = Math.abs(along - Math.round(along)) * segment;
      const gap = 1 - ramp(0.008, 0.014, gapDistance);
      if (body <= 0) {
        // Shadow under the anode's end.
        blend(tile, at, 0.6 * (1 - ramp(anode.halfLength, anode.halfLength + 0.02, end)), 0.02, 0.02, 0.02);
        continue;
      }
      const wide = sample(noise.cloud, z * (CLOUD_WAVE / 0.15) + offset, s * (CLOUD_WAVE / 0.15));
      const grain = sample(noise.grain, z * (GRAIN_WAVE / 0.01), s * (GRAIN_WAVE / 0.01) + offset);
      const pit = sample(noise.cellDistance, z * pits + offset, s * pits);
      const hole = 0.5 * (1 - ramp(0.15, 0.4, pit));
      const pale = tone * (1 + 0.3 * wide + 0.15 * grain) * (1 - 0.4 * hole);
      const solid = body * (1 - gap);
      blend(tile, at, solid, pale, pale, pale * 1.02);
      blend(tile, at, 0.7 * body * gap, 0.05, 0.05, 0.05);
      const bevel = ramp(0, 0.018, anode.halfLength - end) * ramp(0.008, 0.022, gapDistance);
      tile.height[at] += 0.012 * bevel + 0.001 * wide - 0.0015 * hole;
      tile.gloss[at] = 0.1 * solid;
    }
}
