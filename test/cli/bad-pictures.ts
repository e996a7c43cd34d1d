import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { crackPicture } from '../fixtures/pictures.ts';

function chunk(type: string, content: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

/** A small PNG whose header announces 8-bit grey of this size; its data holds a single row. */
export function pngAnnouncing(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = deflateSync(Buffer.alloc(width + 1));
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A small JPEG whose frame header announces this size. */
export function jpegAnnouncing(width: number, height: number): Buffer {
  const bytes = Buffer.from(crackPicture());
  for (let at = 2; at < bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes[at + 1];
    if (marker !== 0xc0 && marker !== 0xc1 && marker !== 0xc2) continue;
    bytes.writeUInt16BE(height, at + 5);
    bytes.writeUInt16BE(width, at + 7);
    return bytes;
  }
  throw new Error('no frame header');
}

/** A whole, valid PNG of 100 megapixels in a few kilobytes. */
export function largePng(): Promise<Buffer> {
  return sharp(Buffer.alloc(10_000 * 10_000), { raw: { width: 10_000, height: 10_000, channels: 1 } })
    .png({ compressionLevel: 1 })
    .toBuffer();
}

const whole = Buffer.from(crackPicture());

/** Files that are no whole picture, by name, with the code that each must give. */
export async function badPictures(): Promise<Record<string, { bytes: Buffer; code: string }>> {
  const png = await sharp(whole).png().toBuffer();
  const webp = await sharp(whole).webp().toBuffer();
  return {
    'empty.jpg': { bytes: Buffer.alloc(0), code: 'IMAGE_EMPTY' },
    'empty.png': { bytes: Buffer.alloc(0), code: 'IMAGE_EMPTY' },
    'one-byte.jpg': { bytes: Buffer.from([0xff]), code: 'IMAGE_TRUNCATED' },
    'half.jpg': { bytes: whole.subarray(0, whole.length >> 1), code: 'IMAGE_TRUNCATED' },
    'head.jpg': { bytes: whole.subarray(0, 40), code: 'IMAGE_TRUNCATED' },
    'half.png': { bytes: png.subarray(0, png.length >> 1), code: 'IMAGE_TRUNCATED' },
    'half.webp': { bytes: webp.subarray(0, webp.length >> 1), code: 'IMAGE_TRUNCATED' },
    'text.jpg': { bytes: Buffer.from('not a picture at all\n'), code: 'IMAGE_UNSUPPORTED' },
    'paper.png': { bytes: Buffer.from('%PDF-1.7\n%âãÏÓ\n'), code: 'IMAGE_UNSUPPORTED' },
    'zeros.tif': { bytes: Buffer.alloc(4096), code: 'IMAGE_UNSUPPORTED' },
    'announced-100-megapixels.jpg': { bytes: jpegAnnouncing(10_000, 10_000), code: 'IMAGE_TOO_LARGE' },
    'announced-100-megapixels.png': { bytes: pngAnnouncing(10_000, 10_000), code: 'IMAGE_TOO_LARGE' },
    'true-100-megapixels.png': { bytes: await largePng(), code: 'IMAGE_TOO_LARGE' },
  };
}
