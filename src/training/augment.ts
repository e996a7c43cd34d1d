import type { LumaImage } from '../vision/luma.ts';
import type { Random } from './random.ts';
import type { Sample } from './samples.ts';
import { largestShare, placementOf, shareInView, type View, warpPlane } from './warp.ts';
import { drawWater, WATER_DEFAULTS, WaterFilter, type WaterOptions } from './water.ts';

/** How far pictures are changed at random before the network sees them. Luma 0..255, sides relative to the picture. */
export interface AugmentOptions {
  /** Smallest side of the random crop of a still and of a camera frame. */
  readonly stillCrop: number;
  readonly frameCrop: number;
  /** Largest turn of a still and of a camera frame, degrees; the corners stay inside. Absent = 0. */
  readonly stillTurn?: number;
  readonly frameTurn?: number;
  /**
   * Stills also by quarter turns: for networks that pool over the whole picture. One whose last layer knows positions
   * would have four tasks of one. Absent = false.
   */
  readonly quarterTurns?: boolean;
  /** Largest change of brightness, grey levels. */
  readonly brightness: number;
  /** Contrast is multiplied by up to this or divided by it. */
  readonly contrast: number;
  /** Gamma lies between 1 / this and this. */
  readonly gamma: number;
  /** Probability of a mild blur (binomial 3x3, once or twice). */
  readonly blurProbability: number;
  /** Probability of noise, and its largest deviation, grey levels. */
  readonly noiseProbability: number;
  readonly noise: number;
  /** Colour (Cb and Cr) is multiplied by up to this or divided by it. Absent = 1. */
  readonly saturation?: number;
  /** Water between camera and surface; absent = air. */
  readonly water?: WaterOptions;
}

export const AUGMENT_DEFAULTS: AugmentOptions = {
  stillCrop: 0.88,
  frameCrop: 0.92,
  brightness: 40,
  contrast: 1.6,
  gamma: 1.5,
  blurProbability: 0.25,
  noiseProbability: 0.4,
  noise: 7,
};

/** Nothing is changed: pictures as they are, as the original trained. */
export const NO_AUGMENT: AugmentOptions = {
  stillCrop: 1,
  frameCrop: 1,
  brightness: 0,
  contrast: 1,
  gamma: 1,
  blurProbability: 0,
  noiseProbability: 0,
  noise: 0,
};

/** For networks that pool over the whole picture: turned at will, nearer, and half the pictures under water. */
export const WATER_AUGMENT: AugmentOptions = {
  ...AUGMENT_DEFAULTS,
  stillCrop: 0.6,
  frameCrop: 0.8,
  stillTurn: 20,
  frameTurn: 6,
  quarterTurns: true,
  saturation: 1.5,
  blurProbability: 0.35,
  water: WATER_DEFAULTS,
};

const NOISE_TABLE = 1 << 14;
/** A crop that loses more than this share of every box of a defect is drawn again, so many times. */
const LEAST_IN_VIEW = 0.35;
const CROP_TRIES = 8;
/** A change of brightness takes no picture's mean beyond these grey levels. */
const DARKEST = 35;
const BRIGHTEST = 205;

type Augmentable = Pick<Sample, 'kind' | 'luma'> & Partial<Pick<Sample, 'chroma' | 'boxes'>>;

/** Makes a new picture of a sample at each call, from the random numbers it is given alone. */
export class Augmenter {
  private readonly options: AugmentOptions;
  private readonly width: number;
  private readonly height: number;
  private readonly luma: Uint8Array<ArrayBuffer>;
  private readonly chroma: Uint8Array<ArrayBuffer>;
  private readonly scratch: Uint8Array<ArrayBuffer>;
  private readonly normals: Float32Array;
  private readonly water: WaterFilter;

  constructor(
    size: { readonly width: number; readonly height: number },
    random: Random,
    options: AugmentOptions = AUGMENT_DEFAULTS,
  ) {
    this.options = options;
    this.width = size.width;
    this.height = size.height;
    const pixels = size.width * size.height;
    this.luma = new Uint8Array(pixels);
    this.chroma = new Uint8Array(2 * pixels);
    this.scratch = new Uint8Array(pixels);
    this.normals = Float32Array.from({ length: NOISE_TABLE }, () => random.normal());
    this.water = new WaterFilter(size);
  }

  /** [height, width] uint8 luma; good until the next call. */
  augment(sample: Augmentable, random: Random): Uint8Array<ArrayBuffer> {
    this.change(sample, random);
    return this.luma;
  }

  /** As {@link augment}, with the colour of a sample that has it. For `Preprocessor.run`. */
  augmentPicture(sample: Augmentable, random: Random): LumaImage {
    this.change(sample, random);
    const { width, height, luma: data, chroma } = this;
    if (!sample.chroma) return { width, height, data };
    const cb = chroma.subarray(0, data.length);
    const cr = chroma.subarray(data.length);
    return { width, height, data, chroma: { width, height, cb, cr } };
  }

