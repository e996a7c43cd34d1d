import type { Instant } from './time.ts';

/**
 * How the bytes of a frame are laid out.
 * `jpeg`: one JPEG image (still or MJPEG). `encoded`: one image in another file format (PNG, WebP, TIFF).
 * `grey`: 8-bit luma. `yuyv`, `uyvy`: packed 4:2:2. `nv12`, `yu12`: planar 4:2:0, luma plane first.
 */
export type PixelFormat = 'jpeg' | 'encoded' | 'grey' | 'yuyv' | 'uyvy' | 'nv12' | 'yu12';

/** Whether luma runs 0..255 (`full`: JPEG, most stills) or 16..235 (`limited`: most YUV video). */
export type LumaRange = 'full' | 'limited';

/** One image from a camera. */
export interface Frame {
  /** Counts up by one for each image the source saw; a gap is an image that was dropped. */
  readonly sequence: number;
  readonly capturedAt: Instant;
  readonly format: PixelFormat;
  readonly range: LumaRange;
  /** Width in pixels; 0 where only decoding tells (`jpeg`, `encoded`). */
  readonly width: number;
  /** Height in pixels; 0 where only decoding tells. */
  readonly height: number;
  /** Bytes from one row of luma (or packed pixels) to the next; 0 for compressed formats. */
  readonly stride: number;
  /** The image bytes. Owned by whoever holds the frame; sources never write to it again. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Where it came from: a file name or a device. */
  readonly source: string;
}

/** What is remembered of a frame when its pixels are gone. */
export type FrameReference = Pick<Frame, 'sequence' | 'capturedAt' | 'source'>;
