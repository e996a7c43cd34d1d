import type { Preprocessing } from '../domain/manifest.ts';
import type { LumaImage } from './luma.ts';

/** What a network sees of a picture: its luma alone, or its colours beside it. */
export type Channels = Preprocessing['channels'];

/** The grey level that means "no colour" in Cb and Cr. */
export const NO_COLOUR = 128;

/** Full-range Cb or Cr by limited-range code value: 16..240 is spread over 0..255 (ITU-R BT.601, 8 bit). */
export const LIMITED_CHROMA_TO_FULL: Uint8Array = Uint8Array.from({ length: 256 }, (_, value) =>
  Math.min(255, Math.max(0, Math.round(((value - NO_COLOUR) * 255) / 224 + NO_COLOUR))),
);

/** How many planes of `[height, width]` the network's input has. */
export function channelCount(channels: Channels): 1 | 3 {
  return channels === 'luma' ? 1 : 3;
}

/**
 * Bytes `[height, width, 3]` (red, green, blue) as luma of the same size with Cb and Cr of half its sides, as
 * cameras send them: each of theirs is the mean of up to four pixels. Full range (JFIF, ITU-R BT.601).
 * @param memory takes the planes where it is large enough: width × height + 2 × ⌈width/2⌉ × ⌈height/2⌉ bytes
 */
export function imageOfRgb(rgb: Uint8Array, width: number, height: number, memory?: Uint8Array): LumaImage {
  const columns = Math.ceil(width / 2);
  const rows = Math.ceil(height / 2);
  const pixels = width * height;
  const needed = pixels + 2 * columns * rows;
  const all = memory && memory.length >= needed ? memory : new Uint8Array(needed);
  const data = all.subarray(0, pixels);
  const cb = all.subarray(pixels, pixels + columns * rows);
  const cr = all.subarray(pixels + columns * rows, needed);
  for (let pixel = 0, at = 0; pixel < pixels; pixel++, at += 3) {
    data[pixel] = (19595 * rgb[at] + 38470 * rgb[at + 1] + 7471 * rgb[at + 2] + 32768) >> 16;
  }
  for (let row = 0, out = 0; row < rows; row++) {
    const upper = 2 * row * width;
    const lower = 2 * row + 1 < height ? upper + width : upper;
    for (let column = 0; column < columns; column++, out++) {
      const left = 2 * column;
      const right = left + 1 < width ? left + 1 : left;
      const [a, b, c, d] = [3 * (upper + left), 3 * (upper + right), 3 * (lower + left), 3 * (lower + right)];
      const red = rgb[a] + rgb[b] + rgb[c] + rgb[d];
      const green = rgb[a + 1] + rgb[b + 1] + rgb[c + 1] + rgb[d + 1];
      const blue = rgb[a + 2] + rgb[b + 2] + rgb[c + 2] + rgb[d + 2];
      cb[out] = chroma(-11059 * red - 21709 * green + 32768 * blue);
      cr[out] = chroma(32768 * red - 27439 * green - 5329 * blue);
    }
  }
  return { width, height, data, chroma: { width: columns, height: rows, cb, cr } };
}

/** @param sum weights of 16 bits times four pixels */
function chroma(sum: number): number {
  const value = Math.round(sum / 262144) + NO_COLOUR;
  return value > 255 ? 255 : value < 0 ? 0 : value;
}
