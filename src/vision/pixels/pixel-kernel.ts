import { readFileSync } from 'node:fs';

/** What `pixels.assembly.ts` offers; places and sizes are bytes in the kernel's memory. */
export interface PixelCalls {
  packLuma(from: number, step: number, count: number, limited: number, to: number): void;
  pack(from: number, step: number, count: number, table: number, to: number): void;
  resize(
    from: number,
    columns: number,
    weights: number,
    rows: number,
    width: number,
    height: number,
    to: number,
  ): void;
  moments(grey: number, count: number, into: number): void;
  look(grey: number, count: number, table: number, to: number): void;
  bends(grey: number, width: number, height: number): number;
  blocks(grey: number, width: number, height: number, grid: number, into: number): void;
  differences(grey: number, before: number, count: number): number;
}

/** What is used of WebAssembly: TypeScript describes it among the things of browsers only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (pages: {
    readonly initial: number;
    readonly maximum: number;
  }) => {
    readonly buffer: ArrayBuffer;
  };
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
};

/** The pixel loops with a memory of their own, for one thread. */
export interface PixelKernel {
  readonly calls: PixelCalls;
  /** Where each region of bytes that was asked for begins, in their order; multiples of 16. */
  readonly regions: readonly number[];
  /** A view of the kernel's memory; it stays good for as long as it is held. */
  bytes(at: number, length: number): Uint8Array<ArrayBuffer>;
  ints(at: number, length: number): Int32Array<ArrayBuffer>;
  floats(at: number, length: number): Float32Array<ArrayBuffer>;
  doubles(at: number, length: number): Float64Array<ArrayBuffer>;
}

/** The kernel's own constants lie below. */
const FIRST_REGION = 4096;
/** Loops read so many bytes behind a picture at most, and write fewer. */
const SPARE = 32;
const PAGE = 65_536;

const MODULE = new WebAssembly.Module(readFileSync(new URL('./pixels.wasm', import.meta.url)));

/**
 * The loops over pixels as WebAssembly with its vector instructions (four to eight times as fast as the compiler makes them
 * of JavaScript, and the same on x64 and arm64).
 * @param sizes of the regions wanted, bytes
 */
export function createPixelKernel(sizes: readonly number[]): PixelKernel {
  const regions: number[] = [];
  let end = FIRST_REGION;
  for (const size of sizes) {
    regions.push(end);
    end += Math.ceil((size + SPARE) / 16) * 16;
  }
  // Never grown: what lies in it is looked at through views, which growing would take away.
  const pages = Math.ceil(end / PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { exports } = new WebAssembly.Instance(MODULE, { env: { memory } });
  const { buffer } = memory;
  return {
    // The module's text and this interface are held together by their tests.
    calls: exports as PixelCalls,
    regions,
    bytes: (at, length) => new Uint8Array(buffer, at, length),
    ints: (at, length) => new Int32Array(buffer, at, length),
    floats: (at, length) => new Float32Array(buffer, at, length),
    doubles: (at, length) => new Float64Array(buffer, at, length),
  };
}
