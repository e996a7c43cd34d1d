import type { Random } from '../random.ts';
import {
  blend,
  blurred,
  type Canvas,
  type Field,
  lumaField,
  noise,
  quantile,
  type Rgb,
  shade,
  slopeToLight,
  smoothStep,
} from './canvas.ts';
import type { Light } from './light.ts';

/** From nearly black magnetite to fresh orange hydroxide. */
const PALETTE: readonly Rgb[] = [
  [36, 29, 28],
  [58, 42, 37],
  [84, 54, 43],
  [110, 68, 50],
  [142, 86, 54],
  [166, 112, 72],
  [180, 142, 112],
];

/** How rust lies on the ground. */
const KINDS = ['patches', 'pits', 'streaks', 'scale', 'stain'] as const;
type RustKind = (typeof KINDS)[number];

/** Draws rust onto the ground; gives the share 0..1 to which each pixel is covered. */
export function renderRust(canvas: Canvas, light: Light, random: Random): Field {
  const kind = KINDS[random.integer(KINDS.length)];
  const mask = maskOf(kind, canvas, random);
  if (random.next() < 0.3) cutToMember(canvas, mask, random);
  const colours = noise(
    canvas,
    { across: 0.25, down: grainDown(kind, 0.25), octaves: 5, gain: 0.65 },
    random,
  );
  const grit = noise(canvas, { across: 0.02, down: 0.02, octaves: 3, gain: 0.8 }, random);
  const middle = random.between(1, 4.2);
  const spread = random.between(0.25, 0.9);
  const roughness = random.between(0.04, 0.16);
  const through = kind === 'stain' ? random.between(0.6, 1) : random.between(0.1, 0.5);
  const opacity = kind === 'stain' ? random.between(0.45, 0.8) : random.between(0.8, 1);
  const ground = lumaField(canvas);
  const coarse = blurred(ground, canvas.width, canvas.height, 6);
  const rim = kind === 'stain' || random.next() < 0.5 ? 0 : random.between(0, 1);
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] <= 0.01) continue;
    // Rust is freshest, and lightest, at the rim of a patch.
    const place = middle + spread * colours[i] + rim * 4 * mask[i] * (1 - mask[i]);
    const colour = colourAt(place);
    const texture = 1 + roughness * grit[i] + through * (ground[i] / Math.max(20, coarse[i]) - 1);
    const tone = kind === 'stain' ? Math.min(1.3, 0.35 + coarse[i] / 190) : 1;
    const level = Math.max(0.15, texture * tone);
    blend(canvas, i, [colour[0] * level, colour[1] * level, colour[2] * level], mask[i] * opacity);
  }
  addRelief(canvas, kind, mask, grit, light, random);
  return mask;
}

/** Rust that ends at straight edges: one member of a frame, a clamp, a plate beside sound ones. */
function cutToMember(canvas: Canvas, mask: Field, random: Random): void {
  const { width, height } = canvas;
  const angle =
    random.next() < 0.6
      ? (random.integer(2) * Math.PI) / 2 + random.between(-0.1, 0.1)
      : random.between(0, Math.PI);
  const [alongX, alongY] = [Math.cos(angle), Math.sin(angle)];
  const half = Math.min(width, height) * random.between(0.14, 0.38);
  const shift = Math.min(width, height) * random.between(-0.25, 0.25);
  const round = random.next() < 0.6 ? random.between(0.2, 0.55) : 0;
  const shadow = random.between(0, 0.5);
  const factors = new Float32Array(mask.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const across = (-(x - width / 2) * alongY + (y - height / 2) * alongX - shift) / half;
      const inside = smoothStep(1 + 1 / half, 1 - 1 / half, Math.abs(across));
      const bent = 1 - round * across * across;
      const shaded = across > 0 ? 1 - shadow * smoothStep(1.35, 1, across) : 1;
      factors[at] = inside * bent + (1 - inside) * shaded;
      mask[at] *= inside;
    }
  }
  shade(canvas, factors);
}

function grainDown(kind: RustKind, across: number): number {
  return kind === 'streaks' ? 4 * across : across;
}

