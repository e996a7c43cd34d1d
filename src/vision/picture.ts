import type { Frame } from '../domain/frame.ts';
import { SpectaError } from '../platform/errors.ts';

/** The part of a frame that decoding needs. */
export type Picture = Pick<Frame, 'format' | 'range' | 'width' | 'height' | 'stride' | 'data'>;

/** What decoding may cost. */
export interface DecodeLimits {
  /** Pictures of more pixels are `IMAGE_TOO_LARGE`, told from the header before memory is taken. */
  readonly maxPixels: number;
}

export const DEFAULT_DECODE_LIMITS: DecodeLimits = { maxPixels: 50_000_000 };

/** Throws `IMAGE_TOO_LARGE` for more pixels than the limit. */
export function checkPixels(width: number, height: number, limits: DecodeLimits): void {
  if (width * height <= limits.maxPixels) return;
  throw new SpectaError(
    'IMAGE_TOO_LARGE',
    `The picture has ${width}x${height} pixels; the limit is ${limits.maxPixels / 1e6} megapixels.`,
    'Make the picture smaller; SPECTA decodes none larger, so that one file cannot eat the memory.',
  );
}
