/** Steps in which the learning rate rises: first gradients are large and say little. */
const WARM_UP_STEPS = 20;

/** A step's share of the learning rate: rises linearly at first, then falls to 0.05 along half a cosine. */
export function rateShare(done: number, all: number): number {
  const rising = Math.min(1, (done + 1) / Math.min(WARM_UP_STEPS, all));
  return rising * (0.05 + (0.95 * (1 + Math.cos((Math.PI * done) / all))) / 2);
}

/** Values summed into one output up to which a weight takes full steps; found by trial at several picture sizes. */
const FULL_STEP_FAN_IN = 30_000;

/**
 * A weight's share of the learning rate. Adam moves every weight by about the same step; where 300,000 of them move
 * together, full steps would throw the output about.
 */
export function widthShare(fanIn: number): number {
  return Math.min(1, FULL_STEP_FAN_IN / Math.max(1, fanIn));
}
