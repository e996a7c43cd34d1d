/** A Huffman table of a JPEG, for decoding code by code (ITU-T T.81, F.2.2.3). */
export interface HuffmanTable {
  /** The first code of each length 1..16, the count of codes of that length, and where their symbols begin. */
  readonly first: Int32Array;
  readonly count: Uint8Array;
  readonly begin: Uint16Array;
  readonly symbols: Uint8Array;
}

const LENGTHS = 16;
/** Coefficients of a block. */
const COEFFICIENTS = 64;
const NO_CODE = -1;

/** Reads the tables of a DHT segment into `tables`, by class and number; false when it is not whole. */
export function readHuffmanTables(content: Uint8Array, tables: Map<number, HuffmanTable>): boolean {
  let at = 0;
  while (at < content.length) {
    const count = content.subarray(at + 1, at + 1 + LENGTHS);
    const total = count.reduce((sum, codes) => sum + codes, 0);
    const symbols = content.subarray(at + 1 + LENGTHS, at + 1 + LENGTHS + total);
    if (count.length < LENGTHS || symbols.length < total) return false;
    const first = new Int32Array(LENGTHS);
    const begin = new Uint16Array(LENGTHS);
    let code = 0;
    let place = 0;
    for (let length = 0; length < LENGTHS; length++) {
      first[length] = code;
      begin[length] = place;
      code = (code + count[length]) << 1;
      place += count[length];
    }
    tables.set(content[at], { first, count, begin, symbols });
    at += 1 + LENGTHS + total;
  }
  return true;
}

/** Passes over the entropy-coded data of a sequential scan, block by block, without keeping a value. */
export class ScanReader {
  private readonly bytes: Uint8Array;
  private at: number;
  private held = 0;
  private bits = 0;

  constructor(bytes: Uint8Array, from: number) {
    this.bytes = bytes;
    this.at = from;
  }

  /** Behind the last byte of which a bit was read. */
  get place(): number {
    return this.at;
  }

  /** False when the data ends before the block does, or is no code of the tables. */
  passBlock(dc: HuffmanTable, ac: HuffmanTable): boolean {
    const size = this.symbol(dc);
    if (size === NO_CODE || size > 15 || !this.skip(size)) return false;
    for (let coefficient = 1; coefficient < COEFFICIENTS; ) {
      const symbol = this.symbol(ac);
      if (symbol === NO_CODE) return false;
      const zeros = symbol >> 4;
      const length = symbol & 15;
      if (length === 0 && zeros !== 15) return true;
      coefficient += zeros + 1;
      if (coefficient > COEFFICIENTS || !this.skip(length)) return false;
    }
    return true;
  }

  private symbol({ first, count, begin, symbols }: HuffmanTable): number {
    let code = 0;
    for (let length = 0; length < LENGTHS; length++) {
      const bit = this.bit();
      if (bit === NO_CODE) return NO_CODE;
      code = (code << 1) | bit;
      const step = code - first[length];
      if (step < count[length]) return symbols[begin[length] + step];
    }
    return NO_CODE;
  }

  private skip(count: number): boolean {
    for (let left = count; left > 0; left--) if (this.bit() === NO_CODE) return false;
    return true;
  }

  private bit(): number {
    if (this.bits === 0) {
      const byte = this.bytes[this.at];
      if (byte === undefined) return NO_CODE;
      // 0xff00 is the data byte 0xff; with anything else behind it, it begins a marker.
      if (byte === 0xff && this.bytes[this.at + 1] !== 0) return NO_CODE;
      this.at += byte === 0xff ? 2 : 1;
      this.held = byte;
      this.bits = 8;
    }
    this.bits -= 1;
    return (this.held >> this.bits) & 1;
  }
}
