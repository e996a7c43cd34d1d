import type { Sharp } from 'sharp';
import type { Frame, PixelFormat } from '../domain/frame.ts';
import { SpectaError } from '../platform/errors.ts';
import { loadSharp } from './load-sharp.ts';

/** What of a frame an image file is made from. */
export type FramePixels = Pick<Frame, 'format' | 'range' | 'width' | 'height' | 'stride' | 'data'>;

/** A frame as an image file. */
export interface FrameImage {
  readonly bytes: Uint8Array;
  /** File name ending without the dot. */
  readonly extension: string;
  readonly width: number;
  readonly height: number;
}

type RawFormat = Exclude<PixelFormat, 'jpeg' | 'encoded'>;

interface Sample {
  /** Index of the luma byte. */
  readonly luma: (x: number, y: number) => number;
  /** Index of the blue and red difference bytes; null where there is no colour. */
  readonly blue: ((x: number, y: number) => number) | null;
  readonly red: ((x: number, y: number) => number) | null;
  /** Bytes the frame must have at least. */
  readonly least: number;
}

const JPEG_QUALITY = 92;

/** Where the samples of each raw format lie; a colour plane starts behind `height` rows of luma. */
function layout(format: RawFormat, width: number, height: number, stride: number): Sample {
  const half = Math.ceil(stride / 2);
  const planes = stride * height;
  const rows = Math.ceil(height / 2);
  switch (format) {
    case 'grey':
      return {
        luma: (x, y) => y * stride + x,
        blue: null,
        red: null,
        least: planes - stride + width,
      };
    case 'yuyv':
    case 'uyvy': {
      const first = format === 'yuyv' ? 0 : 1;
      const colour = 1 - first;
      return {
        luma: (x, y) => y * stride + 2 * x + first,
        blue: (x, y) => y * stride + 4 * (x >> 1) + colour,
        red: (x, y) => y * stride + 4 * (x >> 1) + colour + 2,
        least: planes - stride + 4 * Math.ceil(width / 2),
      };
    }
    case 'nv12':
      return {
        luma: (x, y) => y * stride + x,
        blue: (x, y) => planes + (y >> 1) * 2 * half + 2 * (x >> 1),
        red: (x, y) => planes + (y >> 1) * 2 * half + 2 * (x >> 1) + 1,
        least: planes + (rows - 1) * 2 * half + 2 * Math.ceil(width / 2),
      };
    case 'yu12':
      return {
        luma: (x, y) => y * stride + x,
        blue: (x, y) => planes + (y >> 1) * half + (x >> 1),
        red: (x, y) => planes + half * rows + (y >> 1) * half + (x >> 1),
        least: planes + half * rows + (rows - 1) * half + Math.ceil(width / 2),
      };
  }
}

/**
 * RGB `[height, width, 3]` (or luma `[height, width, 1]` without colour), full range, of a raw frame.
 * Colour by ITU-R BT.601, the matrix of JPEG and of most cameras; a frame does not say which it uses.
 */
function pixels(frame: FramePixels, sample: Sample): { data: Uint8ClampedArray; channels: 1 | 3 } {
  const { width, height, data } = frame;
  const limited = frame.range === 'limited';
  const lumaGain = limited ? 255 / 219 : 1;
  const lumaOffset = limited ? 16 : 0;
  const colourGain = limited ? 255 / 224 : 1;
  const channels = sample.blue && sample.red ? 3 : 1;
  const out = new Uint8ClampedArray(width * height * channels);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const luma = (data[sample.luma(x, y)] - lumaOffset) * lumaGain;
      if (!sample.blue || !sample.red) {
        out[at++] = luma;
        continue;
      }
      const blue = (data[sample.blue(x, y)] - 128) * colourGain;
      const red = (data[sample.red(x, y)] - 128) * colourGain;
      out[at++] = luma + 1.402 * red;
      out[at++] = luma - 0.344136 * blue - 0.714136 * red;
      out[at++] = luma + 1.772 * blue;
    }
  }
  return { data: out, channels };
}

async function encodeRaw(frame: FramePixels, format: RawFormat): Promise<FrameImage> {
  const { width, height, stride } = frame;
  const sample = layout(format, width, height, stride);
  if (width < 1 || height < 1 || frame.data.length < sample.least) {
    throw new SpectaError(
      'FRAME_INVALID',
      `A ${width}x${height} ${format} frame with stride ${stride} has ${frame.data.length} bytes: too few.`,
      'Set width, height and format of the camera to what it really sends.',
    );
  }
  const sharp = await loadSharp();
  const { data, channels } = pixels(frame, sample);
  const jpeg = await sharp(data, { raw: { width, height, channels } })
    .jpeg({ quality: JPEG_QUALITY, chromaSubsampling: '4:4:4' })
    .toBuffer();
  return { bytes: jpeg, extension: 'jpg', width, height };
}

/**
 * A frame as the image file that is kept as evidence: compressed frames byte for byte, raw ones as JPEG.
 *
 * @throws SpectaError `IMAGE_UNREADABLE` when the bytes are no image, `FRAME_INVALID` when they do not fit the size
 */
export async function frameImage(frame: FramePixels): Promise<FrameImage> {
  if (frame.format !== 'jpeg' && frame.format !== 'encoded') return encodeRaw(frame, frame.format);
  const sharp = await loadSharp();
  const open = (): Sharp => sharp(frame.data, { failOn: 'none' });
  try {
    const { width, height, format } = await open().metadata();
    return { bytes: frame.data, extension: format === 'jpeg' ? 'jpg' : format, width, height };
  } catch (error) {
    throw new SpectaError(
      'IMAGE_UNREADABLE',
      `The frame is no image that can be kept: ${error instanceof Error ? error.message : String(error)}`,
      'Check what format the camera sends.',
      error,
    );
  }
}