  private change(sample: Augmentable, random: Random): void {
    const { luma, options } = this;
    const chroma = sample.chroma ? this.chroma : null;
    this.look(sample, random);
    let blurs = random.next() < options.blurProbability ? 1 + random.integer(2) : 0;
    const { water } = options;
    if (water && random.next() < water.probability) {
      const drawn = drawWater(water, random);
      this.water.apply(luma, chroma, drawn, random);
      // Each pass has a variance of half a pixel along each axis.
      blurs += Math.min(8, Math.round(2 * (drawn.blur * this.width) ** 2));
    }
    for (let pass = 0; pass < blurs; pass++) blur(luma, this.scratch, this.width, this.height);
    const tone = this.tone(meanOf(luma), random);
    for (let i = 0; i < luma.length; i++) luma[i] = tone[luma[i]];
    if (chroma && options.saturation !== undefined)
      saturate(chroma, options.saturation ** random.between(-1, 1));
    if (random.next() < options.noiseProbability) this.addNoise(luma, random);
  }

  /** Crop, turn and mirror in one go. */
  private look(sample: Augmentable, random: Random): void {
    const { width, height } = this;
    let view = this.drawView(sample.kind, random);
    for (let tries = 1; tries < CROP_TRIES && shareInView(sample.boxes ?? [], view) < LEAST_IN_VIEW; tries++)
      view = this.drawView(sample.kind, random);
    const placement = placementOf(view, width, height);
    warpPlane(sample.luma, this.luma, placement, width, height);
    if (!sample.chroma) return;
    const pixels = width * height;
    for (const from of [0, pixels]) {
      const plane = sample.chroma.subarray(from, from + pixels);
      warpPlane(plane, this.chroma.subarray(from, from + pixels), placement, width, height);
    }
  }

  private drawView(kind: Sample['kind'], random: Random): View {
    const { stillCrop, frameCrop, stillTurn = 0, frameTurn = 0, quarterTurns = false } = this.options;
    const still = kind === 'still';
    const most = ((still ? stillTurn : frameTurn) * Math.PI) / 180;
    const tilt = most === 0 ? 0 : random.between(-most, most);
    const share = random.between(still ? stillCrop : frameCrop, 1) * largestShare(tilt);
    const room = share * (Math.abs(Math.cos(tilt)) + Math.abs(Math.sin(tilt)));
    const free = Math.max(0, 1 - room) / 2;
    const quarters = still && quarterTurns ? random.integer(4) : 0;
    return {
      share,
      x: 0.5 + free * random.between(-1, 1),
      y: 0.5 + free * random.between(-1, 1),
      turn: tilt + (quarters * Math.PI) / 2,
      mirror: random.next() < 0.5,
      flip: still && random.next() < 0.5,
    };
  }

  /**
   * New grey level for each old one: gamma, then contrast about the picture's mean, then brightness as far as the mean
   * stays off black and white.
   */
  private tone(mean: number, random: Random): Uint8Array {
    const { gamma, contrast, brightness } = this.options;
    const power = gamma ** random.between(-1, 1);
    const gain = contrast ** random.between(-1, 1);
    const middle = 255 * (mean / 255) ** power;
    const wanted = middle + random.between(-brightness, brightness);
    const kept = Math.min(Math.max(wanted, Math.min(middle, DARKEST)), Math.max(middle, BRIGHTEST));
    const table = new Uint8ClampedArray(256);
    for (let grey = 0; grey < 256; grey++) {
      table[grey] = (255 * (grey / 255) ** power - middle) * gain + kept;
    }
    return new Uint8Array(table.buffer);
  }

  private addNoise(picture: Uint8Array, random: Random): void {
    const deviation = random.between(0, this.options.noise);
    for (let i = 0; i < picture.length; i++) {
      const value = picture[i] + deviation * this.normals[random.bits() & (NOISE_TABLE - 1)];
      picture[i] = value < 0 ? 0 : value > 255 ? 255 : value + 0.5;
    }
  }
}

function meanOf(luma: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < luma.length; i++) sum += luma[i];
  return sum / luma.length;
}

function saturate(chroma: Uint8Array, factor: number): void {
  const table = new Uint8ClampedArray(256);
  for (let value = 0; value < 256; value++) table[value] = 128 + (value - 128) * factor;
  for (let i = 0; i < chroma.length; i++) chroma[i] = table[chroma[i]];
}

/** Weights 1, 2, 1 across and down, in place; the outermost pixels repeat. */
function blur(picture: Uint8Array, scratch: Uint8Array, width: number, height: number): void {
  for (let y = 0; y < height; y++) {
    const row = y * width;
    for (let x = 0; x < width; x++) {
      const left = picture[row + (x > 0 ? x - 1 : 0)];
      const right = picture[row + (x < width - 1 ? x + 1 : x)];
      scratch[row + x] = (left + 2 * picture[row + x] + right + 2) >> 2;
    }
  }
  for (let y = 0; y < height; y++) {
    const above = (y > 0 ? y - 1 : 0) * width;
    const below = (y < height - 1 ? y + 1 : y) * width;
    const row = y * width;
    for (let x = 0; x < width; x++) {
      picture[row + x] = (scratch[above + x] + 2 * scratch[row + x] + scratch[below + x] + 2) >> 2;
    }
  }
}
