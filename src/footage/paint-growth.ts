import { crackLines } from './crack-lines.ts';
import { CLOUD_WAVE, GRAIN_WAVE, type NoiseAtlas, sample } from './noise-atlas.ts';
import { Random } from './random.ts';
import type { GrowthPlan, ScratchPlan } from './run-plan.ts';
import { blend, clip, ramp, type Tile } from './tile.ts';

/** Paints a colony of barnacles, a mat of algae or a nest of tube worms. */
export function paintGrowth(tile: Tile, growth: GrowthPlan, noise: NoiseAtlas): void {
  const { z, s, radius } = growth;
  if (!clip(tile, z - 1.5 * radius, z + 1.5 * radius, s - 1.5 * radius, s + 1.5 * radius)) return;
  if (growth.form === 'barnacles') barnacles(tile, growth);
  else if (growth.form === 'worms') worms(tile, growth);
  else algae(tile, growth, noise);
}

function barnacles(tile: Tile, growth: GrowthPlan): void {
  const random = new Random(growth.seed);
  const count = Math.round(40 + 160 * Math.min(1, growth.radius / 0.2));
  for (let i = 0; i < count; i++) {
    const z = growth.z + 0.5 * growth.radius * random.bell();
    const s = growth.s + 0.5 * growth.radius * random.bell();
    const size = random.logRange(0.004, 0.013);
    const pale = random.range(0.3, 0.62);
    const ribs = random.integer(5, 9);
    const turn = random.range(0, 6.3);
    const area = clip(tile, z - size, z + size, s - size, s + size);
    if (!area) continue;
    for (let row = area.row0; row < area.row1; row++)
      for (let col = area.col0; col < area.col1; col++) {
        const dz = tile.z0 + row * tile.texel - z;
        const ds = tile.s0 + col * tile.texel - s;
        const d = Math.sqrt(dz * dz + ds * ds) / size;
        if (d > 1) continue;
        const at = row * tile.cols + col;
        const wall = 1 - ramp(0.8, 1, d);
        const mouth = 1 - ramp(0.22, 0.34, d);
        const rib = 0.85 + 0.15 * Math.cos(ribs * Math.atan2(dz, ds) + turn);
        const tone = pale * rib * (1 - 0.85 * mouth);
        blend(tile, at, wall, tone, tone * 0.96, tone * 0.86);
        tile.height[at] += size * 0.5 * wall * (1 - d) * (1 - mouth);
        tile.gloss[at] *= 1 - wall;
      }
  }
}

function worms(tile: Tile, growth: GrowthPlan): void {
  const random = new Random(growth.seed);
  const count = Math.round(10 + 30 * Math.min(1, growth.radius / 0.2));
  for (let i = 0; i < count; i++) {
    const tube = random.logRange(0.0018, 0.0035);
    const pale = random.range(0.45, 0.7);
    let z = growth.z + 0.5 * growth.radius * random.bell();
    let s = growth.s + 0.5 * growth.radius * random.bell();
    let heading = random.range(0, 6.3);
    let bend = 0;
    for (let step = random.integer(12, 30); step > 0; step--) {
      bend += 0.25 * random.bell() - 0.2 * bend;
      heading += bend;
      z += 0.0028 * Math.cos(heading);
      s += 0.0028 * Math.sin(heading);
      const area = clip(tile, z - tube, z + tube, s - tube, s + tube);
      if (!area) continue;
      for (let row = area.row0; row < area.row1; row++)
        for (let col = area.col0; col < area.col1; col++) {
          const dz = tile.z0 + row * tile.texel - z;
          const ds = tile.s0 + col * tile.texel - s;
          const d = Math.sqrt(dz * dz + ds * ds) / tube;
          if (d > 1) continue;
          const at = row * tile.cols + col;
          const body = 1 - ramp(0.6, 1, d);
          blend(tile, at, body, pale, pale * 0.97, pale * 0.88);
          const lift = tube * Math.sqrt(1 - d * d) * 0.8;
          if (tile.height[at] < lift) tile.height[at] = lift;
        }
    }
  }
}