function maskOf(kind: RustKind, canvas: Canvas, random: Random): Field {
  const coverage = kind === 'pits' ? random.between(0.08, 0.35) : random.between(0.2, 1);
  const scale = random.between(0.12, 0.5);
  const coarse = noise(
    canvas,
    { across: scale, down: grainDown(kind, scale), octaves: 6, gain: random.between(0.45, 0.7) },
    random,
  );
  if (kind === 'pits') {
    const size = random.between(0.015, 0.05);
    const fine = noise(canvas, { across: size, down: size, octaves: 3, gain: 0.6 }, random);
    for (let i = 0; i < fine.length; i++) fine[i] += 0.7 * coarse[i];
    return steps(fine, coverage, random.between(0.1, 0.35));
  }
  if (kind === 'stain') return steps(coarse, coverage, random.between(0.6, 1.6));
  const mask = steps(coarse, coverage, random.between(0.08, 0.5));
  if (random.next() < 0.6) addSpots(canvas, mask, random);
  return mask;
}

/** The highest part of the field, of this share of the picture, with a soft edge. */
function steps(field: Field, coverage: number, softness: number): Field {
  const level = quantile(field, 1 - coverage);
  return field.map((value) => smoothStep(level - softness / 2, level + softness / 2, value));
}

/** Small spots of rust around the patches. */
function addSpots(canvas: Canvas, mask: Field, random: Random): void {
  const fine = noise(canvas, { across: 0.03, down: 0.03, octaves: 3, gain: 0.6 }, random);
  const near = blurred(mask, canvas.width, canvas.height, 0.05 * canvas.width);
  const level = random.between(1.4, 2.2);
  for (let i = 0; i < mask.length; i++)
    mask[i] = Math.max(mask[i], smoothStep(level, level + 0.3, fine[i] + 1.2 * near[i]));
}

/** Pits go in, scale and flakes stand out with sharp edges, paint curls up at the rim: all seen by their shadows. */
function addRelief(
  canvas: Canvas,
  kind: RustKind,
  mask: Field,
  grit: Field,
  light: Light,
  random: Random,
): void {
  if (kind === 'stain') return;
  const { width, height } = canvas;
  const lumps = noise(canvas, { across: 0.08, down: grainDown(kind, 0.08), octaves: 4, gain: 0.6 }, random);
  const levels = random.between(1.5, 3.5);
  const step = random.between(-0.15, 0.2);
  const flaky = kind === 'scale' || random.next() < 0.3;
  const heights = mask.map((covered, i) => {
    if (kind === 'pits') return -0.7 * covered + 0.08 * grit[i] * covered;
    const layer = flaky ? terrace(lumps[i] * levels) / levels : 0.35 * lumps[i];
    return covered * (0.35 * layer + 0.1 * grit[i] + step);
  });
  const slope = slopeToLight(blurred(heights, width, height, 0.9), width, height, light.angle);
  const strength = light.strength * random.between(0.4, 1.1);
  shade(
    canvas,
    slope.map((value) => Math.min(1.7, Math.max(0.35, 1 + strength * value))),
  );
  // Hollows are darker in any light.
  const hollow = random.between(0.05, 0.25);
  const around = blurred(heights, width, height, 0.012 * width);
  shade(
    canvas,
    heights.map((value, i) =>
      Math.max(
        0.5,
        1 + hollow * Math.max(-2, Math.min(1, (value - around[i]) * 3)) * Math.min(1, 4 * mask[i]),
      ),
    ),
  );
}

/** Steps with steep sides: layers of scale, one over the other. */
function terrace(value: number): number {
  const floor = Math.floor(value);
  return floor + smoothStep(0.78, 1, value - floor);
}

function colourAt(place: number): Rgb {
  const inside = Math.max(0, Math.min(PALETTE.length - 1.001, place));
  const lower = Math.floor(inside);
  const share = inside - lower;
  const [from, to] = [PALETTE[lower], PALETTE[lower + 1]];
  return [
    from[0] + (to[0] - from[0]) * share,
    from[1] + (to[1] - from[1]) * share,
    from[2] + (to[2] - from[2]) * share,
  ];
}
