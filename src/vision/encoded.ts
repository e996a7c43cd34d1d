import type { Sharp } from 'sharp';
import { SpectaError } from '../platform/errors.ts';
import { type Channels, imageOfRgb } from './chroma.ts';
import { readGreyPng } from './grey-png.ts';
import { type LumaImage, lumaOfRgb } from './luma.ts';
import { checkPixels, type DecodeLimits } from './picture.ts';
import { hasEncodedEnd, stillFormatOf } from './still.ts';

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function truncated(cause?: unknown): SpectaError {
  return new SpectaError(
    'IMAGE_TRUNCATED',
    'The picture ends before its data does.',
    'Copy the file again from its source.',
    cause,
  );
}

/** The error of a picture that does not decode: cut off, where the decoder's words tell it, else damaged. */
function failure(error: unknown): SpectaError {
  const words = messageOf(error);
  if (/premature|truncat|past end|out of data|read error|not enough data/i.test(words))
    return truncated(error);
  return new SpectaError(
    'IMAGE_UNREADABLE',
    `The picture is damaged: ${words}.`,
    'Take the file from its source again.',
    error,
  );
}

/** Bytes `[height, width, 3]` to luma. */
function lumaOfColours(rgb: Uint8Array, pixels: number): Uint8Array {
  const luma = new Uint8Array(pixels);
  for (let pixel = 0, at = 0; pixel < pixels; pixel++, at += 3) {
    luma[pixel] = lumaOfRgb(rgb[at], rgb[at + 1], rgb[at + 2]);
  }
  return luma;
}

/**
 * A picture file that is not a plain JPEG as luma. Transparent parts count as black; of an animation, the first
 * picture. With `luma-chroma` a coloured picture has its colour beside it. Errors: `IMAGE_EMPTY`, `IMAGE_UNSUPPORTED`, `IMAGE_TRUNCATED`, `IMAGE_UNREADABLE`, `IMAGE_TOO_LARGE`.
 */
export async function decodeEncoded(
  bytes: Uint8Array,
  limits: DecodeLimits,
  channels: Channels = 'luma',
): Promise<LumaImage> {
  if (bytes.length === 0) {
    throw new SpectaError('IMAGE_EMPTY', 'The picture has no bytes.', 'Check how the file was written.');
  }
  if (stillFormatOf(bytes) === null) {
    throw new SpectaError(
      'IMAGE_UNSUPPORTED',
      'The bytes are no picture that SPECTA reads.',
      'Give JPEG, PNG, WebP, TIFF, GIF or AVIF.',
    );
  }
  if (hasEncodedEnd(bytes) === false) throw truncated();
  const grey = readGreyPng(bytes, limits.maxPixels);
  if (grey !== null) return grey;
  // Loaded here only: a daemon on a JPEG or YUV camera never needs it, and it costs tens of megabytes.
  const { default: sharp } = await import('sharp');
  const open = (): Sharp => sharp(bytes, { failOn: 'error', limitInputPixels: false });
  const size = await open()
    .metadata()
    .catch((error: unknown) => {
      throw failure(error);
    });
  checkPixels(size.width, size.height, limits);
  try {
    const { data, info } = await open()
      .flatten({ background: '#000' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (channels === 'luma-chroma' && info.channels === 3) return imageOfRgb(data, info.width, info.height);
    const pixels = info.width * info.height;
    const luma = info.channels === 1 ? new Uint8Array(data) : lumaOfColours(data, pixels);
    return { width: info.width, height: info.height, data: luma };
  } catch (error) {
    throw failure(error);
  }
}
