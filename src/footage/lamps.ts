import { type CameraPose, unit } from './camera-pose.ts';
import type { RunPlan } from './run-plan.ts';

/** Numbers per lamp: position x y z, axis x y z, power. */
export const LAMP_FIELDS = 7;
/** Cosine at the edge of a lamp's cone (66°), and 1 / (cosine where it is full (11°) - cosine at the edge). */
export const CONE_EDGE = Math.cos(1.15);
export const CONE_RISE = 1 / (Math.cos(0.2) - CONE_EDGE);

/**
 * Two lamps left and right above the camera, aimed at what it looks at; together 1 at the usual distance.
 * @param strength 0..1
 */
export function lampsOf(pose: CameraPose, plan: RunPlan, strength: number): Float64Array {
  const nominal = plan.view.distance;
  const slant = Math.sqrt(1 + Math.tan(plan.view.ahead) ** 2);
  const lamps = new Float64Array(2 * LAMP_FIELDS);
  const { position, forward, right, up } = pose;
  for (let k = 0; k < 2; k++) {
    const side = k === 0 ? -1 : 1;
    const share = k === 0 ? plan.sensor.leftLamp : 1 - plan.sensor.leftLamp;
    const place = (axis: 0 | 1 | 2): number => position[axis] + side * 0.32 * right[axis] + 0.14 * up[axis];
    const aim = (axis: 0 | 1 | 2): number =>
      position[axis] + nominal * slant * forward[axis] + side * 0.08 * right[axis] - place(axis);
    const axis = unit([aim(0), aim(1), aim(2)]);
    const power = strength * share * (nominal * nominal * slant * slant + 0.12);
    lamps.set([place(0), place(1), place(2), ...axis, power], k * LAMP_FIELDS);
  }
  return lamps;
}
