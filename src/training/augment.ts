import { createPreprocessor, type Preprocessor } from '../vision/preprocess.ts';
import type { Random } from './random.ts';
import type { Sample } from './samples.ts';

/** How far pictures are changed at random before the network sees them. Luma 0..255, sides relative to the picture. */
export interface AugmentOptions {
  /** Smallest side of the random crop of a still and of a camera frame. */
  readonly stillCrop: number;
  readonly frameCrop: number;
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

const NOISE_TABLE = 1 << 14;

/** Makes a new picture of a sample at each call, from the random numbers it is given alone. */
export class Augmenter {
  private readonly options: AugmentOptions;
  private readonly width: number;
  private readonly height: number;
  private readonly resizer: Preprocessor;
  private readonly turned: Uint8Array<ArrayBuffer>;
  private readonly other: Uint8Array<ArrayBuffer>;
  private readonly normals: Float32Array;

  constructor(
    size: { readonly width: number; readonly height: number },
    random: Random,
    options: AugmentOptions = AUGMENT_DEFAULTS,
  ) {
    this.options = options;
    this.width = size.width;
    this.height = size.height;
    this.resizer = createPreprocessor(
      { channels: 'luma', resize: 'bilinear', normalisation: 'none', scale: 1 },
      size,
    );
    this.turned = new Uint8Array(size.width * size.height);
    this.other = new Uint8Array(size.width * size.height);
    this.normals = Float32Array.from({ length: NOISE_TABLE }, () => random.normal());
  }

  /** [height, width] uint8 luma; good until the next call. */
  augment(sample: Pick<Sample, 'kind' | 'luma'>, random: Random): Uint8Array<ArrayBuffer> {
    const cropped = this.crop(sample, random);
    this.turn(cropped, sample.kind, random);
    let picture = this.turned;
    if (random.next() < this.options.blurProbability) {
      const passes = 1 + random.integer(2);
      for (let pass = 0; pass < passes; pass++) blur(picture, this.other, this.width, this.height);
    }
    picture = this.turned;
    const tone = this.tone(random);
    for (let i = 0; i < picture.length; i++) picture[i] = tone[picture[i]];
    if (random.next() < this.options.noiseProbability) this.addNoise(picture, random);
    return picture;
  }

  private crop(sample: Pick<Sample, 'kind' | 'luma'>, random: Random): Uint8Array<ArrayBuffer> {
    const least = sample.kind === 'still' ? this.options.stillCrop : this.options.frameCrop;
    const share = random.between(least, 1);
    const width = Math.round(this.width * share);
    const height = Math.round(this.height * share);
    const left = random.integer(this.width - width + 1);
    const top = random.integer(this.height - height + 1);
    return this.resizer.runPlane({
      width,
      height,
      data: sample.luma,
      offset: top * this.width + left,
      stride: this.width,
      step: 1,
      range: 'full',
    }).small;
  }

  /**
   * Mirrors; a still also upside down. No quarter turns: for a network whose last layer knows positions they make four
   * tasks of one.
   */
  private turn(from: Uint8Array, kind: Sample['kind'], random: Random): void {
    const { width, height, turned } = this;
    const mirror = random.next() < 0.5;
    const flip = kind === 'still' && random.next() < 0.5;
    for (let y = 0, out = 0; y < height; y++) {
      const row = flip ? height - 1 - y : y;
      for (let x = 0; x < width; x++, out++) {
        const column = mirror ? width - 1 - x : x;
        turned[out] = from[row * width + column];
      }
    }
  }

  /** New grey level for each old one: gamma, then contrast about the middle, then brightness. */
  private tone(random: Random): Uint8Array {
    const { gamma, contrast, brightness } = this.options;
    const power = gamma ** random.between(-1, 1);
    const gain = contrast ** random.between(-1, 1);
    const shift = random.between(-brightness, brightness);
    const table = new Uint8ClampedArray(256);
    for (let grey = 0; grey < 256; grey++) {
      table[grey] = (255 * (grey / 255) ** power - 127.5) * gain + 127.5 + shift;
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