function algae(tile: Tile, growth: GrowthPlan, noise: NoiseAtlas): void {
  const random = new Random(growth.seed);
  const reach = 1.5 * growth.radius;
  const area = clip(tile, growth.z - reach, growth.z + reach, growth.s - reach, growth.s + reach);
  if (!area) return;
  const offset = random.range(0, 512);
  const [red, green, blue] = random.pick([
    [0.1, 0.17, 0.06],
    [0.16, 0.17, 0.07],
    [0.2, 0.22, 0.2],
    [0.12, 0.2, 0.13],
  ] as const);
  const coarse = CLOUD_WAVE / (growth.radius * 0.9);
  const tuft = CLOUD_WAVE / 0.035;
  const fine = GRAIN_WAVE / 0.007;
  for (let row = area.row0; row < area.row1; row++)
    for (let col = area.col0; col < area.col1; col++) {
      const z = tile.z0 + row * tile.texel;
      const s = tile.s0 + col * tile.texel;
      const dz = (z - growth.z) / growth.radius;
      const ds = (s - growth.s) / growth.radius;
      const inside = 1 - Math.sqrt(dz * dz + ds * ds);
      const wide = sample(noise.cloud, z * coarse + offset, s * coarse);
      const body = ramp(0, 0.45, inside + 0.6 * wide);
      if (body <= 0) continue;
      const at = row * tile.cols + col;
      const frond = sample(noise.cloud, z * tuft, s * tuft + offset);
      const grain = sample(noise.grain, z * fine, s * fine + offset);
      const tone = 1 + 0.7 * frond + 0.4 * grain;
      const cover = body * (0.65 + 0.35 * ramp(-0.5, 0.3, frond));
      blend(tile, at, cover, red * tone, green * tone, blue * tone);
      tile.height[at] += body * (0.006 * frond + 0.0016 * grain + 0.003);
      tile.gloss[at] *= 1 - cover;
    }
}

/** Paints a scratch: straight, thin and, unlike a crack, paler than its ground. */
export function paintScratch(tile: Tile, scratch: ScratchPlan): void {
  const random = new Random(scratch.seed);
  const pale = random.range(0.4, 0.7);
  const lines = crackLines({
    id: '',
    defect: 'crack',
    z: scratch.z,
    s: scratch.s,
    length: scratch.length,
    width: 0.002,
    direction: scratch.direction,
    branches: 0,
    seed: scratch.seed,
  });
  const first = lines[0];
  const last = lines[lines.length - 1];
  if (!first || !last) return;
  const dz = last.z1 - first.z0;
  const ds = last.s1 - first.s0;
  const area = clip(
    tile,
    Math.min(first.z0, last.z1) - 0.01,
    Math.max(first.z0, last.z1) + 0.01,
    Math.min(first.s0, last.s1) - 0.01,
    Math.max(first.s0, last.s1) + 0.01,
  );
  if (!area) return;
  const square = dz * dz + ds * ds;
  const half = random.range(0.0008, 0.0022);
  for (let row = area.row0; row < area.row1; row++)
    for (let col = area.col0; col < area.col1; col++) {
      const ez = tile.z0 + row * tile.texel - first.z0;
      const es = tile.s0 + col * tile.texel - first.s0;
      const t = (ez * dz + es * ds) / square;
      if (t < 0 || t > 1) continue;
      const distance = Math.abs(ez * ds - es * dz) / Math.sqrt(square);
      const open =
        Math.min(1, Math.max(0, (half - distance) / tile.texel + 0.5)) * Math.sqrt(4 * t * (1 - t));
      if (open <= 0) continue;
      const at = row * tile.cols + col;
      blend(tile, at, 0.6 * open, pale, pale, pale * 0.97);
      tile.height[at] -= 0.0003 * open;
    }
}
