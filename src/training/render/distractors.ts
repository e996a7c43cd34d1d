import type { Random } from '../random.ts';
import { blend, blurred, type Canvas, type Field, noise, shade, slopeToLight, smoothStep } from './canvas.ts';
import type { Light } from './light.ts';

type Distractor = (canvas: Canvas, light: Light, random: Random) => void;

/** What is no defect and may be taken for one. */
export const DISTRACTORS: Readonly<Record<string, Distractor>> = {
  scratches,
  joint,
  shadow,
  dirt,
  cable,
  specks,
};

/** Draws some of them. */
export function renderDistractors(canvas: Canvas, light: Light, random: Random): void {
  const names = random.shuffled(Object.keys(DISTRACTORS)).slice(0, 1 + random.integer(2));
  for (const name of names) DISTRACTORS[name](canvas, light, random);
}

/** Straight or slightly bent fine lines, lighter or darker than the ground. */
function scratches(canvas: Canvas, _light: Light, random: Random): void {
  const side = Math.min(canvas.width, canvas.height);
  const count = 1 + random.integer(7);
  for (let i = 0; i < count; i++) {
    const line = lineOf(
      canvas,
      random,
      random.between(-0.3, 0.3),
      side * random.between(0.002, 0.006),
      random.between(0.15, 1),
    );
    const strength = random.between(0.1, 0.45) * (random.next() < 0.65 ? 1 : -1);
    shade(
      canvas,
      line.map((share) => 1 + strength * share),
    );
  }
}

/** A straight gap between plates, slabs or tiles: even lips, even width, from rim to rim. */
function joint(canvas: Canvas, light: Light, random: Random): void {
  const { width, height } = canvas;
  const side = Math.min(width, height);
  const line = lineOf(canvas, random, 0, side * random.between(0.006, 0.035), 2);
  const slope = slopeToLight(
    blurred(line, width, height, 1).map((value) => -value),
    width,
    height,
    light.angle,
  );
  shade(
    canvas,
    slope.map((value) => 1 + 0.6 * light.strength * value),
  );
  const darkness = random.between(0.25, 0.85);
  shade(
    canvas,
    line.map((share) => 1 - darkness * share),
  );
}

/** A straight edge between light and shade. */
function shadow(canvas: Canvas, _light: Light, random: Random): void {
  const { width, height } = canvas;
  const angle = random.between(0, 2 * Math.PI);
  const softness = Math.min(width, height) * random.between(0.01, 0.15);
  const shift = random.between(-0.3, 0.3) * Math.min(width, height);
  const depth = random.between(0.2, 0.6);
  const factors = new Float32Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const across = (x - width / 2) * Math.cos(angle) + (y - height / 2) * Math.sin(angle) + shift;
      factors[at] = 1 - depth * smoothStep(-softness, softness, across);
    }
  }
  shade(canvas, factors);
}

/** Grey or greenish smears and runs, soft, without rust's colour and grain. */
function dirt(canvas: Canvas, _light: Light, random: Random): void {
  const down = random.next() < 0.5 ? 1 : 3;
  const blots = noise(canvas, { across: 0.3, down: 0.3 * down, octaves: 4, gain: 0.5 }, random);
  const level = random.between(0.2, 1.2);
  const strength = random.between(0.15, 0.5);
  const colour = random.next() < 0.5 ? ([70, 72, 70] as const) : ([78, 88, 70] as const);
  for (let i = 0; i < blots.length; i++)
    blend(canvas, i, colour, strength * smoothStep(level, level + 1, blots[i]));
}

/** A cable, rope or weed: a smooth bend of even thickness, round, with its shadow. */
function cable(canvas: Canvas, light: Light, random: Random): void {
  const { width, height } = canvas;
  const side = Math.min(width, height);
  const thick = side * random.between(0.012, 0.06);
  const line = lineOf(canvas, random, random.between(-0.9, 0.9), thick, 2);
  const grey = random.between(20, 210);
  const tint = random.between(0.8, 1.2);
  const shadowed = blurred(line, width, height, thick * 0.5);
  const round = slopeToLight(blurred(line, width, height, thick / 3), width, height, light.angle);
  shade(
    canvas,
    shadowed.map((share) => 1 - 0.35 * share),
  );
  for (let i = 0; i < line.length; i++) {
    const lit = 0.8 + 1.6 * thick * 0.25 * round[i];
    const level = grey * Math.max(0.3, Math.min(1.5, lit));
    blend(canvas, i, [level * tint, level, level / tint], line[i]);
  }
}

/** Barnacles, bubbles, drops of paint: small round things, lighter than the ground. */
function specks(canvas: Canvas, _light: Light, random: Random): void {
  const { width, height } = canvas;
  const count = 3 + random.integer(25);
  const grey = random.between(150, 240);
  for (let i = 0; i < count; i++) {
    const radius = width * random.between(0.004, 0.022);
    const [middleX, middleY] = [random.between(0, width), random.between(0, height)];
    const hollow = random.next() < 0.4;
    for (let y = Math.max(0, Math.floor(middleY - radius)); y < Math.min(height, middleY + radius + 1); y++) {
      for (
        let x = Math.max(0, Math.floor(middleX - radius));
        x < Math.min(width, middleX + radius + 1);
        x++
      ) {
        const distance = Math.hypot(x - middleX, y - middleY) / radius;
        if (distance > 1) continue;
        const level = hollow && distance < 0.4 ? grey * 0.4 : grey * (1.05 - 0.3 * distance);
        blend(canvas, y * width + x, [level, level, level * 0.94], smoothStep(1, 0.7, distance));
      }
    }
  }
}

/**
 * A line of even width through the picture.
 * @param bend how far it leaves the straight, as a share of its length
 * @param length 0..1 of the picture's side; more goes from rim to rim
 */
function lineOf(canvas: Canvas, random: Random, bend: number, thick: number, length: number): Field {
  const { width, height } = canvas;
  const side = Math.min(width, height);
  const angle = random.between(0, Math.PI);
  const [alongX, alongY] = [Math.cos(angle), Math.sin(angle)];
  const [middleX, middleY] = [width * random.between(0.2, 0.8), height * random.between(0.2, 0.8)];
  const half = (length * side) / 2;
  const field = new Float32Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const along = (x - middleX) * alongX + (y - middleY) * alongY;
      if (Math.abs(along) > half) continue;
      const curve = bend * side * ((along / side) ** 2 - 0.1);
      const across = Math.abs(-(x - middleX) * alongY + (y - middleY) * alongX - curve);
      field[at] = Math.max(0, Math.min(1, thick / 2 + 0.5 - across)) * Math.min(1, thick + 0.1);
    }
  }
  return field;
}
