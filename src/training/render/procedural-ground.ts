import type { Random } from '../random.ts';
import {
  type Canvas,
  createCanvas,
  type Field,
  noise,
  type Rgb,
  shade,
  slopeToLight,
  smoothStep,
} from './canvas.ts';
import { drawLight } from './light.ts';

/** Concrete, sand, plaster, coatings, bare and painted steel, growth. */
const BASES: readonly Rgb[] = [
  [150, 148, 142],
  [176, 160, 130],
  [205, 202, 195],
  [110, 114, 118],
  [60, 92, 78],
  [66, 82, 112],
  [190, 172, 92],
  [132, 74, 66],
  [70, 72, 74],
  [90, 98, 70],
];

/** A ground that nobody photographed: drawn from noise at several scales, with grain, pores, brush marks or lumps. */
export function drawGround(width: number, height: number, random: Random): Canvas {
  const canvas = createCanvas(width, height);
  const base = BASES[random.integer(BASES.length)];
  const direction = random.next() < 0.3 ? random.between(3, 12) : 1;
  const turned = random.next() < 0.5;
  const shape = (scale: number, octaves: number, gain: number): Field =>
    noise(
      canvas,
      { across: scale * (turned ? direction : 1), down: scale * (turned ? 1 : direction), octaves, gain },
      random,
    );
  const tone = shape(random.between(0.15, 0.7), 6, random.between(0.4, 0.75));
  const grain = shape(random.between(0.006, 0.03), 3, 0.8);
  const [toneShare, grainShare] = [random.between(0.03, 0.16), random.between(0.02, 0.14)];
  const second = BASES[random.integer(BASES.length)];
  const patchy = random.next() < 0.3;
  const patches = shape(random.between(0.2, 0.5), 5, 0.55);
  const level = random.between(-0.5, 1.2);
  for (let i = 0; i < tone.length; i++) {
    const share = patchy ? smoothStep(level, level + 0.2, patches[i]) : 0;
    const factor = Math.max(0.1, 1 + toneShare * tone[i] + grainShare * grain[i]);
    canvas.red[i] = (base[0] + (second[0] - base[0]) * share) * factor;
    canvas.green[i] = (base[1] + (second[1] - base[1]) * share) * factor;
    canvas.blue[i] = (base[2] + (second[2] - base[2]) * share) * factor;
  }
  if (random.next() < 0.6) addLumps(canvas, shape, random);
  if (random.next() < 0.35) addPores(canvas, random);
  return canvas;
}

function addLumps(
  canvas: Canvas,
  shape: (scale: number, octaves: number, gain: number) => Field,
  random: Random,
): void {
  const heights = shape(random.between(0.02, 0.12), 4, 0.55);
  const { angle } = drawLight(random);
  const strength = random.between(0.1, 0.6);
  const slope = slopeToLight(heights, canvas.width, canvas.height, angle);
  shade(
    canvas,
    slope.map((value) => Math.min(1.6, Math.max(0.4, 1 + strength * value))),
  );
}

/** Small dark holes, as air leaves them in concrete. */
function addPores(canvas: Canvas, random: Random): void {
  const size = random.between(0.012, 0.035);
  const holes = noise(canvas, { across: size, down: size, octaves: 2, gain: 0.4 }, random);
  const level = random.between(1.8, 2.6);
  const depth = random.between(0.3, 0.7);
  shade(
    canvas,
    holes.map((value) => 1 - depth * smoothStep(level, level + 0.35, value)),
  );
}
