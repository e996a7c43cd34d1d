import { LIMITED_CHROMA_TO_FULL } from './chroma.ts';
import { LIMITED_TO_FULL, type Plane } from './luma.ts';
import { createPixelKernel, type PixelKernel } from './pixels/pixel-kernel.ts';

/** Weights have 11 bits, as OpenCV's; two of them and a grey level stay within 31 bits. */
const WEIGHT_ONE = 1 << 11;

interface Axis {
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** Weight of `second`, 0..2048. */
  readonly weight: Int32Array;
}

/** Which two source pixels make each target pixel, centres aligned: source = (target + 0.5) * from / to - 0.5. */
function axis(from: number, to: number): Axis {
  const first = new Int32Array(to);
  const second = new Int32Array(to);
  const weight = new Int32Array(to);
  for (let target = 0; target < to; target++) {
    const source = Math.max(0, ((target + 0.5) * from) / to - 0.5);
    const low = Math.min(Math.floor(source), from - 1);
    const high = Math.min(low + 1, from - 1);
    first[target] = low;
    second[target] = high;
    weight[target] = high === low ? 0 : Math.round((source - low) * WEIGHT_ONE);
  }
  return { first, second, weight };
}

/** What a plane's values are: limited range spreads either differently. */
type PlaneKind = 'luma' | 'chroma';

type Size = { readonly width: number; readonly height: number };

/** The region that takes the plane. */
const SOURCE = 6;

/** The kernel, made ready for planes of one size at a time. */
class Scaling {
  private readonly to: Size;
  private readonly kind: PlaneKind;
  private readonly columns: number;
  private kernel: PixelKernel | null = null;
  /** Values of a plane, and bytes of one of its rows, that the kernel has room for. */
  private holds = { values: 0, row: 0 };
  private key = '';

  constructor(to: Size, kind: PlaneKind) {
    this.to = to;
    this.kind = kind;
    this.columns = Math.ceil(to.width / 4) * 4;
  }

  /** Where `bytes` values side by side, full range, lie so that {@link run} need not bring them. */
  room(bytes: number): Uint8Array<ArrayBuffer> {
    const kernel = this.kernelWith(bytes, 0);
    const source = kernel.regions[SOURCE];
    return kernel.bytes(source, bytes);
  }

  run(plane: Plane, small: Uint8Array): void {
    const kernel = this.readyFor(plane);
    const [lefts, weights, rows, table, target, row, source] = kernel.regions;
    bring(plane, this.kind, kernel, { table, row, source });
    kernel.calls.resize(source, lefts, weights, rows, this.to.width, this.to.height, target);
    small.set(kernel.bytes(target, small.length));
  }

  private readyFor(plane: Plane): PixelKernel {
    const { width, height, step, range } = plane;
    const kernel = this.kernelWith(width * height, isPacked(plane) ? 0 : width * step);
    const key = `${width}x${height}/${step}/${range}`;
    if (this.key === key) return kernel;
    this.key = key;
    const [lefts, weights, rows, table] = kernel.regions;
    const across = axis(width, this.to.width);
    kernel.ints(lefts, this.columns).set(across.first);
    // Two weights of 16 bits at a time, the left one in the lower half.
    const pairs = across.weight.map((right) => (WEIGHT_ONE - right) | (right << 16));
    kernel.ints(weights, this.columns).set(pairs);
    const down = axis(height, this.to.height);
    const triples = kernel.ints(rows, this.to.height * 3);
    for (let y = 0; y < this.to.height; y++) {
      triples.set([down.first[y] * width, down.second[y] * width, down.weight[y]], y * 3);
    }
    const limited = this.kind === 'luma' ? LIMITED_TO_FULL : LIMITED_CHROMA_TO_FULL;
    kernel.bytes(table, 256).set(range === 'limited' ? limited : limited.map((_, value) => value));
    return kernel;
  }

  private kernelWith(values: number, row: number): PixelKernel {
    if (this.kernel && values <= this.holds.values && row <= this.holds.row) return this.kernel;
    this.holds = { values: Math.max(values, this.holds.values), row: Math.max(row, this.holds.row) };
    const { columns, to } = this;
    const tables = [columns * 4, columns * 4, to.height * 12, 256];
    this.kernel = createPixelKernel([...tables, to.width * to.height, this.holds.row, this.holds.values]);
    this.key = '';
    return this.kernel;
  }
}

/** Whether the plane's values lie side by side as they are wanted. */
function isPacked({ width, stride, step, range }: Plane): boolean {
  return step === 1 && stride === width && range === 'full';
}

/** Lays a plane's values into the kernel's memory, side by side and full range. */
function bring(
  plane: Plane,
  kind: PlaneKind,
  { calls, bytes }: PixelKernel,
  places: { readonly table: number; readonly row: number; readonly source: number },
): void {
  const { data, offset, stride, step, range, width, height } = plane;
  if (isPacked(plane)) {
    const there = bytes(places.source, width * height);
    const isThere = data.buffer === there.buffer && data.byteOffset + offset === there.byteOffset;
    if (!isThere) there.set(data.subarray(offset, offset + width * height));
    return;
  }
  const length = (width - 1) * step + 1;
  const row = bytes(places.row, length);
  for (let y = 0; y < height; y++) {
    const begin = offset + y * stride;
    row.set(data.subarray(begin, begin + length));
    const to = places.source + y * width;
    if (kind === 'luma' && step <= 2)
      calls.packLuma(places.row, step, width, range === 'limited' ? 1 : 0, to);
    else calls.pack(places.row, step, width, places.table, to);
  }
}

/** Brings planes of any size to one size; remembers the tables of the last one. */
export interface Resizer {
  /**
   * Memory for a plane of so many values, packed and full range: one that lies there when it is resized is not copied. Good
   * until the next call.
   */
  room(bytes: number): Uint8Array<ArrayBuffer>;
  /** @param small receives `[height, width]` uint8, full range */
  run(plane: Plane, small: Uint8Array): void;
}

/** Bilinear, pixel centres aligned, rounded to whole levels, as OpenCV's INTER_LINEAR. */
export function createResizer(size: Size, kind: PlaneKind): Resizer {
  const scaling = new Scaling(size, kind);
  return {
    room: (bytes) => scaling.room(bytes),
    run: (plane, small) => scaling.run(plane, small),
  };
}
