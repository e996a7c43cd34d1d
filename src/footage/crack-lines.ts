import { Random } from './random.ts';
import type { CrackPlan } from './run-plan.ts';

/** A straight piece of a crack on the unrolled pipe; metres. */
export interface CrackSegment {
  readonly z0: number;
  readonly s0: number;
  readonly z1: number;
  readonly s1: number;
  /** Half opening at both ends. */
  readonly half0: number;
  readonly half1: number;
}

/** The zigzag of a crack and its branches: a heading that wanders, kinks now and then and comes back to its course. */
export function crackLines(plan: CrackPlan): CrackSegment[] {
  const random = new Random(plan.seed);
  const segments: CrackSegment[] = [];
  const startZ = plan.z - (Math.cos(plan.direction) * plan.length) / 2;
  const startS = plan.s - (Math.sin(plan.direction) * plan.length) / 2;
  grow(segments, random, startZ, startS, plan.direction, plan.length, plan.width / 2, plan.branches, true);
  return segments;
}

function grow(
  segments: CrackSegment[],
  random: Random,
  startZ: number,
  startS: number,
  course: number,
  length: number,
  half: number,
  branches: number,
  taperStart: boolean,
): void {
  const steps = Math.max(6, Math.min(90, Math.round(length / 0.009)));
  const step = length / steps;
  let heading = course + 0.3 * random.bell();
  let z = startZ;
  let s = startS;
  let swell = 1;
  let before = taperStart ? half * 0.15 : half;
  const wander = random.range(0.16, 0.34);
  for (let i = 0; i < steps; i++) {
    heading += wander * random.bell() + 0.22 * (course - heading);
    if (random.chance(0.09)) heading += random.pick([-1, 1]) * random.range(0.5, 1.1);
    const nextZ = z + step * Math.cos(heading);
    const nextS = s + step * Math.sin(heading);
    const t = (i + 1) / steps;
    const rise = taperStart ? Math.min(1, t / 0.25) : 1;
    const fall = Math.min(1, (1 - t) / 0.35);
    swell += 0.17 * random.bell() + 0.2 * (1 - swell);
    if (swell < 0.45) swell = 0.45;
    if (swell > 1.6) swell = 1.6;
    const after = half * (0.12 + 0.88 * Math.sqrt(rise * fall)) * swell;
    segments.push({ z0: z, s0: s, z1: nextZ, s1: nextS, half0: before, half1: after });
    z = nextZ;
    s = nextS;
    before = after;
    if (branches > 0 && i > 1 && i < steps - 2 && random.chance(branches / steps)) {
      const side = random.pick([-1, 1]) * random.range(0.45, 1.15);
      const rest = length * random.range(0.15, 0.55) * (1 - 0.4 * t);
      grow(
        segments,
        random,
        z,
        s,
        heading + side,
        rest,
        before * random.range(0.3, 0.6),
        branches * 0.3,
        false,
      );
    }
  }
}
