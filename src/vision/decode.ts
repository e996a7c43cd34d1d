import jpegTurbo from '@julusian/jpeg-turbo';
import { SpectaError } from '../platform/errors.ts';
import { type Channels, imageOfRgb } from './chroma.ts';
import { decodeEncoded } from './encoded.ts';
import { hasJpegEnd, type JpegHeader, readJpegHeader } from './jpeg.ts';
import { withoutStrayBytes } from './jpeg-stray.ts';
import { imageOfPlane, type LumaImage, type LumaPlane, planeOfImage } from './luma.ts';
import { checkPixels, DEFAULT_DECODE_LIMITS, type DecodeLimits, type Picture } from './picture.ts';
import { rawPlane } from './raw.ts';
import { stillFormatOf } from './still.ts';

export { DEFAULT_DECODE_LIMITS, type DecodeLimits, type Picture } from './picture.ts';

/** Turns frames into luma, one after the other, reusing its memory. */
export interface LumaDecoder {
  /**
   * The frame's luma. Only `encoded` frames (and CMYK JPEGs) need to be awaited; all others come at once.
   * The plane may lie in the frame's own bytes or in the decoder's memory: it is good until the next call.
   * Throws `IMAGE_EMPTY`, `IMAGE_TRUNCATED`, `IMAGE_UNSUPPORTED`, `IMAGE_UNREADABLE`, `IMAGE_TOO_LARGE`,
   * `FRAME_INVALID`.
   */
  decode(picture: Picture): LumaPlane | Promise<LumaPlane>;
}

/** The bytes as a Buffer on the same memory. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function truncated(): SpectaError {
  return new SpectaError(
    'IMAGE_TRUNCATED',
    'The JPEG ends before its end marker.',
    'Copy the file again; for a camera, check the cable and the frame size limit.',
  );
}

function damaged({ width, height }: JpegHeader, cause: unknown): SpectaError {
  return new SpectaError(
    'IMAGE_UNREADABLE',
    `The ${width}x${height} JPEG is damaged: its data does not decode cleanly.`,
    'Take the file from its source again; for a camera, check cable and power.',
    cause,
  );
}

/** Bytes that are no JPEG at all: say whether they are another picture, or none. */
function checkJpegStart(data: Uint8Array): void {
  if (data.length === 0) {
    throw new SpectaError('IMAGE_EMPTY', 'The picture has no bytes.', 'Check how the file was written.');
  }
  if (data[0] === 0xff && (data.length < 2 || data[1] === 0xd8)) {
    if (data.length < 4) throw truncated();
    return;
  }
  const other = stillFormatOf(data) === null ? 'no picture that SPECTA reads' : 'another picture format';
  throw new SpectaError(
    'IMAGE_UNSUPPORTED',
    `The bytes are not a JPEG: they are ${other}.`,
    'Give JPEG, PNG, WebP, TIFF, GIF or AVIF, and set the camera format to what the camera sends.',
  );
}

/**
 * A decoder with its own memory; `limits` hold for every format.
 * @param channels with `luma-chroma` the planes of coloured pictures have their colour beside them
 * @param room gives memory for so many bytes of a JPEG's luma, in place of the decoder's own
 */
export function createLumaDecoder(
  limits: DecodeLimits = DEFAULT_DECODE_LIMITS,
  channels: Channels = 'luma',
  room?: (bytes: number) => Uint8Array,
): LumaDecoder {
  let memory: Buffer = Buffer.alloc(0);
  let planes = new Uint8Array(0);

  function decodeJpeg(data: Uint8Array): LumaPlane | Promise<LumaPlane> {
    checkJpegStart(data);
    const header = readJpegHeader(data);
    if (header === null) {
      if (!hasJpegEnd(data)) throw truncated();
      throw new SpectaError(
        'IMAGE_UNREADABLE',
        'The JPEG has no frame header.',
        'The file is damaged: take it from its source again.',
      );
    }
    checkPixels(header.width, header.height, limits);
    if (!header.common) {
      throw new SpectaError(
        'IMAGE_UNSUPPORTED',
        'The JPEG is of a rare kind (lossless, arithmetic coding or more than 8 bits).',
        'Save it as an ordinary JPEG or as PNG.',
      );
    }
    if (header.components === 4) return decodeEncoded(data, limits, channels).then(planeOfImage);
    try {
      return decompress(data, header);
    } catch (error) {
      // libjpeg-turbo's warnings (data that ends early, stray or corrupt bytes) come as errors, without saying which.
      if (!hasJpegEnd(data)) throw truncated();
      const tidied = withoutStrayBytes(data);
      if (tidied !== null && tidied.length < data.length) return decompressTidied(tidied, header, error);
      throw damaged(header, error);
    }
  }

  function ownMemory(bytes: number): Buffer {
    if (memory.length < bytes) memory = Buffer.allocUnsafeSlow(bytes);
    return memory;
  }

  function decompress(data: Uint8Array, header: JpegHeader): LumaPlane {
    const coloured = channels === 'luma-chroma' && header.components === 3;
    const needed = header.width * header.height * (coloured ? 3 : 1);
    const into = room && !coloured ? asBuffer(room(needed)) : ownMemory(needed);
    const format = coloured ? jpegTurbo.FORMAT_RGB : jpegTurbo.FORMAT_GRAY;
    const { width, height, data: decoded } = jpegTurbo.decompressSync(asBuffer(data), into, { format });
    if (!coloured) return planeOfImage({ width, height, data: decoded });
    const size = width * height + 2 * Math.ceil(width / 2) * Math.ceil(height / 2);
    if (planes.length < size) planes = new Uint8Array(size);
    return planeOfImage(imageOfRgb(decoded, width, height, planes));
  }

  function decompressTidied(data: Uint8Array, header: JpegHeader, complaint: unknown): LumaPlane {
    try {
      return decompress(data, header);
    } catch {
      // What it said of the picture as it came is the better reason.
      throw damaged(header, complaint);
    }
  }

  return {
    decode(picture) {
      if (picture.format === 'jpeg') return decodeJpeg(picture.data);
      if (picture.format === 'encoded')
        return decodeEncoded(picture.data, limits, channels).then(planeOfImage);
      checkPixels(picture.width, picture.height, limits);
      return rawPlane(picture, picture.format, channels);
    },
  };
}

/**
 * One picture as full-range luma `[height, width]` uint8, as it lies in the file (an EXIF orientation is not applied).
 * The result may share memory with a raw frame's bytes. Errors as {@link LumaDecoder.decode}.
 */
export async function decodeLuma(
  picture: Picture,
  limits: DecodeLimits = DEFAULT_DECODE_LIMITS,
): Promise<LumaImage> {
  return imageOfPlane(await createLumaDecoder(limits).decode(picture));
}
