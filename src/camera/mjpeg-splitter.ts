import type { ImageSplitter, SplitImage } from './image-splitter.ts';

// Marker codes of ITU-T T.81, table B.1 (the byte after 0xFF).
const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
/** T.81 B.2.3: 6 + 2 for each of at most four components. */
const LONGEST_SCAN_HEADER = 14;
const SOI_BYTES = 2;
const IMAGE_BEGIN = Buffer.from([0xff, SOI, 0xff]);
const FIRST_BYTES = 64 * 1024;

/** SOF0…SOF15: the code range holds DHT, JPG and DAC too, which head no frame. */
function isFrameHeader(code: number): boolean {
  return code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc;
}

/** Markers that two length bytes follow. */
function hasLength(code: number): boolean {
  return (code >= 0xc0 && code <= 0xcf) || (code >= SOS && code <= 0xef) || code === 0xfe;
}

/**
 * Cuts a stream of JPEG images (MJPEG, also the multipart kind) into images. It walks marker segments by their length,
 * so that a thumbnail inside one is not taken for an image, and scans entropy-coded data for the next real marker.
 * What stands between images is skipped. After damage it looks for the next image from the last point that it trusted.
 * Holds at most `maxBytes` and one chunk.
 */
export class MjpegSplitter implements ImageSplitter {
  private readonly maxBytes: number;
  /** The first `length` bytes are in use; inside an image, byte 0 is its SOI unless it is `skipping`. */
  private held = Buffer.allocUnsafe(FIRST_BYTES);
  private length = 0;
  /** The next byte to look at; beyond `length` where a segment is longer than what came so far. */
  private at = 0;
  private place: 'between' | 'marker' | 'scan' = 'between';
  /** Where to look for another image if this one proves broken. */
  private trusted = 0;
  private sawFrameHeader = false;
  private sawScan = false;
  /** The image grew beyond the limit: it is counted already and walked without being kept. */
  private skipping = false;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Bytes held for an image that is not complete. */
  get heldBytes(): number {
    return this.length;
  }

  push(chunk: Uint8Array): SplitImage[] {
    this.append(chunk);
    const found: SplitImage[] = [];
    while (this.step(found)) {
      // Each step looks at one place and moves on; false means that more bytes are needed.
    }
    if (this.place !== 'between') {
      if (!this.skipping && this.length > this.maxBytes) {
        found.push({ kind: 'dropped', reason: 'oversized' });
        this.skipping = true;
      }
      if (this.skipping) this.forget(Math.min(this.at, this.length));
    }
    return found;
  }

  end(): SplitImage[] {
    const found: SplitImage[] = [];
    // A broken length may have swallowed whole images: they are looked for as well.
    while (this.place !== 'between') {
      this.broken(this.trusted, found);
      while (this.step(found)) {
        // As in push.
      }
    }
    this.length = 0;
    return found;
  }

  private append(chunk: Uint8Array): void {
    const needed = this.length + chunk.length;
    if (needed > this.held.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(this.held.length * 2, this.maxBytes)));
      this.held.copy(larger, 0, 0, this.length);
      this.held = larger;
    }
    this.held.set(chunk, this.length);
    this.length = needed;
  }

  private step(found: SplitImage[]): boolean {
    switch (this.place) {
      case 'between':
        return this.findImage();
      case 'marker':
        return this.readMarker(found);
      case 'scan':
        return this.readScan(found);
    }
  }

  private findImage(): boolean {
    const begin = this.held.subarray(0, this.length).indexOf(IMAGE_BEGIN);
    if (begin < 0) {
      // The last two bytes may be the first two of an image.
      this.forget(Math.max(0, this.length - 2));
      return false;
    }
    this.forget(begin);
    this.place = 'marker';
    this.at = SOI_BYTES;
    this.trusted = SOI_BYTES;
    this.sawFrameHeader = false;
    this.sawScan = false;
    this.skipping = false;
    return true;
  }

  private readMarker(found: SplitImage[]): boolean {
    const { at, held } = this;
    if (at + 2 > this.length) return false;
    if (held[at] !== 0xff) return this.broken(this.trusted, found);
    const code = held[at + 1];
    if (code === 0xff) {
      // Any number of fill bytes may stand before a marker.
      this.at = at + 1;
      return true;
    }
    if (code === EOI) return this.complete(at + 2, found);
    if (!hasLength(code)) return this.broken(at, found);
    if (at + 4 > this.length) return false;
    const bytes = held.readUInt16BE(at + 2);
    if (bytes < 2) return this.broken(at, found);
    if (isFrameHeader(code)) {
      // A second frame header: the image broke off in a header, and the next one was read as its continuation.
      if (this.sawFrameHeader) return this.broken(SOI_BYTES, found);
      this.sawFrameHeader = true;
    }
    if (code === SOS) {
      if (bytes > LONGEST_SCAN_HEADER) return this.broken(at, found);
      this.sawScan = true;
      this.place = 'scan';
    }
    this.trusted = at + 2;
    this.at = at + 2 + bytes;
    return true;
  }

  private readScan(found: SplitImage[]): boolean {
    const bytes = this.held.subarray(0, this.length);
    let from = this.at;
    for (;;) {
      const mark = from < bytes.length ? bytes.indexOf(0xff, from) : -1;
      if (mark < 0 || mark + 1 >= bytes.length) {
        this.at = mark < 0 ? Math.max(from, bytes.length) : mark;
        return false;
      }
      const code = bytes[mark + 1];
      if (code === 0x00 || (code >= 0xd0 && code <= 0xd7)) {
        // A stuffed 0xFF or a restart marker: still the scan.
        from = mark + 2;
      } else if (code === 0xff) {
        from = mark + 1;
      } else if (code === EOI) {
        return this.complete(mark + 2, found);
      } else if (hasLength(code)) {
        this.at = mark;
        this.trusted = mark;
        this.place = 'marker';
        return true;
      } else {
        return this.broken(mark, found);
      }
    }
  }

  private complete(end: number, found: SplitImage[]): boolean {
    if (!this.skipping) {
      if (!this.sawFrameHeader || !this.sawScan) found.push({ kind: 'dropped', reason: 'corrupt' });
      else if (end > this.maxBytes) found.push({ kind: 'dropped', reason: 'oversized' });
      else found.push({ kind: 'image', data: new Uint8Array(this.held.subarray(0, end)) });
    }
    return this.lookAgainFrom(end);
  }

  private broken(from: number, found: SplitImage[]): boolean {
    if (!this.skipping) found.push({ kind: 'dropped', reason: 'corrupt' });
    return this.lookAgainFrom(from);
  }

  private lookAgainFrom(position: number): boolean {
    this.forget(Math.min(position, this.length));
    this.place = 'between';
    this.skipping = false;
    this.at = 0;
    return true;
  }

  /** Drops the first `count` bytes; positions move with them. */
  private forget(count: number): void {
    if (count === 0) return;
    this.held.copyWithin(0, count, this.length);
    this.length -= count;
    this.at -= count;
    this.trusted = Math.max(0, this.trusted - count);
  }
}
