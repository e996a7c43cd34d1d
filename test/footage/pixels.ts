import type { Box } from '../../src/footage/frame-truth.ts';
import type { RunOptions } from '../../src/footage/run-plan.ts';

/** A small, quick run with a corrosion patch at 1 s and a crack at 3 s. */
export const SMALL_RUN: RunOptions = {
  seed: 7,
  seconds: 4,
  rate: 2,
  width: 160,
  height: 90,
  scene: 'concrete',
  turbidity: 0.1,
  speed: 0.5,
  view: { angle: 0, distance: 0.7, ahead: 0.1, turn: 0, field: 1.1, sway: 1 },
  script: [
    { at: 1, item: 'corrosion', s: 0, halfLength: 0.15, halfWidth: 0.14 },
    { at: 3, item: 'crack', s: 0, length: 0.5, width: 0.014, direction: 0.5 },
  ],
};

/** Mean absolute difference of two pictures `[h, w, 3]` inside a box, grey levels. */
export function difference(a: Uint8Array, b: Uint8Array, width: number, box: Box): number {
  const [left, top, boxWidth, boxHeight] = box;
  let sum = 0;
  for (let y = top; y < top + boxHeight; y++)
    for (let i = 3 * (y * width + left); i < 3 * (y * width + left + boxWidth); i++)
      sum += Math.abs((a[i] ?? 0) - (b[i] ?? 0));
  return sum / (3 * boxWidth * boxHeight);
}
