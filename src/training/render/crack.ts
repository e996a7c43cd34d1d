import type { Random } from '../random.ts';
import {
  blend,
  blurred,
  type Canvas,
  type Field,
  lumaField,
  noise,
  shade,
  slopeToLight,
  smoothStep,
} from './canvas.ts';
import { type CrackLine, drawCrackLines } from './crack-lines.ts';
import type { Light } from './light.ts';

/** Draws one crack onto the ground; gives the share 0..1 to which each pixel is open. */
export function renderCrack(canvas: Canvas, light: Light, random: Random): Field {
  const { width, height } = canvas;
  const side = Math.min(width, height);
  const lines = drawCrackLines(canvas, random);
  const widest = Math.max(...lines.map((line) => line.width));
  const grain = grainOf(canvas);
  const open = openness(canvas, lines, grain, random);
  if (widest < 0.012 * side && random.next() < 0.5) breakUp(canvas, open, random);

  const chips = random.next() < 0.35 ? chipsAlong(canvas, open, widest, random) : null;
  const heights = blurred(open, width, height, Math.max(0.8, widest / 4)).map(
    (value, i) => -value - 0.35 * (chips?.[i] ?? 0),
  );
  const slope = slopeToLight(heights, width, height, light.angle);
  const relief = light.strength * random.between(0.15, 0.6);
  if (chips) {
    const fresh = random.between(-0.12, 0.3);
    shade(
      canvas,
      chips.map((chip, i) => 1 + chip * (fresh + 0.12 * grain[i])),
    );
  }
  addHalo(canvas, open, side, random);
  shade(
    canvas,
    slope.map((value) => Math.min(1.3, Math.max(0.6, 1 + relief * value))),
  );

  // Deep gaps swallow light; a hairline is a shadow on the surface's own colour.
  const darkness = random.between(0.5, 0.9);
  const floorTint = random.between(0.85, 1.15);
  const debris = noise(canvas, { across: 0.03, down: 0.03, octaves: 3, gain: 0.7 }, random);
  for (let i = 0; i < open.length; i++) {
    if (open[i] <= 0) continue;
    const lit = 1 + Math.max(-0.6, Math.min(1.6, 3 * relief * slope[i])) + 0.12 * debris[i];
    const left = Math.max(0.02, (1 - darkness) * lit);
    const base = 0.5 * (canvas.red[i] + canvas.blue[i]);
    blend(canvas, i, [base * left * floorTint, base * left, (base * left) / floorTint], Math.min(1, open[i]));
  }
  return open;
}

/** Fine structure of the ground, deviation about 1: bright grains resist the crack, dark ones give way. */
function grainOf(canvas: Canvas): Field {
  const luma = lumaField(canvas);
  const coarse = blurred(luma, canvas.width, canvas.height, 2.5);
  let squares = 0;
  for (let i = 0; i < luma.length; i++) squares += (luma[i] - coarse[i]) ** 2;
  const deviation = Math.sqrt(squares / luma.length) || 1;
  return luma.map((value, i) => Math.max(-2, Math.min(2, (value - coarse[i]) / deviation)));
}

/** How far each pixel lies within a line's ragged lips. */
function openness(canvas: Canvas, lines: readonly CrackLine[], grain: Field, random: Random): Field {
  const { width, height } = canvas;
  const open = new Float32Array(width * height);
  const ragged = noise(canvas, { across: 0.05, down: 0.05, octaves: 4, gain: 0.65 }, random);
  const raggedness = random.between(0.12, 0.4);
  const grip = random.between(0, 0.3);
  for (const { points } of lines) {
    for (let i = 1; i < points.length; i++) {
      const [from, to] = [points[i - 1], points[i]];
      const half = Math.max(from.width, to.width) / 2;
      const reach = half * (1 + 2.5 * raggedness) + 1.5;
      const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - reach));
      const right = Math.min(width - 1, Math.ceil(Math.max(from.x, to.x) + reach));
      const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - reach));
      const bottom = Math.min(height - 1, Math.ceil(Math.max(from.y, to.y) + reach));
      const [alongX, alongY] = [to.x - from.x, to.y - from.y];
      const length = alongX * alongX + alongY * alongY || 1e-6;
      for (let y = top; y <= bottom; y++) {
        for (let x = left; x <= right; x++) {
          const t = Math.max(0, Math.min(1, ((x - from.x) * alongX + (y - from.y) * alongY) / length));
          const distance = Math.hypot(x - from.x - t * alongX, y - from.y - t * alongY);
          const here = from.width + (to.width - from.width) * t;
          const at = y * width + x;
          const lip = (here / 2) * (1 + raggedness * ragged[at] - grip * grain[at]);
          // Thinner than a pixel: it covers the pixel in part.
          const share = Math.max(0, Math.min(1, lip + 0.5 - distance)) * Math.min(1, here + 0.15);
          if (share > open[at]) open[at] = share;
        }
      }
    }
  }
  return open;
}

/** A hairline is lost here and there in the ground's texture. */
function breakUp(canvas: Canvas, open: Field, random: Random): void {
  const gaps = noise(canvas, { across: 0.12, down: 0.12, octaves: 3, gain: 0.6 }, random);
  const level = random.between(-1.3, -0.5);
  for (let i = 0; i < open.length; i++)
    if (open[i] > 0) open[i] *= smoothStep(level - 0.3, level + 0.3, gaps[i]);
}

/** Where the lips have broken away: ragged patches beside the crack. */
function chipsAlong(canvas: Canvas, open: Field, widest: number, random: Random): Field {
  const { width, height } = canvas;
  const near = blurred(open, width, height, Math.max(1.5, widest * random.between(0.6, 1.3)));
  const patches = noise(canvas, { across: 0.09, down: 0.09, octaves: 4, gain: 0.6 }, random);
  const level = random.between(0.2, 1);
  const most = near.reduce((largest, value) => Math.max(largest, value), 1e-6);
  return near.map(
    (value, i) =>
      smoothStep(level, level + 0.25, patches[i] + 1.6 * (value / most) - 0.6) *
      smoothStep(0.06, 0.2, value / most),
  );
}

/** Damp, dirt or lime that came through the crack. */
function addHalo(canvas: Canvas, open: Field, side: number, random: Random): void {
  if (random.next() > 0.4) return;
  const wide = blurred(open, canvas.width, canvas.height, side * random.between(0.015, 0.06));
  const most = wide.reduce((largest, value) => Math.max(largest, value), 1e-6);
  const strength = random.next() < 0.75 ? -random.between(0.08, 0.3) : random.between(0.05, 0.2);
  shade(
    canvas,
    wide.map((value) => 1 + (strength * value) / most),
  );
}
