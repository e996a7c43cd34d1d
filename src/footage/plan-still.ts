import { checkOptions, drawBase, finishPlan } from './draw-base.ts';
import { drawCorrosion, drawCrack, drawDistractors } from './draw-items.ts';
import { Random } from './random.ts';
import type { DefectPlan, RunOptions, RunPlan } from './run-plan.ts';

/** What the picture should show of itself: used for stills, where one view must hold a given thing. */
export type StillKind = 'intact' | 'corrosion' | 'crack' | 'both';
export const STILL_KINDS: readonly StillKind[] = ['intact', 'corrosion', 'crack', 'both'];

/**
 * Lays out one view of its own: another pipe, water, light and distance for each seed, with the given kind of defect in
 * the middle part of the picture, and distractors whatever the kind.
 */
export function planStill(
  seed: number,
  kind: StillKind,
  width: number,
  height: number,
  fixed: Pick<RunOptions, 'scene' | 'turbidity'> = {},
): RunPlan {
  const options: RunOptions = { seed, seconds: 1, rate: 1, width, height, ...fixed };
  checkOptions(options);
  const random = new Random(seed ^ 0x5b1f);
  const base = drawBase(options, random);
  const { view } = base;
  const ahead = view.distance * Math.tan(view.ahead);
  const reach = view.distance * Math.tan(view.field / 2);
  const defects: DefectPlan[] = [];
  const place = (spread: number): { z: number; s: number } => ({
    z: ahead + spread * reach * random.range(-1, 1),
    s: Math.min(reach, 0.9 * base.radius) * spread * random.range(-1, 1),
  });
  if (kind === 'corrosion' || kind === 'both') {
    const count = random.integer(1, 3);
    for (let i = 0; i < count; i++) {
      const size = reach * random.logRange(0.09, 0.75);
      defects.push(
        drawCorrosion(random, { ...place(0.45), halfLength: size * random.range(0.7, 1.4) }, size),
      );
    }
  }
  if (kind === 'crack' || kind === 'both') {
    const first = defects[0];
    const at = first && random.chance(0.7) ? { z: first.z, s: first.s } : place(0.35);
    defects.push(
      drawCrack(random, {
        ...at,
        length: reach * random.logRange(0.5, 2.4),
        width: reach * random.logRange(0.004, 0.024),
      }),
    );
  }
  const distractors = drawDistractors(random, base, ahead - 1.2 * reach, ahead + 1.5 * reach, 1.4);
  return finishPlan(options, { ...base, view: { ...view, sway: 0 } }, 0, 1, {
    defects,
    distractors,
    events: [],
  });
}
