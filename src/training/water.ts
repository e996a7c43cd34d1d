import type { Random } from './random.ts';

/** How strongly water may change a picture. Each picture draws its own water from within these limits. */
export interface WaterOptions {
  /** Share of the pictures that are put under water, 0..1. */
  readonly probability: number;
  /** Largest distance from camera to surface, m. */
  readonly distance: number;
  /** Largest depth, m: daylight loses its red on the way down. */
  readonly depth: number;
  /** Largest share of the light that the water throws back into the camera, of a white surface's. */
  readonly backscatter: number;
  /** Most particles in a picture. */
  readonly particles: number;
}

export const WATER_DEFAULTS: WaterOptions = {
  probability: 0.5,
  distance: 2.5,
  depth: 25,
  backscatter: 0.5,
  particles: 60,
};

/** One drawn water: what happens to a picture's light. Red, green and blue in this order. */
export interface Water {
  /** Share of a channel's light that is left, in the lamp's middle. */
  readonly gain: readonly [number, number, number];
  /** Light that the water adds, of a white surface's. */
  readonly veil: readonly [number, number, number];
  /** The lamp's middle and its width, shares of the picture's sides; 0 = even light. */
  readonly lamp: { readonly x: number; readonly y: number; readonly width: number; readonly share: number };
  /** Deviation of the blur, shares of the picture's width. */
  readonly blur: number;
  readonly particles: number;
}

/**
 * Attenuation by metre of clear and of coastal, turbid water (red, green, blue). Of the order of Jerlov's water types
 * II and 9C as tabulated by Solonenko and Mobley (Applied Optics 54, 2015), absorption and scattering together.
 */
const CLEAR = [0.42, 0.1, 0.08] as const;
const TURBID = [1.1, 0.7, 1.3] as const;
const LUMA = [0.299, 0.587, 0.114] as const;

/** Draws the water of one picture. */
export function drawWater(options: WaterOptions, random: Random): Water {
  const turbidity = random.next() ** 1.5;
  const attenuation = CLEAR.map((clear, i) => clear * (TURBID[i] / clear) ** turbidity);
  const distance = random.between(0.2, options.distance) / (1 + turbidity);
  const depth = options.depth * random.next() ** 2;
  // Lamps travel with the camera: below some metres their light is all there is.
  const lampShare = random.next() < 0.75 ? random.between(0.5, 1) : 0;
  const light = attenuation.map((c) => {
    const fromLamp = Math.exp(-2 * c * distance);
    const fromAbove = Math.exp(-c * distance - Math.min(6, 0.35 * c * depth));
    return lampShare * fromLamp + (1 - lampShare) * fromAbove;
  });
  // A camera exposes for what it gets, and its white balance takes part of the cast away.
  const exposure = random.between(0.55, 1.1) / Math.max(...light);
  const balance = random.between(0, 0.8);
  const gain = light.map((value) => exposure * value ** (1 - balance) * Math.max(...light) ** balance);
  const veilStrength = options.backscatter * turbidity * random.next();
  const veilTint = attenuation.map((c) => Math.exp(-0.8 * c * (1 - balance)));
  const veil = veilTint.map((tint) => (veilStrength * tint) / Math.max(...veilTint));
  return {
    gain: [gain[0], gain[1], gain[2]],
    veil: [veil[0], veil[1], veil[2]],
    lamp: {
      x: random.between(0.25, 0.75),
      y: random.between(0.2, 0.8),
      width: random.between(0.45, 1.2),
      share: lampShare > 0 ? random.between(0.2, 0.85) : 0,
    },
    blur: 0.006 * turbidity * distance * random.next(),
    particles: Math.floor(options.particles * turbidity * random.next() ** 2),
  };
}

const STEPS = 4096;
const GAMMA = 2.2;
/** Light 0..1 by grey level, and grey level by light. */
const TO_LIGHT = Float32Array.from({ length: 256 }, (_, grey) => (grey / 255) ** GAMMA);
const TO_GREY = Uint8Array.from({ length: STEPS + 1 }, (_, step) =>
  Math.round(255 * (step / STEPS) ** (1 / GAMMA)),
);

function greyOf(light: number): number {
  return TO_GREY[light >= 1 ? STEPS : (light * STEPS + 0.5) | 0];
}

/** Puts pictures of one size under water, in place. */
export class WaterFilter {
  private readonly width: number;
  private readonly height: number;
  private readonly falloffX: Float32Array;
  private readonly falloffY: Float32Array;

