import {
  CELL_WAVE,
  CLOUD_WAVE,
  GRAIN_WAVE,
  type NoiseAtlas,
  nearestLine,
  sampleLine,
} from './noise-atlas.ts';
import { Random } from './random.ts';
import type { RunPlan } from './run-plan.ts';
import { ramp, type Tile } from './tile.ts';

/** Paints the sound pipe: material, silt on the upper side, thin growth. */
export function paintSurface(tile: Tile, plan: RunPlan, noise: NoiseAtlas): void {
  const { surface } = plan;
  const random = new Random(surface.seed);
  const offsetZ = random.range(0, 512);
  const offsetS = random.range(0, 512);
  const streakAlong = random.chance(0.5);
  const broad = CLOUD_WAVE / random.range(0.5, 0.9);
  const middle = CLOUD_WAVE / random.range(0.12, 0.2);
  const fine = GRAIN_WAVE / 0.009;
  const pores = CELL_WAVE / random.range(0.014, 0.028);
  const spots = CELL_WAVE / random.range(0.02, 0.045);
  const [red, green, blue] = surface.paint;
  const { scene, rough } = surface;
  const cellFloor = 1 - 0.32 * surface.fouling;
  const buffer = (): Float32Array => new Float32Array(tile.cols);
  const wides = buffer();
  const mottles = buffer();
  const grains = buffer();
  const poreNumbers = buffer();
  const poreDistances = buffer();
  const streaks = buffer();
  const spotNumbers = buffer();
  const spotDistances = buffer();
  const ups = buffer();
  for (let col = 0; col < tile.cols; col++)
    ups[col] = Math.cos(plan.view.angle + (tile.s0 + col * tile.texel) / plan.radius);
  for (let row = 0; row < tile.rows; row++) {
    const z = tile.z0 + row * tile.texel;
    const line = (field: Float32Array, scale: number, turn: number, out: Float32Array): void =>
      sampleLine(
        field,
        tile.s0 * scale + turn,
        tile.texel * scale,
        z * scale + offsetZ + offsetS - turn,
        out,
      );
    line(noise.cloud, broad, offsetS, wides);
    line(noise.cloud, middle, offsetZ, mottles);
    line(noise.grain, fine, offsetS, grains);
    if (scene === 'concrete') {
      line(noise.cellNumber, pores, offsetZ, poreNumbers);
      line(noise.cellDistance, pores, offsetZ, poreDistances);
    } else if (scene === 'steel') {
      const along = streakAlong ? middle * 0.12 : middle;
      const around = streakAlong ? middle : middle * 0.12;
      sampleLine(noise.cloud, tile.s0 * around + offsetS, tile.texel * around, z * along + offsetZ, streaks);
    }
    if (surface.fouling > 0) {
      const y = z * spots + offsetZ;
      nearestLine(noise.cellNumber, tile.s0 * spots + offsetS, tile.texel * spots, y, spotNumbers);
      sampleLine(noise.cellDistance, tile.s0 * spots + offsetS, tile.texel * spots, y, spotDistances);
    }
    for (let col = 0; col < tile.cols; col++) {
      const at = row * tile.cols + col;
      const wide = wides[col];
      const mottle = mottles[col];
      const grain = grains[col];
      let shade = 1;
      let height = 0;
      let gloss = 0;
      if (scene === 'concrete') {
        shade = 1 + 0.2 * wide + 0.22 * mottle + 0.2 * grain;
        height = rough * (0.0016 * mottle + 0.0005 * grain);
        const pore = poreNumbers[col];
        const inside = poreDistances[col];
        if (pore > 0.74 - 0.12 * wide) {
          const share = pore * 31 - Math.floor(pore * 31);
          const mouth = 0.06 + 0.26 * share * share;
          const hole = 1 - ramp(0.5 * mouth, mouth, inside + 0.05 * grain);
          shade *= 1 - 0.5 * hole;
          height -= rough * 0.0016 * hole;
        } else if (pore < 0.16) {
          // Aggregate that shows through the cement.
          const stone = 1 - ramp(0.3, 0.5, inside);
          shade *= 1 + (pore - 0.06) * 4 * stone;
          height += rough * 0.0006 * stone;
        }
      } else if (scene === 'steel') {
        const streak = streaks[col];
        const scale = ramp(0.1, 0.5, wide + 0.35 * mottle);
        shade = 1 + 0.16 * streak + 0.1 * grain + 0.08 * mottle - 0.3 * scale;
        height = rough * (0.0002 * grain + 0.0004 * mottle + 0.0003 * streak);
        gloss = 0.5 - 0.35 * scale + 0.1 * grain;
      } else {
        shade = 1 + 0.12 * wide + 0.09 * mottle + 0.06 * grain;
        height = rough * (0.00012 * grain + 0.0007 * mottle);
        gloss = 0.3 + 0.15 * mottle;
      }
      if (shade < 0.15) shade = 0.15;
      let r = red * shade;
      let g = green * shade;
      let b = blue * shade;

      const dust = surface.dust * ramp(0.35, 1, ups[col] + 0.35 * wide + 0.3 * mottle);
      if (dust > 0) {
        const share = dust * 0.75;
        const sand = 1 + 0.25 * grain;
        r += (0.3 * sand - r) * share;
        g += (0.27 * sand - g) * share;
        b += (0.2 * sand - b) * share;
        gloss *= 1 - share;
      }
      if (surface.fouling > 0) {
        const film = surface.fouling * ramp(-0.1, 0.8, mottle + 0.6 * wide) * 0.5;
        r += (0.13 - r) * film;
        g += (0.15 - g) * film;
        b += (0.09 - b) * film;
        gloss *= 1 - film;
        const dot = spotNumbers[col];
        if (dot > cellFloor) {
          const inside = spotDistances[col];
          const body = 1 - ramp(0.14, 0.26, inside);
          if (body > 0) {
            const pale = dot * 37 - Math.floor(dot * 37);
            const tone = 0.12 + 0.4 * pale;
            r += (tone - r) * body * 0.8;
            g += (tone * 0.95 - g) * body * 0.8;
            b += (tone * 0.8 - b) * body * 0.8;
            height += 0.0015 * body;
          }
        }
      }
      tile.red[at] = r;
      tile.green[at] = g;
      tile.blue[at] = b;
      tile.height[at] = height;
      tile.gloss[at] = gloss;
    }
  }
}
