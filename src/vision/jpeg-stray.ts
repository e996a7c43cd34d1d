import jpegTurbo from '@julusian/jpeg-turbo';
import { type HuffmanTable, readHuffmanTables, ScanReader } from './jpeg-scan.ts';

/** So many bytes of any kind behind the data of a scan are still a camera's slip; more are another picture's data. */
const MOST_STRAY_BYTES = 64;

/** Data that ends in so many bytes of the padding's kind is padding itself. */
const FILLING_BYTES = 4;

const RESTART_FIRST = 0xd0;
const RESTART_LAST = 0xd7;

interface Component {
  readonly id: number;
  readonly across: number;
  readonly down: number;
}

interface FrameHeader {
  readonly width: number;
  readonly height: number;
  readonly components: readonly Component[];
}

/** What the segments so far have said. */
interface Known {
  frame: FrameHeader | null;
  /** MCUs between two restart markers; 0: there are none. */
  interval: number;
  /** By class and number: DC 0x00.., AC 0x10... */
  readonly tables: Map<number, HuffmanTable>;
}

/**
 * A sequential JPEG without the bytes that belong to nothing: between two segments, and between the end of a scan's
 * data and the marker behind it, where some cameras leave padding. Only a picture whose data is whole to the last block
 * is given back; null when a block is missing or no code of the table, when what is left over is too much to be padding,
 * and for progressive pictures. It walks every code of the data, which takes some milliseconds: for when a decoder has
 * already complained. ITU-T T.81, annexes B and F.
 */
export function withoutStrayBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const known: Known = { frame: null, interval: 0, tables: standardTables() };
  const kept: Uint8Array[] = [bytes.subarray(0, 2)];
  let at = 2;
  for (;;) {
    while (at < bytes.length && bytes[at] !== 0xff) at++;
    while (bytes[at + 1] === 0xff) at++;
    const marker = bytes[at + 1];
    if (marker === undefined) return null;
    if (marker === 0xd9) {
      kept.push(bytes.subarray(at, at + 2));
      return new Uint8Array(Buffer.concat(kept));
    }
    const end = at + 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
    // NaN where the length itself is cut off.
    if (!(end <= bytes.length) || end < at + 4) return null;
    const content = bytes.subarray(at + 4, end);
    kept.push(bytes.subarray(at, end));
    at = end;
    if (!read(marker, content, known)) return null;
    if (marker !== 0xda) continue;
    const behind = keepScan(bytes, at, content, known, kept);
    if (behind === null) return null;
    at = behind;
  }
}

/** Takes what a segment says; false for what is not understood here. */
function read(marker: number, content: Uint8Array, known: Known): boolean {
  if (marker === 0xc0 || marker === 0xc1) {
    known.frame = frameHeader(content);
    return known.frame !== null;
  }
  if (marker === 0xc4) return readHuffmanTables(content, known.tables);
  if (marker === 0xdd) known.interval = (content[0] << 8) | content[1];
  // Other kinds of frame than the sequential are coded in other ways.
  return !(marker > 0xc1 && marker <= 0xcf);
}

function frameHeader(content: Uint8Array): FrameHeader | null {
  const count = content[5];
  if (count === undefined || count === 0 || content.length < 6 + 3 * count) return null;
  const components = Array.from({ length: count }, (_, index) => {
    const place = 6 + 3 * index;
    return { id: content[place], across: content[place + 1] >> 4, down: content[place + 1] & 15 };
  });
  const isPossible = components.every(
    ({ across, down }) => across >= 1 && across <= 4 && down >= 1 && down <= 4,
  );
  const height = (content[1] << 8) | content[2];
  const width = (content[3] << 8) | content[4];
  return isPossible && width > 0 && height > 0 ? { width, height, components } : null;
}

/**
 * Keeps the data of the scan that begins at `at`, without what is left over; gives the place of the marker behind it, or
 * null when it is not whole.
 */