  constructor(size: { readonly width: number; readonly height: number }) {
    this.width = size.width;
    this.height = size.height;
    this.falloffX = new Float32Array(size.width);
    this.falloffY = new Float32Array(size.height);
  }

  /**
   * @param luma [height, width] uint8
   * @param chroma [2, height, width] uint8 Cb and Cr, 128 = none; null: the picture is taken for grey, and stays so
   */
  apply(luma: Uint8Array, chroma: Uint8Array | null, water: Water, random: Random): void {
    this.lightUp(water);
    if (chroma) this.onColour(luma, chroma, water);
    else this.onLuma(luma, water);
    for (let i = 0; i < water.particles; i++) this.addParticle(luma, chroma, water, random);
  }

  private lightUp({ lamp }: Water): void {
    const { width, height, falloffX, falloffY } = this;
    for (let x = 0; x < width; x++)
      falloffX[x] = Math.exp(-0.5 * (((x + 0.5) / width - lamp.x) / lamp.width) ** 2);
    for (let y = 0; y < height; y++)
      falloffY[y] = Math.exp(-0.5 * (((y + 0.5) / height - lamp.y) / lamp.width) ** 2);
  }

  private onLuma(luma: Uint8Array, { gain, veil, lamp }: Water): void {
    const mixed = (parts: readonly number[]): number =>
      parts.reduce((sum, part, i) => sum + part * LUMA[i], 0);
    const [grey, haze] = [mixed(gain), mixed(veil)];
    for (let y = 0, at = 0; y < this.height; y++) {
      const row = lamp.share * this.falloffY[y];
      for (let x = 0; x < this.width; x++, at++) {
        const light = 1 - lamp.share + row * this.falloffX[x];
        luma[at] = greyOf(TO_LIGHT[luma[at]] * grey * light + haze * (0.5 + 0.5 * light));
      }
    }
  }

  private onColour(luma: Uint8Array, chroma: Uint8Array, { gain, veil, lamp }: Water): void {
    const count = luma.length;
    const [redGain, greenGain, blueGain] = gain;
    const [redVeil, greenVeil, blueVeil] = veil;
    for (let y = 0, at = 0; y < this.height; y++) {
      const row = lamp.share * this.falloffY[y];
      for (let x = 0; x < this.width; x++, at++) {
        const light = 1 - lamp.share + row * this.falloffX[x];
        const haze = 0.5 + 0.5 * light;
        const cb = chroma[at] - 128;
        const cr = chroma[count + at] - 128;
        const red = greyOf(lightOf(luma[at] + 1.402 * cr) * redGain * light + redVeil * haze);
        const green = greyOf(
          lightOf(luma[at] - 0.344136 * cb - 0.714136 * cr) * greenGain * light + greenVeil * haze,
        );
        const blue = greyOf(lightOf(luma[at] + 1.772 * cb) * blueGain * light + blueVeil * haze);
        luma[at] = 0.299 * red + 0.587 * green + 0.114 * blue + 0.5;
        chroma[at] = bounded(128.5 - 0.168736 * red - 0.331264 * green + 0.5 * blue);
        chroma[count + at] = bounded(128.5 + 0.5 * red - 0.418688 * green - 0.081312 * blue);
      }
    }
  }

  /** Marine snow: a soft bright speck out of focus. */
  private addParticle(luma: Uint8Array, chroma: Uint8Array | null, water: Water, random: Random): void {
    const { width, height } = this;
    const radius = (0.004 + 0.02 * random.next() ** 3) * width;
    const centreX = random.between(0, width);
    const centreY = random.between(0, height);
    const opacity = random.between(0.15, 0.8) / (1 + radius / (0.01 * width));
    const bright = 150 + 105 * random.next() * Math.min(1, water.gain[1]);
    const top = Math.max(0, Math.floor(centreY - radius));
    const bottom = Math.min(height - 1, Math.ceil(centreY + radius));
    const left = Math.max(0, Math.floor(centreX - radius));
    const right = Math.min(width - 1, Math.ceil(centreX + radius));
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const distance = ((x - centreX) ** 2 + (y - centreY) ** 2) / (radius * radius);
        if (distance >= 1) continue;
        const share = opacity * (1 - distance);
        const at = y * width + x;
        luma[at] += (bright - luma[at]) * share;
        if (!chroma) continue;
        chroma[at] += (128 - chroma[at]) * share;
        chroma[luma.length + at] += (128 - chroma[luma.length + at]) * share;
      }
    }
  }
}

function lightOf(grey: number): number {
  return TO_LIGHT[grey <= 0 ? 0 : grey >= 255 ? 255 : (grey + 0.5) | 0];
}

function bounded(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
