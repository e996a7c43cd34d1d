import { crc32, inflateSync } from 'node:zlib';
import type { LumaImage } from './luma.ts';

const SIGNATURE = 8;
/** Chunks that say nothing of what a grey level means; with any other the file is left to the general decoder. */
const PLAIN = new Set(['IHDR', 'IDAT', 'IEND', 'pHYs', 'tEXt', 'zTXt', 'iTXt', 'tIME']);

interface Header {
  readonly width: number;
  readonly height: number;
}

/**
 * A PNG of 8-bit grey levels without interlacing, transparency or colour profile: how bundles keep their golden inputs.
 * null for every other file, and for a damaged one: the general decoder says what is wrong with it. Reading them here keeps
 * that decoder's tens of megabytes out of a daemon whose camera sends JPEG or YUV.
 * (PNG specification, third edition: 5 file structure, 9.2 filters.)
 *
 * @param maxPixels of more the header is not followed
 */
export function readGreyPng(bytes: Uint8Array, maxPixels: number): LumaImage | null {
  const read = chunksOf(bytes);
  if (read === null) return null;
  const { header, data } = read;
  const { width, height } = header;
  if (width < 1 || height < 1 || width * height > maxPixels) return null;
  const stride = width + 1;
  let packed: Uint8Array;
  try {
    packed = inflateSync(Buffer.concat(data), { maxOutputLength: stride * height });
  } catch {
    // Damaged, or longer than it says.
    return null;
  }
  if (packed.length !== stride * height) return null;
  const luma = new Uint8Array(width * height);
  for (let row = 0; row < height; row += 1) {
    const filter = packed[row * stride];
    if (filter > 4) return null;
    unfilter(filter, packed, row * stride + 1, luma, row * width, width, row > 0);
  }
  return { width, height, data: luma };
}

function chunksOf(bytes: Uint8Array): { header: Header; data: Uint8Array[] } | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data: Uint8Array[] = [];
  let header: Header | null = null;
  for (let at = SIGNATURE; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const end = at + 8 + length;
    if (end + 4 > bytes.length) return null;
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (!PLAIN.has(type) || crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end)) return null;
    if (type === 'IHDR') {
      // Depth 8, grey, deflate, the five filters, not interlaced.
      const kind = [...bytes.subarray(at + 16, at + 21)];
      if (length !== 13 || kind.join() !== '8,0,0,0,0') return null;
      header = { width: view.getUint32(at + 8), height: view.getUint32(at + 12) };
    }
    if (type === 'IDAT') data.push(bytes.subarray(at + 8, end));
    if (type === 'IEND') return header && { header, data };
    at = end + 4;
  }
  return null;
}

/** One row from its differences to the neighbours left, above and left above. */
function unfilter(
  filter: number,
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  width: number,
  hasAbove: boolean,
): void {
  for (let x = 0; x < width; x += 1) {
    const left = x > 0 ? to[toAt + x - 1] : 0;
    const above = hasAbove ? to[toAt + x - width] : 0;
    const corner = x > 0 && hasAbove ? to[toAt + x - width - 1] : 0;
    let guess = 0;
    if (filter === 1) guess = left;
    else if (filter === 2) guess = above;
    else if (filter === 3) guess = (left + above) >> 1;
    else if (filter === 4) guess = nearest(left, above, corner);
    to[toAt + x] = from[fromAt + x] + guess;
  }
}

/** Which of the three is nearest to left + above − corner; in a tie the first (Paeth's predictor). */
function nearest(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}
