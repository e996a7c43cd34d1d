/** What a JPEG's header says. */
export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 colour, 4 CMYK. */
  readonly components: number;
  /** Baseline, extended or progressive Huffman coding with 8 bits: what cameras and cables carry. */
  readonly common: boolean;
}

const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;

function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** Markers without a length: TEM, RST0..7, SOI. */
function standsAlone(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}

/**
 * Walks the segments of a JPEG (ITU-T T.81, B.1.1) until the callback gives true. Entropy-coded data is skipped.
 * @param visit gets each marker and where its segment's content begins and ends
 */
function walk(bytes: Uint8Array, visit: (marker: number, start: number, end: number) => boolean): void {
  let at = 2;
  while (at + 1 < bytes.length) {
    if (bytes[at] !== 0xff) {
      at++;
      continue;
    }
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    // 0xff00 is a stuffed data byte.
    if (marker === 0x00 || standsAlone(marker)) {
      at += 2;
      continue;
    }
    if (marker === END_OF_IMAGE) {
      visit(marker, at + 2, at + 2);
      return;
    }
    if (at + 4 > bytes.length) return;
    const end = at + 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
    if (visit(marker, at + 4, end)) return;
    at = end;
  }
}

/** The size that a JPEG announces, read without decoding; null when no whole frame header comes before the data. */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | null {
  let header: JpegHeader | null = null;
  walk(bytes, (marker, start, end) => {
    if (!isFrameHeader(marker)) return marker === START_OF_SCAN;
    if (end <= bytes.length && end - start >= 6) {
      header = {
        height: (bytes[start + 1] << 8) | bytes[start + 2],
        width: (bytes[start + 3] << 8) | bytes[start + 4],
        components: bytes[start + 5],
        common: marker <= 0xc2 && bytes[start] === 8,
      };
    }
    return true;
  });
  return header;
}

/** Whether the JPEG's end marker is there: without it the file or frame was cut off. */
export function hasJpegEnd(bytes: Uint8Array): boolean {
  let ended = false;
  walk(bytes, (marker) => {
    ended = marker === END_OF_IMAGE;
    return ended;
  });
  return ended;
}
