import type { CameraPose } from './camera-pose.ts';
import { Random } from './random.ts';
import type { RunPlan } from './run-plan.ts';

/** What particles need to know of the frame they are drawn into. */
export interface ParticleCanvas {
  /** Light by colour `[h, w, 3]`, before tone. */
  readonly light: Float32Array;
  /** Distance of what each pixel shows, metres `[h, w]`. */
  readonly depth: Float32Array;
  readonly width: number;
  readonly height: number;
  /** Pixels per unit of tangent. */
  readonly focal: number;
  /** Lamps' strength 0..1 and the camera's gain. */
  readonly lamp: number;
  readonly gain: readonly [number, number, number];
  readonly attenuation: readonly [number, number, number];
}

interface Particle {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly size: number;
  readonly bright: number;
}

/** Marine snow: specks that hang in the water, drift with it and light up near the lamps. */
export class Particles {
  private readonly list: Particle[] = [];
  private readonly drift: readonly [number, number, number];
  private readonly box: number;

  constructor(plan: RunPlan) {
    const random = new Random(plan.seed ^ 0x70a7);
    this.box = 1.7 * plan.view.distance + 0.3;
    this.drift = [random.range(-0.06, 0.06), random.range(-0.03, 0.02), random.range(-0.08, 0.08)];
    for (let i = 0; i < plan.water.particles; i++)
      this.list.push({
        x: random.next(),
        y: random.next(),
        z: random.next(),
        size: random.logRange(0.0006, 0.0028),
        bright: random.logRange(0.2, 1.2),
      });
  }

  draw(canvas: ParticleCanvas, pose: CameraPose, seconds: number, nominal: number): void {
    const box = this.box;
    const drift = this.drift;
    const { position, forward, right, up } = pose;
    const centreX = position[0] + 0.5 * box * forward[0];
    const centreY = position[1] + 0.5 * box * forward[1];
    const centreZ = position[2] + 0.5 * box * forward[2];
    for (const speck of this.list) {
      const x = wrap(speck.x * box + drift[0] * seconds - centreX, box) + 0.5 * box * forward[0];
      const y = wrap(speck.y * box + drift[1] * seconds - centreY, box) + 0.5 * box * forward[1];
      const z = wrap(speck.z * box + drift[2] * seconds - centreZ, box) + 0.5 * box * forward[2];
      const deep = x * forward[0] + y * forward[1] + z * forward[2];
      if (deep < 0.1) continue;
      const across = x * right[0] + y * right[1] + z * right[2];
      const above = x * up[0] + y * up[1] + z * up[2];
      const px = canvas.width / 2 + (across / deep) * canvas.focal;
      const py = canvas.height / 2 - (above / deep) * canvas.focal;
      // Specks much nearer than the pipe are out of focus: wider and fainter.
      const unsharp = 0.0035 * canvas.focal * Math.max(0, 1 / deep - 1.6 / nominal);
      const sharp = (speck.size * canvas.focal) / deep;
      const radius = Math.min(14, 0.6 + sharp + unsharp);
      const spread = (0.6 + sharp) / radius;
      const lit =
        (canvas.lamp * Math.min(4, (nominal / (deep + 0.25)) ** 2) * speck.bright * spread * spread) / 2.2;
      splat(canvas, px, py, radius, lit, deep);
    }
  }
}

function splat(
  canvas: ParticleCanvas,
  px: number,
  py: number,
  radius: number,
  lit: number,
  deep: number,
): void {
  const x0 = Math.max(0, Math.ceil(px - radius));
  const x1 = Math.min(canvas.width - 1, Math.floor(px + radius));
  const y0 = Math.max(0, Math.ceil(py - radius));
  const y1 = Math.min(canvas.height - 1, Math.floor(py + radius));
  if (x0 > x1 || y0 > y1) return;
  const red = lit * canvas.gain[0] * Math.exp(-2 * canvas.attenuation[0] * deep);
  const green = lit * canvas.gain[1] * Math.exp(-2 * canvas.attenuation[1] * deep);
  const blue = lit * canvas.gain[2] * Math.exp(-2 * canvas.attenuation[2] * deep);
  const inverse = 1 / (radius * radius);
  for (let y = y0; y <= y1; y++)
    for (let x = x0; x <= x1; x++) {
      const square = ((x - px) * (x - px) + (y - py) * (y - py)) * inverse;
      if (square >= 1) continue;
      const at = y * canvas.width + x;
      if (canvas.depth[at] < deep) continue;
      const share = (1 - square) * (1 - square);
      canvas.light[3 * at] += red * share;
      canvas.light[3 * at + 1] += green * share;
      canvas.light[3 * at + 2] += blue * share;
    }
}

/** Into -box/2..box/2. */
function wrap(value: number, box: number): number {
  return value - box * Math.floor(value / box + 0.5);
}
