import sharp from 'sharp';
import type { ImageSplitter } from '../../src/camera/image-splitter.ts';
import { MjpegSplitter } from '../../src/camera/mjpeg-splitter.ts';
import { RawSplitter } from '../../src/camera/raw-splitter.ts';
import { createLumaDecoder, type Picture } from '../../src/vision/decode.ts';
import { hasJpegEnd, readJpegHeader } from '../../src/vision/jpeg.ts';
import { withoutStrayBytes } from '../../src/vision/jpeg-stray.ts';
import { hasEncodedEnd, stillFormatOf } from '../../src/vision/still.ts';
import { drawJpeg, drawLuma } from '../fixtures/pictures.ts';
import { bytesOf, type FuzzedParser, must } from './fuzzed-parser.ts';

const SIDES = { width: 48, height: 32 } as const;
const MOST_PIXELS = 100_000;
const REFUSALS = /^(IMAGE_|FRAME_INVALID$)/;

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Feeds it in pieces; every image is as long as it may be at most, and so is what is held. */
function split(splitter: ImageSplitter, bytes: Uint8Array, most: number): void {
  const piece = 1 + (bytes[0] ?? 0) + (bytes[1] ?? 0) * 7;
  let images = 0;
  for (let from = 0; from < bytes.length; from += piece) {
    for (const found of splitter.push(bytes.subarray(from, from + piece))) {
      images += 1;
      if (found.kind === 'image') must(found.data.length <= most, `an image of ${found.data.length} bytes`);
    }
    if (splitter instanceof MjpegSplitter) {
      must(splitter.heldBytes <= most + piece, `${splitter.heldBytes} bytes are held`);
    }
  }
  images += splitter.end().length;
  must(images <= bytes.length + 1, `${images} images in ${bytes.length} bytes`);
}

const mjpeg: FuzzedParser = {
  name: 'MJPEG, plain and multipart',
  refusals: /^none: what is no image is counted$/,
  async open() {
    const jpeg = drawJpeg('crack', SIDES);
    const head = bytesOf(`--frame\r\nContent-Type: image/jpeg\r\nContent-Length: ${jpeg.length}\r\n\r\n`);
    return {
      samples: [joined([jpeg, jpeg]), joined([head, jpeg, bytesOf('\r\n'), head, jpeg, bytesOf('\r\n')])],
      read: (bytes) => split(new MjpegSplitter(4_000), bytes, 4_000),
    };
  },
};

const raw: FuzzedParser = {
  name: 'raw video',
  refusals: /^none: what is left over is counted$/,
  async open() {
    return {
      samples: [drawLuma('rust', SIDES).data],
      read: (bytes) => split(new RawSplitter(1 + (bytes[0] ?? 0)), bytes, 256),
    };
  },
};

const headers: FuzzedParser = {
  name: "images' headers",
  refusals: /^none: null where there is none$/,
  async open() {
    const jpeg = drawJpeg('crack', SIDES);
    const { data } = drawLuma('crack', SIDES);
    const image = sharp(data, { raw: { ...SIDES, channels: 1 } });
    const others = await Promise.all([
      image.clone().png().toBuffer(),
      image.clone().webp().toBuffer(),
      image.clone().gif().toBuffer(),
      image.clone().tiff().toBuffer(),
    ]);
    return {
      samples: [jpeg, ...others.map((bytes) => new Uint8Array(bytes))],
      read: (bytes) => {
        const header = readJpegHeader(bytes);
        must(header === null || (header.width <= 65_535 && header.height <= 65_535), 'sides beyond 16 bits');
        hasJpegEnd(bytes);
        stillFormatOf(bytes);
        hasEncodedEnd(bytes);
        const tidied = withoutStrayBytes(bytes);
        must(tidied === null || tidied.length <= bytes.length, 'tidied bytes grew');
      },
    };
  },
};

/** A picture's luma, checked against its size. */
async function decoded(picture: Picture): Promise<void> {
  const plane = await createLumaDecoder({ maxPixels: MOST_PIXELS }).decode(picture);
  must(plane.width * plane.height <= MOST_PIXELS, `${plane.width}x${plane.height} pixels were decoded`);
  const last = plane.offset + (plane.height - 1) * plane.stride + (plane.width - 1) * plane.step;
  must(last < plane.data.length, 'a plane that goes beyond its bytes');
}

const jpeg: FuzzedParser = {
  name: 'JPEG, decoded',
  refusals: REFUSALS,
  async open() {
    const colour = await sharp({ create: { ...SIDES, channels: 3, background: '#a63' } })
      .jpeg({ progressive: true })
      .toBuffer();
    const cmyk = await sharp({ create: { ...SIDES, channels: 3, background: '#a63' } })
      .toColourspace('cmyk')
      .jpeg()
      .toBuffer();
    return {
      samples: [drawJpeg('rust', SIDES), new Uint8Array(colour), new Uint8Array(cmyk)],
      read: (data) =>
        decoded({ format: 'jpeg', range: 'full', width: 0, height: 0, stride: 0, data: data.slice() }),
    };
  },
};

const encoded: FuzzedParser = {
  name: 'PNG, WebP, GIF, TIFF, AVIF, decoded',
  refusals: REFUSALS,
  async open() {
    const { data } = drawLuma('crack', SIDES);
    const image = sharp(data, { raw: { ...SIDES, channels: 1 } });
    const files = await Promise.all([
      image.clone().png().toBuffer(),
      image.clone().webp().toBuffer(),
      image.clone().gif().toBuffer(),
      image.clone().tiff().toBuffer(),
      image.clone().avif().toBuffer(),
    ]);
    return {
      samples: files.map((bytes) => new Uint8Array(bytes)),
      read: (given) =>
        decoded({ format: 'encoded', range: 'full', width: 0, height: 0, stride: 0, data: given.slice() }),
    };
  },
};

const FORMATS = ['grey', 'yuyv', 'uyvy', 'nv12', 'yu12'] as const;

/** The first bytes say what the driver claims of the rest. */
const frames: FuzzedParser = {
  name: "raw frames of a driver's claim",
  refusals: REFUSALS,
  async open() {
    const claim = (
      format: number,
      width: number,
      height: number,
      stride: number,
      bytes: number,
    ): Uint8Array =>
      joined([Uint8Array.of(format, width, height, stride, stride >> 8), new Uint8Array(bytes)]);
    return {
      samples: [claim(0, 8, 8, 8, 64), claim(1, 8, 8, 16, 128), claim(3, 8, 8, 8, 96), claim(4, 7, 7, 8, 88)],
      read: (bytes) => {
        const [format = 0, width = 0, height = 0, low = 0, high = 0] = bytes;
        return decoded({
          format: FORMATS[format % FORMATS.length] ?? 'grey',
          range: 'limited',
          width: width > 250 ? -1 : width,
          height: height > 250 ? Number.NaN : height,
          stride: low + 256 * (high % 4),
          data: bytes.slice(5),
        });
      },
    };
  },
};

export const imageParsers: readonly FuzzedParser[] = [mjpeg, raw, headers, jpeg, encoded, frames];
