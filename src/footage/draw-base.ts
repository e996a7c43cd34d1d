import { SpectaError } from '../platform/errors.ts';
import type { Random } from './random.ts';
import type {
  Colour,
  DefectPlan,
  DistractorPlan,
  EventPlan,
  RunOptions,
  RunPlan,
  SceneKind,
  Sensor,
  Surface,
  View,
  Water,
} from './run-plan.ts';

const COATS: readonly Colour[] = [
  [0.07, 0.075, 0.08],
  [0.2, 0.25, 0.22],
  [0.46, 0.36, 0.12],
  [0.33, 0.12, 0.08],
  [0.42, 0.43, 0.42],
  [0.2, 0.26, 0.34],
  [0.52, 0.5, 0.44],
];

/** What a run is made of before anything is laid on the pipe. */
export interface RunBase {
  readonly view: View;
  readonly water: Water;
  readonly sensor: Sensor;
  readonly surface: Surface;
  readonly radius: number;
  readonly bed: number;
  readonly bedKind: RunPlan['bedKind'];
}

/** What lies on the pipe, and what happens. */
export interface RunLayout {
  readonly defects: readonly DefectPlan[];
  readonly distractors: readonly DistractorPlan[];
  readonly events: readonly EventPlan[];
}

/** Throws `USAGE` for sizes, rates or lengths that cannot be rendered. */
export function checkOptions(options: RunOptions): void {
  const whole = (value: number, low: number, high: number): boolean =>
    Number.isInteger(value) && value >= low && value <= high;
  const problem = !Number.isInteger(options.seed)
    ? `seed ${options.seed} is not a whole number`
    : !whole(options.width, 32, 4096) || !whole(options.height, 32, 4096)
      ? `size ${options.width}x${options.height} is not within 32x32 to 4096x4096`
      : !(options.rate > 0 && options.rate <= 240)
        ? `rate ${options.rate} is not within 0 to 240 frames a second`
        : !(options.seconds > 0 && options.seconds <= 86_400)
          ? `length ${options.seconds} s is not within 0 to 86400 s`
          : options.turbidity !== undefined && !(options.turbidity >= 0 && options.turbidity <= 1)
            ? `turbidity ${options.turbidity} is not within 0 to 1`
            : null;
  if (problem)
    throw new SpectaError('USAGE', `The run cannot be rendered: ${problem}.`, 'Give a value in range.');
}

/** Draws view, water, sensor and looks; what the options fix stays fixed. */
export function drawBase(options: RunOptions, random: Random): RunBase {
  const scene =
    options.scene ?? random.pick<SceneKind>(['coated', 'coated', 'concrete', 'concrete', 'steel']);
  const radius = random.range(0.24, 0.42);
  const bed = -radius * random.range(0.25, 1);
  const sideways = random.chance(0.5);
  const side = random.pick([-1, 1]);
  const angle = sideways ? side * random.range(0.5, 1.15) : random.range(-0.4, 0.4);
  const view: View = {
    angle,
    distance: random.logRange(0.5, 1.15),
    ahead: random.range(0.05, sideways ? 0.4 : 0.6),
    turn: sideways ? -side * (Math.PI / 2) + random.range(-0.2, 0.2) : random.range(-0.35, 0.35),
    field: random.range(0.95, 1.25),
    sway: random.range(0.6, 1.4),
    ...options.view,
  };
  const turbidity = options.turbidity ?? random.range(0, 1) ** 1.7 * 0.75;
  const green = random.next();
  const water: Water = {
    turbidity,
    absorption: [0.55 + 0.2 * random.next(), 0.1 + 0.1 * (1 - green), 0.09 + 0.22 * green],
    tint: [0.1 + 0.06 * turbidity, 0.36 + 0.14 * green, 0.44 - 0.16 * green],
    daylight: random.chance(0.25) ? random.range(0.05, 0.35) : 0,
    particles: Math.round(60 + 320 * turbidity * random.range(0.5, 1.5)),
    ...options.water,
  };
  const sensor: Sensor = {
    exposure: random.range(0.4, 0.62),
    whiteBalance: random.range(0.45, 0.95),
    noise: random.range(1, 4.5),
    blur: random.range(0, 0.9),
    leftLamp: random.range(0.2, 0.8),
    ...options.sensor,
  };
  const surface: Surface = {
    scene,
    paint: drawPaint(scene, random),
    dust: random.chance(0.7) ? random.range(0.1, 0.9) : 0,
    fouling: random.chance(0.6) ? random.range(0.1, 0.8) : 0,
    rough: random.range(0.6, 1.5),
    seed: random.seed(),
    ...options.surface,
  };
  const bedKind = random.pick<RunPlan['bedKind']>(['sand', 'mud', 'gravel']);
  return { view, water, sensor, surface, radius, bed, bedKind, ...options.pipe };
}

function drawPaint(scene: SceneKind, random: Random): Colour {
  const tone = random.range(0.85, 1.15);
  const [r, g, b] =
    scene === 'coated'
      ? random.pick(COATS)
      : scene === 'concrete'
        ? random.pick<Colour>([
            [0.4, 0.38, 0.34],
            [0.3, 0.3, 0.28],
            [0.48, 0.46, 0.42],
          ])
        : random.pick<Colour>([
            [0.29, 0.285, 0.28],
            [0.22, 0.215, 0.21],
            [0.36, 0.355, 0.35],
          ]);
  return [r * tone, g * tone, b * tone];
}

/** The whole plan, with its defects numbered along the pipe. */
export function finishPlan(
  options: RunOptions,
  base: RunBase,
  speed: number,
  frames: number,
  layout: RunLayout,
): RunPlan {
  const byZ = (a: { z: number }, b: { z: number }): number => a.z - b.z;
  const defects = [...layout.defects].sort(byZ).map((defect, index) => ({ ...defect, id: `d${index + 1}` }));
  return {
    seed: options.seed,
    frames,
    rate: options.rate,
    width: options.width,
    height: options.height,
    speed,
    ...base,
    defects,
    distractors: [...layout.distractors].sort(byZ),
    events: layout.events,
  };
}
