import type { CameraPose } from './camera-pose.ts';
import type { DefectTally } from './defect-tally.ts';
import { CONE_EDGE, CONE_RISE, LAMP_FIELDS, lampsOf } from './lamps.ts';
import { NOISE_SIZE, sample } from './noise-atlas.ts';
import { FADE_TOP, type Optics, TONE_MAX, TONE_SCALE } from './optics.ts';
import { MAX_SLOPE, type PipeTexture, type TextureLevel } from './pipe-texture.ts';
import type { RunPlan } from './run-plan.ts';
import { BED_TEXEL, bankHeight, type SeabedTexture } from './seabed-texture.ts';
import type { Studio } from './studio.ts';

/** What stays the same for all frames of a run. */
export interface TraceScene {
  readonly plan: RunPlan;
  readonly studio: Studio;
  readonly seabed: SeabedTexture;
  readonly optics: Optics;
  readonly texture: PipeTexture;
  /** Pixels per unit of tangent. */
  readonly focal: number;
  /** Metres beyond which nothing is lit. */
  readonly limit: number;
  /** Filled: light by colour `[h, w, 3]` after the camera's gain, and distance `[h, w]`, metres. */
  readonly light: Float32Array;
  readonly depth: Float32Array;
}

/** What is particular to one frame. */
export interface TraceMoment {
  readonly pose: CameraPose;
  readonly seconds: number;
  /** Lamps' strength 0..1, extinction of silt per metre. */
  readonly lamp: number;
  readonly silt: number;
  /** Painted part of the pipe, metres. */
  readonly low: number;
  readonly high: number;
}

export interface TraceResult {
  /** Share of the pipe's light in its pixels' light, 0..1; the rest is haze. */
  readonly clear: number;
  /** Lit part of the pipe, metres. */
  readonly low: number;
  readonly high: number;
}

/** Keeps texture rows positive, so that cutting off the fraction is rounding down; a multiple of every ring's size. */
const ROW_SHIFT = 1 << 24;

/**
 * Follows one ray per pixel to pipe or seabed and lights what it meets: two lamps with cones, Lambert's cosine on the
 * painted slopes, inverse square, absorption both ways (Beer-Lambert), a veil of scattered light, silt.
 */
