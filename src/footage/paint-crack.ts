import type { CrackSegment } from './crack-lines.ts';
import { CLOUD_WAVE, type NoiseAtlas, sample } from './noise-atlas.ts';
import { blend, clip, ramp, type Tile } from './tile.ts';

/**
 * Paints one crack: dark inside with a ragged border, a pale chipped rim, walls that catch the light. Openings thinner
 * than a texel are drawn paler instead of wider. `slot` marks the texels that count as the defect.
 */
export function paintCrack(
  tile: Tile,
  segments: readonly CrackSegment[],
  slot: number,
  noise: NoiseAtlas,
  rimShare: number,
): void {
  const { texel } = tile;
  const jag = CLOUD_WAVE / 0.03;
  const rimReach = 3 * texel;
  let opening: Float32Array | null = null;
  let rims: Float32Array | null = null;
  let widest = 0;
  for (const segment of segments) {
    const half = Math.max(segment.half0, segment.half1);
    widest = Math.max(widest, half);
    const margin = 3 * half + rimReach;
    const area = clip(
      tile,
      Math.min(segment.z0, segment.z1) - margin,
      Math.max(segment.z0, segment.z1) + margin,
      Math.min(segment.s0, segment.s1) - margin,
      Math.max(segment.s0, segment.s1) + margin,
    );
    if (!area) continue;
    opening ??= new Float32Array(tile.rows * tile.cols);
    rims ??= new Float32Array(tile.rows * tile.cols);
    const dz = segment.z1 - segment.z0;
    const ds = segment.s1 - segment.s0;
    const square = dz * dz + ds * ds;
    for (let row = area.row0; row < area.row1; row++) {
      const z = tile.z0 + row * texel;
      for (let col = area.col0; col < area.col1; col++) {
        const s = tile.s0 + col * texel;
        let t = ((z - segment.z0) * dz + (s - segment.s0) * ds) / square;
        if (t < 0) t = 0;
        else if (t > 1) t = 1;
        const ez = z - segment.z0 - t * dz;
        const es = s - segment.s0 - t * ds;
        const width = segment.half0 + (segment.half1 - segment.half0) * t;
        const distance = Math.sqrt(ez * ez + es * es);
        if (distance > margin) continue;
        const ragged = width * (1 + 0.45 * sample(noise.cloud, z * jag, s * jag));
        const at = row * tile.cols + col;
        // What a texel-wide window sees of the opening.
        const open = clamp((ragged - distance) / texel + 0.5) - clamp((-ragged - distance) / texel + 0.5);
        if (open > opening[at]) opening[at] = open;
        const rim = 1 - ramp(0.6 * ragged, 2.4 * ragged + 1.5 * texel, distance);
        const share = rim * Math.min(1, ragged / texel);
        if (share > rims[at]) rims[at] = share;
      }
    }
  }
  if (!opening || !rims) return;
  const depth = Math.min(0.012, 1.2 * widest);
  for (let at = 0; at < opening.length; at++) {
    const open = opening[at];
    const rim = rims[at] * (1 - open);
    if (rim > 0) {
      blend(tile, at, rimShare * rim, 0.55, 0.52, 0.46);
      tile.height[at] -= 0.25 * depth * rim;
    }
    if (open > 0) {
      blend(tile, at, 0.96 * open, 0.008, 0.008, 0.01);
      tile.height[at] -= depth * open * 0.5;
      tile.gloss[at] *= 1 - open;
      if (open > 0.3) tile.crack[at] = slot;
    }
  }
}

function clamp(value: number): number {
  return value < 0 ? 0 : value > 1 ? 1 : value;
}
