import { checkOptions, drawBase, finishPlan, type RunBase, type RunLayout } from './draw-base.ts';
import {
  drawAnode,
  drawCorrosion,
  drawCrack,
  drawDistractors,
  drawGrowth,
  drawScratch,
  drawWeld,
} from './draw-items.ts';
import { Random } from './random.ts';
import type { DefectPlan, DistractorPlan, EventPlan, RunOptions, RunPlan, ScriptItem } from './run-plan.ts';

/**
 * Lays out a run: the view, the water, and where defects, welds, anodes and growth lie along the pipe. The same options
 * give the same plan. Throws `USAGE` for sizes, rates or lengths that cannot be rendered.
 */
export function planRun(options: RunOptions): RunPlan {
  checkOptions(options);
  const random = new Random(options.seed);
  const base = drawBase(options, random);
  const speed = options.speed ?? 0.25;
  const frames = Math.max(1, Math.round(options.seconds * options.rate));
  const ahead = base.view.distance * Math.tan(base.view.ahead);
  const length = (speed * frames) / options.rate;
  const layout = options.script
    ? scripted(options.script, base, random, speed, ahead)
    : drawn(options, base, random, length, ahead);
  return finishPlan(options, base, speed, frames, layout);
}

function drawn(options: RunOptions, base: RunBase, random: Random, length: number, ahead: number): RunLayout {
  const defects: DefectPlan[] = [];
  const density = options.defects ?? 'some';
  const gap = density === 'many' ? 0.9 : 2.6;
  if (density !== 'none')
    for (let z = ahead + gap * random.range(0.3, 1); z < ahead + length; z += gap * random.range(0.6, 1.4)) {
      const s = base.radius * random.range(-0.6, 0.6);
      const kind = random.next();
      if (kind < 0.75) {
        const size = random.logRange(0.03, 0.24);
        defects.push(drawCorrosion(random, { z, s, halfLength: size * random.range(0.7, 1.5) }, size));
      }
      if (kind > 0.5)
        defects.push(
          drawCrack(random, {
            z: z + (kind < 0.75 ? 0 : random.range(-0.1, 0.1)),
            s,
            length: random.logRange(0.2, 1.1),
            width: random.logRange(0.002, 0.012),
          }),
        );
    }
  const distractors = drawDistractors(random, base, -1, ahead + length + 3, 0.7);
  const events: EventPlan[] = [];
  for (let at = random.range(20, 60); at < options.seconds; at += random.range(30, 120))
    events.push({
      kind: random.chance(0.75) ? 'silt' : 'lamp-off',
      at,
      seconds: random.range(2, 5),
    });
  return { defects, distractors, events };
}

function scripted(
  script: readonly ScriptItem[],
  base: RunBase,
  random: Random,
  speed: number,
  ahead: number,
): RunLayout {
  const defects: DefectPlan[] = [];
  const distractors: DistractorPlan[] = [];
  const events: EventPlan[] = [];
  for (const entry of script) {
    const z = speed * entry.at + ahead;
    if (entry.item === 'corrosion') {
      const { at: _at, item: _item, ...given } = entry;
      const drawnPatch = drawCorrosion(random, { z, s: 0, halfLength: 0.15 }, 0.13);
      defects.push({ ...drawnPatch, ...given });
    } else if (entry.item === 'crack') {
      const { at: _at, item: _item, ...given } = entry;
      defects.push({ ...drawCrack(random, { z, s: 0, length: 0.5, width: 0.01 }), ...given });
    } else if (entry.item === 'weld') distractors.push(drawWeld(random, base, z));
    else if (entry.item === 'anode') distractors.push(drawAnode(random, z));
    else if (entry.item === 'scratch') distractors.push(drawScratch(random, { z, s: 0 }));
    else if (entry.item === 'growth') {
      const { at: _at, item: _item, ...given } = entry;
      distractors.push({ ...drawGrowth(random, { z, s: 0 }), ...given });
    } else events.push({ kind: entry.item, at: entry.at, seconds: entry.seconds });
  }
  return { defects, distractors, events };
}
