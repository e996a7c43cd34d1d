import type { RunBase } from './draw-base.ts';
import type { Random } from './random.ts';
import type {
  AnodePlan,
  CorrosionPlan,
  CrackPlan,
  DistractorPlan,
  GrowthPlan,
  ScratchPlan,
  WeldPlan,
} from './run-plan.ts';

export function drawDistractors(
  random: Random,
  base: RunBase,
  from: number,
  to: number,
  perMetre: number,
): DistractorPlan[] {
  const list: DistractorPlan[] = [];
  for (let z = from + random.range(0, 3); z < to; z += random.range(2, 4))
    list.push(drawWeld(random, base, z));
  for (let z = from + random.range(0, 6); z < to; z += random.range(4, 8)) list.push(drawAnode(random, z));
  const count = Math.round((to - from) * perMetre * random.range(0.3, 1.7));
  for (let i = 0; i < count; i++) {
    const place = { z: random.range(from, to), s: base.radius * random.range(-1.3, 1.3) };
    if (random.chance(0.25)) list.push(drawScratch(random, place));
    else list.push(drawGrowth(random, place));
  }
  return list;
}

export function drawCorrosion(
  random: Random,
  given: { z: number; s: number; halfLength: number },
  size: number,
): CorrosionPlan {
  return {
    id: '',
    defect: 'corrosion',
    halfWidth: size * random.range(0.7, 1.2),
    pits: random.chance(0.6) ? random.range(0.15, 0.6) : 0,
    flakes: random.chance(0.6) ? random.range(0.2, 0.8) : 0,
    ragged: random.range(0.4, 1.1),
    seed: random.seed(),
    ...given,
  };
}

export function drawCrack(
  random: Random,
  given: { z: number; s: number; length: number; width: number },
): CrackPlan {
  return {
    id: '',
    defect: 'crack',
    direction: random.range(0, Math.PI),
    branches: random.chance(0.7) ? random.range(0.5, 5) : 0,
    seed: random.seed(),
    ...given,
  };
}

export function drawWeld(random: Random, base: RunBase, z: number): WeldPlan {
  const band = base.surface.scene === 'steel' ? 0 : random.range(0.12, 0.22);
  return { kind: 'weld', z, band, seed: random.seed() };
}

export function drawAnode(random: Random, z: number): AnodePlan {
  return { kind: 'anode', z, halfLength: random.range(0.12, 0.24), seed: random.seed() };
}

export function drawGrowth(random: Random, place: { z: number; s: number }): GrowthPlan {
  const form = random.pick<GrowthPlan['form']>(['barnacles', 'algae', 'worms']);
  return { kind: 'growth', ...place, form, radius: random.logRange(0.04, 0.2), seed: random.seed() };
}

export function drawScratch(random: Random, place: { z: number; s: number }): ScratchPlan {
  return {
    kind: 'scratch',
    ...place,
    length: random.logRange(0.08, 0.6),
    direction: random.range(0, Math.PI),
    seed: random.seed(),
  };
}
