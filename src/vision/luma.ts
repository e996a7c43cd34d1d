import type { LumaRange } from '../domain/frame.ts';

/** A whole picture as brightness: `[height, width]` uint8, full range 0..255, rows without padding. */
export interface LumaImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  /** Colour beside it, where it was asked for and the picture has any. */
  readonly chroma?: ChromaImage;
}

/**
 * Colour as JPEG has it: Cb and Cr, each `[height, width]` uint8, full range, 128 = none (JFIF, ITU-R BT.601).
 * Its sides may be smaller than the luma's.
 */
export interface ChromaImage {
  readonly width: number;
  readonly height: number;
  readonly cb: Uint8Array;
  readonly cr: Uint8Array;
}

/**
 * Where the luma lies in somebody else's bytes: the pixel at (x, y) is `data[offset + y*stride + x*step]`.
 * Lets packed and padded video be read in place.
 */
export interface LumaPlane extends Plane {
  /** Colour beside it, where it was asked for and the picture has any; its planes may be smaller. */
  readonly chroma?: { readonly cb: Plane; readonly cr: Plane };
}

/** Values of one kind in somebody else's bytes. */
export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  readonly offset: number;
  readonly stride: number;
  readonly step: number;
  readonly range: LumaRange;
}

/** `image` seen as a plane; no copy. */
export function planeOfImage(image: LumaImage): LumaPlane {
  const { chroma } = image;
  const luma = packedPlane(image.width, image.height, image.data);
  if (chroma === undefined) return luma;
  const { width, height, cb, cr } = chroma;
  return { ...luma, chroma: { cb: packedPlane(width, height, cb), cr: packedPlane(width, height, cr) } };
}

function packedPlane(width: number, height: number, data: Uint8Array): Plane {
  return { width, height, data, offset: 0, stride: width, step: 1, range: 'full' };
}

/** Grey levels 0..255 by limited-range code value: 16 is black, 235 is white (ITU-R BT.601, 8 bit). */
export const LIMITED_TO_FULL: Uint8Array = Uint8Array.from({ length: 256 }, (_, value) =>
  Math.min(255, Math.max(0, Math.round(((value - 16) * 255) / 219))),
);

/**
 * Luma of one colour, all values 0..255: the weights JPEG uses (ITU-R BT.601), so that a picture gives the same
 * luma whether it comes as JPEG or as RGB.
 */
export function lumaOfRgb(red: number, green: number, blue: number): number {
  return Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
}

/**
 * The plane's luma as a packed full-range image. Gives the plane's own bytes where they already are one, else a new copy.
 */
export function imageOfPlane(plane: LumaPlane): LumaImage {
  const { width, height, data, offset, stride, step, range } = plane;
  if (step === 1 && stride === width && range === 'full') {
    return { width, height, data: data.subarray(offset, offset + width * height) };
  }
  const packed = new Uint8Array(width * height);
  let out = 0;
  for (let y = 0; y < height; y++) {
    let from = offset + y * stride;
    for (let x = 0; x < width; x++) {
      packed[out++] = data[from];
      from += step;
    }
  }
  if (range === 'limited') {
    for (let index = 0; index < packed.length; index++) packed[index] = LIMITED_TO_FULL[packed[index]];
  }
  return { width, height, data: packed };
}
