import type { Colour, RunPlan } from './run-plan.ts';

const STEPS_PER_UNIT = 128;
export const FADE_TOP = 16 * STEPS_PER_UNIT;
const TONE_TOP = 4;
export const TONE_MAX = 65535;
export const TONE_SCALE = (TONE_MAX + 1) / TONE_TOP;

/** How light fades and becomes grey levels in one run: constants and tables that every pixel needs. */
export interface Optics {
  /** Attenuation per metre of the pixel's own light, by colour (Beer-Lambert: share left = exp(-c·metres)). */
  readonly attenuation: Colour;
  /** Scattered into the view per metre. */
  readonly scatter: number;
  /** Light the water itself sends back where it is deep, by colour, before gain. */
  readonly veil: Colour;
  readonly siltVeil: Colour;
  /** Camera's gain by colour. */
  readonly gain: Colour;
}

/** Tables that are the same for every run. */
export interface LightTables {
  /** exp(-x) by x*128; index at most {@link FADE_TOP}. */
  readonly fade: Float32Array;
  /** Grey level 0..255 by light*{@link TONE_SCALE}; index at most {@link TONE_MAX}. */
  readonly tone: Float32Array;
}

export function createLightTables(): LightTables {
  return { fade: fadeTable(), tone: toneTable() };
}

export function createOptics(plan: RunPlan): Optics {
  const { water, sensor, view } = plan;
  const scatter = 0.06 + 0.9 * water.turbidity ** 1.4;
  const attenuation = water.absorption.map((absorbed) => absorbed + 0.45 * scatter) as unknown as Colour;
  const path = 2 * view.distance;
  const left = attenuation.map((c) => Math.exp(-c * path)) as unknown as Colour;
  const green = left[1];
  const paint = 0.299 * plan.surface.paint[0] + 0.587 * plan.surface.paint[1] + 0.114 * plan.surface.paint[2];
  // A camera's automatic exposure goes half of the way for a dark pipe.
  const reference = Math.sqrt(0.3 * paint);
  const light = sensor.exposure ** 2.2 / (reference * (1 + 0.5 * water.daylight));
  const gain = left.map(
    (share) => light / green / (share / green) ** sensor.whiteBalance,
  ) as unknown as Colour;
  const strength = 0.75 * (1 + 0.8 * water.daylight);
  return {
    attenuation,
    scatter,
    veil: water.tint.map((tint, k) => tint * strength * Math.sqrt(left[k] as number)) as unknown as Colour,
    siltVeil: [0.19 * left[0] ** 0.6, 0.21 * left[1] ** 0.6, 0.16 * left[2] ** 0.6],
    gain,
  };
}

function fadeTable(): Float32Array {
  const table = new Float32Array(FADE_TOP + 1);
  for (let i = 0; i <= FADE_TOP; i++) table[i] = Math.exp(-i / STEPS_PER_UNIT);
  return table;
}

/** Gamma 1/2.2 with a shoulder, so that what is too bright bends instead of clipping. */
function toneTable(): Float32Array {
  const table = new Float32Array(TONE_MAX + 1);
  for (let i = 0; i <= TONE_MAX; i++) {
    const light = i / TONE_SCALE;
    const bent = light < 0.5 ? light : 0.5 + 0.5 * (1 - Math.exp(-(light - 0.5) / 0.5));
    table[i] = 255 * bent ** (1 / 2.2);
  }
  return table;
}

/** Shares of events at a time: `lamp` 0..1, `silt` = extinction of the cloud per metre. */
export function eventsAt(plan: RunPlan, seconds: number): { lamp: number; silt: number } {
  let lamp = 1;
  let silt = 0;
  for (const event of plan.events) {
    const off = Math.abs(seconds - event.at);
    const half = event.seconds / 2;
    if (event.kind === 'lamp-off') {
      if (off < half) lamp = 0.002;
    } else if (off < half + 1) {
      const inside = Math.min(1, (half + 1 - off) / 1.2);
      silt = Math.max(silt, 11 * inside * inside);
    }
  }
  return { lamp, silt };
}
