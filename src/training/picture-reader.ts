import { createLumaDecoder } from '../vision/decode.ts';
import { pictureOfStill } from '../vision/golden.ts';
import { createPreprocessor } from '../vision/preprocess.ts';

/** Turns picture files into luma of the network's size, by the same code that serves. */
export interface PictureReader {
  /** [height, width] uint8 luma, resized, not normalised; a fresh array. Errors as `LumaDecoder.decode`. */
  read(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>>;
}

/** A reader for pictures of any size and file format; `size` is the network's input, pixels. */
export function createPictureReader(size: {
  readonly width: number;
  readonly height: number;
}): PictureReader {
  const decoder = createLumaDecoder();
  const resizer = createPreprocessor(
    { channels: 'luma', resize: 'bilinear', normalisation: 'none', scale: 1 / 255 },
    size,
  );
  return {
    async read(bytes) {
      const plane = await decoder.decode(pictureOfStill(Uint8Array.from(bytes)));
      return resizer.runPlane(plane).small.slice();
    },
  };
}
