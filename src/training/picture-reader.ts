import type { Channels } from '../vision/chroma.ts';
import { createLumaDecoder, DEFAULT_DECODE_LIMITS } from '../vision/decode.ts';
import { pictureOfStill } from '../vision/golden.ts';
import { createPreprocessor } from '../vision/preprocess.ts';
import type { Sample } from './samples.ts';

/** One picture file, decoded and resized. */
export interface ReadPicture extends Pick<Sample, 'luma' | 'chroma'> {
  /** Of the file, pixels. */
  readonly side: { readonly width: number; readonly height: number };
}

/** Turns picture files into planes of the network's size, by the same code that serves. */
export interface PictureReader {
  /** Resized, not normalised; fresh arrays; `chroma` for `luma-chroma` alone. Errors as `LumaDecoder.decode`. */
  read(bytes: Uint8Array): Promise<ReadPicture>;
}

/** A reader for pictures of any size and file format; `size` is the network's input, pixels. */
export function createPictureReader(
  size: { readonly width: number; readonly height: number },
  channels: Channels = 'luma',
): PictureReader {
  const decoder = createLumaDecoder(DEFAULT_DECODE_LIMITS, channels);
  const resizer = createPreprocessor(
    { channels, resize: 'bilinear', normalisation: 'none', scale: 1 / 255 },
    size,
  );
  return {
    async read(bytes) {
      const plane = await decoder.decode(pictureOfStill(Uint8Array.from(bytes)));
      const { small, smallChroma } = resizer.runPlane(plane);
      const side = { width: plane.width, height: plane.height };
      return { side, luma: small.slice(), ...(smallChroma && { chroma: smallChroma.slice() }) };
    },
  };
}
