import { type CameraPose, cameraPose } from './camera-pose.ts';
import { DefectTally } from './defect-tally.ts';
import type { FrameTruth, VisibleDistractor } from './frame-truth.ts';
import { createOptics, eventsAt } from './optics.ts';
import { Particles } from './particles.ts';
import { PipeTexture, RenderMemory } from './pipe-texture.ts';
import { mix } from './random.ts';
import type { RunPlan } from './run-plan.ts';
import { developFrame } from './sensor.ts';
import { Studio } from './studio.ts';
import { type TraceScene, traceFrame } from './trace-frame.ts';

export interface RenderedFrame {
  /** `[h, w, 3]` uint8. */
  readonly rgb: Uint8Array<ArrayBuffer>;
  readonly truth: FrameTruth;
}

/** Beyond this many times the usual distance the lamps' light is gone. */
const FAR = 2.8;
/** Blind below this mean luma, and below this share of the pipe's own light in what comes from it. */
const DARK_LUMA = 16;
const TURBID_SHARE = 0.14;

/**
 * Renders the frames of one plan, in any order; each frame's pixels depend on the plan and its index alone. Keeps the
 * painted pipe between frames, so neighbours are cheap.
 */
export class FrameRenderer {
  private readonly plan: RunPlan;
  private readonly scene: TraceScene;
  private readonly particles: Particles;

  /**
   * @param studio shared by renderers; default: one of its own
   * @param memory taken over from a renderer that is no longer used
   */
  constructor(plan: RunPlan, studio = new Studio(), memory = new RenderMemory()) {
    this.plan = plan;
    this.particles = new Particles(plan);
    const focal = plan.width / 2 / Math.tan(plan.view.field / 2);
    const limit = FAR * plan.view.distance;
    const footprint = plan.view.distance / focal;
    const texel = Math.min(0.004, Math.max(0.0008, 0.85 * footprint));
    const seen = seenRange(plan, cameraPose(plan, 0), focal, limit);
    const pixels = plan.width * plan.height;
    this.scene = {
      plan,
      studio,
      seabed: studio.seabed(plan.bedKind),
      optics: createOptics(plan),
      texture: new PipeTexture(plan, studio.noise, texel, (seen.high - seen.low) * 1.25 + 0.3, memory),
      focal,
      limit,
      light: new Float32Array(memory.take('light', 12 * pixels)),
      depth: new Float32Array(memory.take('depth', 4 * pixels)),
    };
  }

  /** @param index frame, from 0 */
  render(index: number): RenderedFrame {
    const plan = this.plan;
    const scene = this.scene;
    const { texture, optics } = scene;
    const seconds = index / plan.rate;
    const pose = cameraPose(plan, seconds);
    const events = eventsAt(plan, seconds);
    const seen = seenRange(plan, pose, scene.focal, scene.limit);
    const low = seen.low - 0.1;
    const high = Math.min(seen.high + 0.1, low + texture.reach);
    texture.cover(low, high);
    const tally = new DefectTally();
    const traced = traceFrame(scene, { pose, seconds, ...events, low, high }, tally);
    const canvas = { ...scene, width: plan.width, height: plan.height, ...events, ...optics };
    this.particles.draw(canvas, pose, seconds, plan.view.distance);
    const grainSeed = mix(plan.seed ^ Math.imul(index + 1, 0x9e3779b1));
    const developed = developFrame(scene.light, plan, scene.studio.tables, grainSeed);
    const found = tally.result(texture, plan.width * plan.height);
    const blind = developed.luma < DARK_LUMA ? 'dark' : traced.clear < TURBID_SHARE ? 'turbid' : null;
    return {
      rgb: developed.rgb,
      truth: {
        frame: index + 1,
        file: `frame-${String(index + 1).padStart(6, '0')}.jpg`,
        seconds: round(seconds, 3),
        metres: round(pose.position[2], 3),
        visible: blind ? [] : found.visible,
        faint: blind ? [...found.faint, ...found.visible.map((defect) => defect.id)] : found.faint,
        distractors: distractorsWithin(plan, traced.low, traced.high),
        blind,
        scene: plan.surface.scene,
        turbidity: round(plan.water.turbidity, 3),
        distance: round(plan.view.distance, 3),
        luma: round(developed.luma, 1),
      },
    };
  }
}

/** Renders one frame of a plan. For many frames keep a {@link FrameRenderer}. */
export function renderFrame(plan: RunPlan, index: number, studio?: Studio): RenderedFrame {
  return new FrameRenderer(plan, studio).render(index);
}

function distractorsWithin(plan: RunPlan, low: number, high: number): VisibleDistractor[] {
  const seen: VisibleDistractor[] = [];
  for (const item of plan.distractors) {
    if (item.z < low || item.z > high) continue;
    if ('s' in item && Math.abs(item.s) > 1.1 * plan.radius) continue;
    seen.push({ kind: item.kind, metres: round(item.z, 2) });
  }
  return seen;
}

/** Metres along the pipe that the picture shows, from a coarse grid of rays. */
function seenRange(
  plan: RunPlan,
  pose: CameraPose,
  focal: number,
  limit: number,
): { low: number; high: number } {
  const [cx, cy, cz] = pose.position;
  let low = cz;
  let high = cz;
  for (let j = 0; j <= 16; j++)
    for (let i = 0; i <= 24; i++) {
      const a = ((i / 24 - 0.5) * plan.width) / focal;
      const b = ((0.5 - j / 16) * plan.height) / focal;
      const dx = pose.forward[0] + a * pose.right[0] + b * pose.up[0];
      const dy = pose.forward[1] + a * pose.right[1] + b * pose.up[1];
      const dz = pose.forward[2] + a * pose.right[2] + b * pose.up[2];
      const qa = dx * dx + dy * dy;
      const qb = cx * dx + cy * dy;
      const disc = qb * qb - qa * (cx * cx + cy * cy - plan.radius * plan.radius);
      if (disc <= 0) continue;
      const t = (-qb - Math.sqrt(disc)) / qa;
      if (t <= 0) continue;
      const far = t * Math.sqrt(qa + dz * dz);
      const z = cz + (far > limit ? limit / far : 1) * t * dz;
      if (z < low) low = z;
      if (z > high) high = z;
    }
  return { low, high };
}

function round(value: number, digits: number): number {
  const unit = 10 ** digits;
  return Math.round(value * unit) / unit;
}
