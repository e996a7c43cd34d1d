import sharp from 'sharp';
import { createRandom, type Random } from './random.ts';

/** A picture that SPECTA drew itself, for a bundle's golden inputs. */
export interface DrawnPicture {
  readonly width: number;
  readonly height: number;
  /** [height, width] uint8 luma. */
  readonly luma: Uint8Array<ArrayBuffer>;
}

export type DrawnScene = 'plain' | 'crack' | 'rust' | 'crack-in-rust';

export const DRAWN_SCENES: readonly DrawnScene[] = ['plain', 'crack', 'rust', 'crack-in-rust'];

const WIDTH = 320;
const HEIGHT = 240;

/** Draws a grainy ground with what `scene` names on it; the same seed gives the same picture. */
export function drawPicture(scene: DrawnScene, seed: number): DrawnPicture {
  const random = createRandom(seed);
  const base = random.between(110, 170);
  const grain = random.between(2, 6);
  const coarse = smoothNoise(random, 16);
  const patches = smoothNoise(random, 36);
  const pits = smoothNoise(random, 5);
  const grey = new Float32Array(WIDTH * HEIGHT);
  const rusty = scene === 'rust' || scene === 'crack-in-rust';
  for (let y = 0, i = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++, i++) {
      grey[i] = base + 18 * coarse(x, y) + grain * random.normal();
      if (rusty && patches(x, y) > -0.25) grey[i] = 0.5 * grey[i] + 45 * pits(x, y) - 8;
    }
  }
  if (scene === 'crack' || scene === 'crack-in-rust') drawCrack(grey, random);
  return { width: WIDTH, height: HEIGHT, luma: Uint8Array.from(new Uint8ClampedArray(grey)) };
}

/** The picture as a PNG file, which every decoder reads alike. */
export async function pngOf(picture: DrawnPicture): Promise<Uint8Array<ArrayBuffer>> {
  const { width, height, luma } = picture;
  const file = await sharp(luma, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png({ compressionLevel: 9 })
    .toBuffer();
  return Uint8Array.from(file);
}

/** Random values on a grid of `cell` pixels, joined smoothly; about -1..1. */
function smoothNoise(random: Random, cell: number): (x: number, y: number) => number {
  const columns = Math.ceil(WIDTH / cell) + 2;
  const rows = Math.ceil(HEIGHT / cell) + 2;
  const values = Float32Array.from({ length: columns * rows }, () => random.between(-1, 1));
  const ease = (t: number): number => t * t * (3 - 2 * t);
  return (x, y) => {
    const column = Math.floor(x / cell);
    const row = Math.floor(y / cell);
    const right = ease(x / cell - column);
    const down = ease(y / cell - row);
    const at = row * columns + column;
    const top = values[at] * (1 - right) + values[at + 1] * right;
    const bottom = values[at + columns] * (1 - right) + values[at + columns + 1] * right;
    return top * (1 - down) + bottom * down;
  };
}

/** A dark line that wanders across the picture. */
function drawCrack(grey: Float32Array, random: Random): void {
  let y = random.between(0.3, 0.7) * HEIGHT;
  let slope = random.between(-0.4, 0.4);
  const halfWidth = random.between(0.8, 2.2);
  for (let x = 0; x < WIDTH; x++) {
    slope = Math.max(-1.2, Math.min(1.2, slope + random.between(-0.35, 0.35)));
    y = Math.max(4, Math.min(HEIGHT - 5, y + slope));
    for (let row = Math.floor(y - 4); row <= y + 4; row++) {
      const depth = Math.max(0, 1 - Math.abs(row - y) / (halfWidth + 1));
      const i = row * WIDTH + x;
      grey[i] = grey[i] * (1 - 0.75 * Math.min(1, depth * 1.4));
    }
  }
}