export function traceFrame(scene: TraceScene, moment: TraceMoment, tally: DefectTally): TraceResult {
  const { plan, optics, seabed, light, depth, texture, focal, limit } = scene;
  const { noise, tables } = scene.studio;
  const { pose, seconds, lamp, silt, low, high } = moment;
  const { width, height, radius } = plan;
  const { fade, tone } = tables;
  const { scatter } = optics;
  const [cx, cy, cz] = pose.position;
  const [forwardX, forwardY, forwardZ] = pose.forward;
  const [rightX, rightY, rightZ] = pose.right;
  const [upX, upY, upZ] = pose.up;
  const nearLimit = 0.6 * limit;
  const fadeOut = 1 / (limit - nearLimit);
  const lamps = lampsOf(pose, plan, lamp);
  const daylight = plan.water.daylight;
  const [attR, attG, attB] = optics.attenuation;
  const [gainR, gainG, gainB] = optics.gain;
  const veilShare = 0.15 * Math.min(1, daylight * 5) + lamp * 0.85;
  const veilR = optics.veil[0] * veilShare;
  const veilG = optics.veil[1] * veilShare;
  const veilB = optics.veil[2] * veilShare;
  const siltR = optics.siltVeil[0] * veilShare;
  const siltG = optics.siltVeil[1] * veilShare;
  const siltB = optics.siltVeil[2] * veilShare;
  const { levels, marks, texel, s0 } = texture;
  const sinBase = Math.sin(plan.view.angle);
  const cosBase = Math.cos(plan.view.angle);
  const slopeUnit = MAX_SLOPE / 127;
  const cBase = cx * cx + cy * cy - radius * radius;
  const bedLevel = plan.bed;
  const bedHalf = Math.sqrt(Math.max(0, radius * radius - bedLevel * bedLevel));
  const rows0 = (levels[0] as TextureLevel).rowMask;
  const cols0 = (levels[0] as TextureLevel).cols;
  const perTexel = 1 / (focal * texel);
  const glossy = plan.surface.scene === 'concrete' ? 0 : 0.5 / 255;
  let clearSum = 0;
  let clearCount = 0;
  let litLow = Number.POSITIVE_INFINITY;
  let litHigh = Number.NEGATIVE_INFINITY;

  for (let py = 0; py < height; py++) {
    const b = (height / 2 - 0.5 - py) / focal;
    const rowX = forwardX + b * upX;
    const rowY = forwardY + b * upY;
    const rowZ = forwardZ + b * upZ;
    for (let px = 0; px < width; px++) {
      const a = (px + 0.5 - width / 2) / focal;
      const off = a * a + b * b;
      const unit = 1 / Math.sqrt(1 + off);
      const dx = (rowX + a * rightX) * unit;
      const dy = (rowY + a * rightY) * unit;
      const dz = (rowZ + a * rightZ) * unit;

      // Pipe: x² + y² = radius².
      const qa = dx * dx + dy * dy;
      const qb = cx * dx + cy * dy;
      const disc = qb * qb - qa * cBase;
      let far = limit;
      let hit = 0;
      let hx = 0;
      let hy = 0;
      let hz = 0;
      if (disc > 0) {
        const t = (-qb - Math.sqrt(disc)) / qa;
        if (t > 0 && t < limit) {
          hx = cx + t * dx;
          hy = cy + t * dy;
          hz = cz + t * dz;
          if (hz > low && hz < high) {
            far = t;
            hit = 1;
          }
        }
      }
      if (dy < -1e-4) {
        if (hit === 1) {
          if (hy < bedLevel + 0.12 && hy < bedLevel + bankHeight(noise, hx, hz) + 0.02) hit = 2;
        } else {
          const t = (bedLevel - cy) / dy;
          if (t < limit) {
            far = t;
            hx = cx + t * dx;
            hy = bedLevel;
            hz = cz + t * dz;
            hit = 2;
          }
        }
      }

      const at = py * width + px;
      depth[at] = far;
      let red = 0;
      let green = 0;
      let blue = 0;
      let sound = 0;
      let gloss = 0;
      let nx = 0;
      let ny = 1;
      let nz = 0;
      let mark = 0;
      if (hit === 1) {
        const ux = hx / radius;
        const uy = hy / radius;
        const around = radius * Math.atan2(ux * cosBase - uy * sinBase, ux * sinBase + uy * cosBase);
        const facing = -(dx * ux + dy * uy);
        const size = far * perTexel;
        // Square of the footprint in texels, widened where the surface is seen aslant.
        const seen = (size * size) / (facing < 0.08 ? 0.08 : facing);
        const step = seen < 2.25 ? 0 : seen < 9 ? 1 : seen < 36 ? 2 : 3;
        const level = levels[step] as TextureLevel;
        const { texels, cols, rowMask } = level;
        const scale = 1 / (1 << step);
        const row = hz / texel;
        const col = (around - s0) / texel;
        const u = (row + 0.5) * scale - 0.5 + ROW_SHIFT;
        let v = (col + 0.5) * scale - 0.5;
        if (v < 0) v = 0;
        else if (v > cols - 1.001) v = cols - 1.001;
        const ui = u | 0;
        const vi = v | 0;
        const fu = u - ui;
        const fv = v - vi;
        const i00 = ((ui & rowMask) * cols + vi) << 1;
        const i10 = (((ui + 1) & rowMask) * cols + vi) << 1;
        const p00 = texels[i00];
        const p01 = texels[i00 + 2];
        const p10 = texels[i10];
        const p11 = texels[i10 + 2];
        const w11 = fu * fv;
        const w01 = fv - w11;
        const w10 = fu - w11;
        const w00 = 1 - fu - w01;
        red = w00 * (p00 & 255) + w01 * (p01 & 255) + w10 * (p10 & 255) + w11 * (p11 & 255);
        green =
          w00 * ((p00 >> 8) & 255) +
          w01 * ((p01 >> 8) & 255) +
          w10 * ((p10 >> 8) & 255) +
          w11 * ((p11 >> 8) & 255);
        blue =
          w00 * ((p00 >> 16) & 255) +
          w01 * ((p01 >> 16) & 255) +
          w10 * ((p10 >> 16) & 255) +
          w11 * ((p11 >> 16) & 255);
        const slopeZ =
          (w00 * (p00 >>> 24) + w01 * (p01 >>> 24) + w10 * (p10 >>> 24) + w11 * (p11 >>> 24) - 128) *
          slopeUnit;
        const rest = texels[i00 + 1];
        const slopeS =
          (w00 * (rest & 255) +
            w01 * (texels[i00 + 3] & 255) +
            w10 * (texels[i10 + 1] & 255) +
            w11 * (texels[i10 + 3] & 255) -
            128) *
          slopeUnit;
        gloss = ((rest >> 8) & 255) * glossy;
        // Bytes hold roots.
        red = red * red * (1 / 65025);
        green = green * green * (1 / 65025);
        blue = blue * blue * (1 / 65025);
        const column = (col + 0.5) | 0;
        if (column >= 0 && column < cols0) {
          mark = marks[(((row + 0.5 + ROW_SHIFT) | 0) & rows0) * cols0 + column];
          if (mark !== 0) {
            const base = (rest >> 16) & 255;
            sound = base * base * (1 / 65025);
          }
        }
        // Tangent around the pipe, towards growing s: (uy, -ux).
        nx = ux - slopeS * uy;
        ny = uy + slopeS * ux;
        nz = -slopeZ;
        const norm = 1 / Math.sqrt(nx * nx + ny * ny + nz * nz);
        nx *= norm;
        ny *= norm;
        nz *= norm;
      } else if (hit === 2) {
        const bx = Math.floor(hx / BED_TEXEL) & (NOISE_SIZE - 1);
        const bz = Math.floor(hz / BED_TEXEL) & (NOISE_SIZE - 1);
        const spot = bz * NOISE_SIZE + bx;
        let shade = seabed.shade[spot];
        // Less light reaches the corner between bed and pipe.
        const gap = Math.abs(hx) - bedHalf;
        if (gap < 0.25) shade *= 0.45 + 2.2 * (gap > 0 ? gap : 0);
        shade *= 1 + 0.18 * sample(noise.cloud, hx * 40, hz * 40);
        red = seabed.colour[0] * shade;
        green = seabed.colour[1] * shade;
        blue = seabed.colour[2] * shade;
        nx = -seabed.slopeX[spot];
        nz = -seabed.slopeZ[spot];
        const norm = 1 / Math.sqrt(nx * nx + 1 + nz * nz);
        nx *= norm;
        ny = norm;
        nz *= norm;
      }

      let directR = 0;
      let directG = 0;
      let directB = 0;
      if (hit !== 0) {
        let shine = 0;
        let lit = 0;
        let way = 0;
        for (let k = 0; k < 2 * LAMP_FIELDS; k += LAMP_FIELDS) {
          const lx = lamps[k] - hx;
          const ly = lamps[k + 1] - hy;
          const lz = lamps[k + 2] - hz;
          const square = lx * lx + ly * ly + lz * lz;
          const inverse = 1 / Math.sqrt(square);
          way += square * inverse;
          const cosine = (nx * lx + ny * ly + nz * lz) * inverse;
          if (cosine <= 0) continue;
          const beam = -(lx * lamps[k + 3] + ly * lamps[k + 4] + lz * lamps[k + 5]) * inverse;
          let cone = (beam - CONE_EDGE) * CONE_RISE;
          if (cone <= 0) continue;
          if (cone > 1) cone = 1;
          const power = lamps[k + 6] * cone * cone * (3 - 2 * cone) * inverse * inverse;
          lit += power * cosine;
          if (gloss > 0) {
            const mx = lx * inverse - dx;
            const my = ly * inverse - dy;
            const mz = lz * inverse - dz;
            const mirror = (nx * mx + ny * my + nz * mz) / Math.sqrt(mx * mx + my * my + mz * mz);
            if (mirror > 0.8) {
              let peak = mirror * mirror;
              peak *= peak;
              peak *= peak;
              peak *= peak;
              shine += power * gloss * peak * peak;
            }
          }
        }
        let sky = daylight;
        if (far > nearLimit) {
          // What lies at the limit must be dark already, or its edge would show.
          const left = (limit - far) * fadeOut;
          lit *= left;
          shine *= left;
          sky *= left;
        }
        const path = (far + way * 0.5) * 128;
        shine *= 0.3;
        directR = (red * lit + shine) * fade[(attR * path) | 0];
        directG = (green * lit + shine) * fade[(attG * path) | 0];
        directB = (blue * lit + shine) * fade[(attB * path) | 0];
        if (sky > 0) {
          sky *= 0.35 + 0.65 * (ny > 0 ? ny : 0);
          const down = far * 128;
          directR += 0.25 * sky * red * fade[(attR * down) | 0];
          directG += 0.9 * sky * green * fade[(attG * down) | 0];
          directB += sky * blue * fade[(attB * down) | 0];
        }
        if (hit === 1 && lit > 0.12) {
          if (hz < litLow) litLow = hz;
          if (hz > litHigh) litHigh = hz;
        }
      }

      // Scattered light: more from farther water, most where the lamps shine.
      const glow = 0.35 + 0.65 / (1 + 2.2 * off);
      const haze = (1 - fade[(scatter * far * 128) | 0]) * glow;
      let addR = veilR * haze;
      let addG = veilG * haze;
      let addB = veilB * haze;
      if (silt > 0) {
        const swirl = sample(noise.cloud, px * (90 / width) + seconds * 14, py * (90 / width) - seconds * 5);
        const thick = silt * (1 + 0.9 * swirl) * far;
        const left = thick <= 0 ? 1 : fade[Math.min(FADE_TOP, (thick * 128) | 0)];
        const lost = (1 - left) * glow * (1 + 0.12 * swirl);
        directR *= left;
        directG *= left;
        directB *= left;
        addR = addR * left + siltR * lost;
        addG = addG * left + siltG * lost;
        addB = addB * left + siltB * lost;
      }
      const to = 3 * at;
      light[to] = (directR + addR) * gainR;
      light[to + 1] = (directG + addG) * gainG;
      light[to + 2] = (directB + addB) * gainB;

      if (hit === 1) {
        const own = 0.299 * directR * gainR + 0.587 * directG * gainG + 0.114 * directB * gainB;
        const water = 0.299 * addR * gainR + 0.587 * addG * gainG + 0.114 * addB * gainB;
        clearSum += own / (own + water + 1e-4);
        clearCount++;
        if (mark !== 0) {
          const albedo = 0.299 * red + 0.587 * green + 0.114 * blue;
          const intact = (own * sound) / (albedo > 0.004 ? albedo : 0.004);
          const now = tone[Math.min(TONE_MAX, ((own + water) * TONE_SCALE) | 0)];
          const then = tone[Math.min(TONE_MAX, ((intact + water) * TONE_SCALE) | 0)];
          tally.add(mark, px, py, Math.abs(now - then), hz);
        }
      }
    }
  }
  return { clear: clearCount === 0 ? 1 : clearSum / clearCount, low: litLow, high: litHigh };
}