function keepScan(
  bytes: Uint8Array,
  at: number,
  header: Uint8Array,
  { frame, interval, tables }: Known,
  kept: Uint8Array[],
): number | null {
  const blocks = frame && blocksOf(frame, header, tables);
  if (blocks === null) return null;
  let place = at;
  for (let left = blocks.units; left > 0; ) {
    const reader = new ScanReader(bytes, place);
    const units = interval === 0 ? left : Math.min(interval, left);
    for (let unit = 0; unit < units; unit++) {
      for (const { dc, ac } of blocks.ofUnit) if (!reader.passBlock(dc, ac)) return null;
    }
    left -= units;
    kept.push(bytes.subarray(place, reader.place));
    const marker = nextMarker(bytes, reader.place);
    if (marker === null || !isPadding(bytes, reader.place, marker)) return null;
    place = marker;
    if (left === 0) break;
    if (bytes[marker + 1] < RESTART_FIRST || bytes[marker + 1] > RESTART_LAST) return null;
    kept.push(bytes.subarray(marker, marker + 2));
    place = marker + 2;
  }
  return place;
}

interface Blocks {
  /** MCUs of the scan. */
  readonly units: number;
  /** The tables for each block of an MCU, in order. */
  readonly ofUnit: readonly { readonly dc: HuffmanTable; readonly ac: HuffmanTable }[];
}

function blocksOf(
  { width, height, components }: FrameHeader,
  header: Uint8Array,
  tables: ReadonlyMap<number, HuffmanTable>,
): Blocks | null {
  const across = Math.max(...components.map((component) => component.across));
  const down = Math.max(...components.map((component) => component.down));
  const count = header[0] ?? 0;
  const ofUnit: { dc: HuffmanTable; ac: HuffmanTable }[] = [];
  let units = Math.ceil(width / (8 * across)) * Math.ceil(height / (8 * down));
  for (let index = 0; index < count; index++) {
    const component = components.find(({ id }) => id === header[1 + 2 * index]);
    const chosen = header[2 + 2 * index] ?? 0;
    const dc = tables.get(chosen >> 4);
    const ac = tables.get(0x10 | (chosen & 15));
    if (component === undefined || dc === undefined || ac === undefined) return null;
    // Alone in its scan, a component has no blocks beyond its own edge.
    const own = count === 1 ? 1 : component.across * component.down;
    if (count === 1) {
      const wide = Math.ceil((width * component.across) / across / 8);
      units = wide * Math.ceil((height * component.down) / down / 8);
    }
    for (let block = 0; block < own; block++) ofUnit.push({ dc, ac });
  }
  return ofUnit.length === 0 ? null : { units, ofUnit };
}

/** The next marker that is no stuffed byte and no filling; null when there is none. */
function nextMarker(bytes: Uint8Array, from: number): number | null {
  for (let at = from; at + 1 < bytes.length; at++) {
    if (bytes[at] === 0xff && bytes[at + 1] !== 0 && bytes[at + 1] !== 0xff) return at;
  }
  return null;
}

/**
 * Whether the bytes from `from` to `to` are nothing but padding: few, or only zeros. Zeros are codes, too: where the data
 * itself ends in them, they have filled the place of data that is missing.
 */
function isPadding(bytes: Uint8Array, from: number, to: number): boolean {
  const stray = bytes.subarray(from, to);
  if (stray.length > MOST_STRAY_BYTES && stray.some((byte) => byte !== 0)) return false;
  return stray.length === 0 || bytes.subarray(from - FILLING_BYTES, from).some((byte) => byte !== stray[0]);
}

/** The tables of T.81's annex K, which cameras leave out: taken from a picture that the encoder made with them. */
function standardTables(): Map<number, HuffmanTable> {
  const side = 8;
  const grey = Buffer.alloc(3 * side * side);
  const options = {
    format: jpegTurbo.FORMAT_RGB,
    subsampling: jpegTurbo.SAMP_444,
    width: side,
    height: side,
  };
  const bytes = jpegTurbo.compressSync(grey, { ...options, quality: 90 });
  const tables = new Map<number, HuffmanTable>();
  for (let at = 2; bytes[at + 1] !== 0xda; at += 2 + bytes.readUInt16BE(at + 2)) {
    if (bytes[at + 1] === 0xc4)
      readHuffmanTables(bytes.subarray(at + 4, at + 2 + bytes.readUInt16BE(at + 2)), tables);
  }
  return tables;
}
