import type { LumaRange, PixelFormat } from '../../domain/frame.ts';
import { V4L2 } from './layouts.ts';

/** Formats of a V4L2 camera that vision reads. */
export type CameraPixels = Exclude<PixelFormat, 'encoded'>;

/** How the kernel names what vision reads. */
const BY_FOURCC: Readonly<Record<string, CameraPixels>> = {
  NV12: 'nv12',
  YU12: 'yu12',
  YUYV: 'yuyv',
  UYVY: 'uyvy',
  GREY: 'grey',
  MJPG: 'jpeg',
  JPEG: 'jpeg',
};

/**
 * What is rather taken, where size and rate are alike. Raw before JPEG: nothing to decode, nothing lost. Colour before
 * grey, for people look at the stills. Fewer bytes a pixel before more.
 */
const PREFERENCE: readonly CameraPixels[] = ['nv12', 'yu12', 'yuyv', 'uyvy', 'grey', 'jpeg'];

/** What vision calls this format; null for one that it cannot read. */
export function pixelsOf(fourcc: string): CameraPixels | null {
  return Object.hasOwn(BY_FOURCC, fourcc) ? BY_FOURCC[fourcc] : null;
}

/** 0 for what is taken rather than anything else. */
export function preferenceOf(pixels: CameraPixels): number {
  return PREFERENCE.indexOf(pixels);
}

/** The kernel's number of a four-letter name. */
export function fourccNumber(fourcc: string): number {
  return Buffer.from(fourcc.padEnd(4, ' '), 'latin1').readUInt32LE(0);
}

/** The four letters of the kernel's number; big-endian kinds show their mark, as in `RGB4-BE`. */
export function fourccName(number: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE((number & 0x7fffffff) >>> 0, 0);
  const name = bytes.toString('latin1').trimEnd();
  return number >= 0x80000000 ? `${name}-BE` : name;
}

/** Bytes of one row of luma (or packed pixels) without padding; 0 for JPEG. */
export function leastStride(pixels: CameraPixels, width: number): number {
  if (pixels === 'jpeg') return 0;
  return pixels === 'yuyv' || pixels === 'uyvy' ? 4 * Math.ceil(width / 2) : width;
}

/** Bytes of one raw image at this stride, row padding included; drivers may give more behind it. null for JPEG. */
export function imageBytes(pixels: CameraPixels, stride: number, height: number): number | null {
  switch (pixels) {
    case 'jpeg':
      return null;
    case 'grey':
    case 'yuyv':
    case 'uyvy':
      return stride * height;
    case 'nv12':
    case 'yu12':
      return stride * height + 2 * Math.ceil(stride / 2) * Math.ceil(height / 2);
  }
}

/**
 * The range of luma by what the driver says of the picture. Where it leaves the range open, the kernel's rule holds
 * (V4L2_MAP_QUANTIZATION_DEFAULT: limited unless the colour space is JPEG's), but for grey: sensors without colour give
 * their samples as they are.
 */
export function lumaRange(pixels: CameraPixels, quantization: number, colourSpace: number): LumaRange {
  if (pixels === 'jpeg') return 'full';
  if (quantization === V4L2.V4L2_QUANTIZATION_FULL_RANGE) return 'full';
  if (quantization === V4L2.V4L2_QUANTIZATION_LIM_RANGE) return 'limited';
  if (colourSpace === V4L2.V4L2_COLORSPACE_JPEG || colourSpace === V4L2.V4L2_COLORSPACE_RAW) return 'full';
  return pixels === 'grey' ? 'full' : 'limited';
}
