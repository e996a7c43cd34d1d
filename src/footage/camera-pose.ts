import type { RunPlan } from './run-plan.ts';

/**
 * Where the camera is and how it looks. The pipe's axis is z (ahead), y is up, x to the side; metres. `forward`,
 * `right` and `up` are unit vectors.
 */
export interface CameraPose {
  readonly position: Vector;
  readonly forward: Vector;
  readonly right: Vector;
  readonly up: Vector;
}

export type Vector = readonly [number, number, number];

/** The pose at a time: steady travel along the pipe with the slow sway of a vehicle that hovers. */
export function cameraPose(plan: RunPlan, seconds: number): CameraPose {
  const { view } = plan;
  const phase = ((plan.seed % 997) + 997) % 997;
  const wave = (period: number, shift: number): number =>
    view.sway *
    (Math.sin((2 * Math.PI * seconds) / period + phase * shift) +
      0.4 * Math.sin((2 * Math.PI * seconds) / (period * 0.37) + phase * shift * 1.7));
  const angle = view.angle + 0.03 * wave(9.1, 1.1);
  const distance = view.distance * (1 + 0.03 * wave(7.3, 2.3));
  const z = plan.speed * seconds + 0.02 * wave(5.7, 0.7);
  const radial: Vector = [Math.sin(angle), Math.cos(angle), 0];
  const around: Vector = [Math.cos(angle), -Math.sin(angle), 0];
  const out = plan.radius + distance;
  const position: Vector = [out * radial[0], out * radial[1], z];
  const lookAround = 0.025 * wave(6.1, 3.1) * view.distance;
  const lookAhead = distance * Math.tan(view.ahead + 0.02 * wave(8.3, 1.9));
  const target: Vector = [
    plan.radius * radial[0] + lookAround * around[0],
    plan.radius * radial[1] + lookAround * around[1],
    z + lookAhead,
  ];
  const forward = unit([target[0] - position[0], target[1] - position[1], target[2] - position[2]]);
  const turn = view.turn + 0.018 * wave(10.7, 2.9);
  const hint: Vector = [Math.sin(turn) * around[0], Math.sin(turn) * around[1], Math.cos(turn)];
  const right = unit(cross(forward, hint));
  return { position, forward, right, up: cross(right, forward) };
}

export function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function unit(v: Vector): Vector {
  const length = Math.hypot(v[0], v[1], v[2]);
  return [v[0] / length, v[1] / length, v[2] / length];
}
