import type { LumaImage } from '../../src/vision/luma.ts';
import type { Picture } from '../../src/vision/picture.ts';

/** Full-range grey level to limited range, as a camera does it. */
function toLimited(value: number): number {
  return Math.round(16 + (value * 219) / 255);
}

export interface RawOptions {
  readonly format: 'grey' | 'yuyv' | 'uyvy' | 'nv12' | 'yu12';
  readonly range: 'full' | 'limited';
  /** Bytes added to each row. */
  readonly padding: number;
}

/** `image` as a raw camera frame: its luma, no colour, padding filled with rubbish. */
export function rawPicture(image: LumaImage, options: RawOptions): Picture {
  const { width, height } = image;
  const { format, range, padding } = options;
  const packed = format === 'yuyv' || format === 'uyvy';
  const stride = (packed ? 4 * Math.ceil(width / 2) : width) + padding;
  const colour =
    format === 'nv12' || format === 'yu12' ? 2 * Math.ceil(stride / 2) * Math.ceil(height / 2) : 0;
  const data = new Uint8Array(stride * height + colour).fill(0x5a);
  const step = packed ? 2 : 1;
  const offset = format === 'uyvy' ? 1 : 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = image.data[y * width + x];
      data[y * stride + offset + x * step] = range === 'limited' ? toLimited(value) : value;
    }
  }
  return { format, range, width, height, stride, data };
}
