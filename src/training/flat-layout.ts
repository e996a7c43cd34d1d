import { elementCount, type ParameterShape } from './network.ts';

/** Named tensors one behind the other in one array of floats. */
export interface FlatLayout {
  /** Floats in all. */
  readonly length: number;
  readonly parts: readonly { readonly name: string; readonly start: number; readonly length: number }[];
}

/** Lays tensors of these shapes out in their order. */
export function flatLayout(shapes: readonly ParameterShape[]): FlatLayout {
  let start = 0;
  const parts = shapes.map(({ name, dims }) => {
    const part = { name, start, length: elementCount(dims) };
    start += part.length;
    return part;
  });
  return { length: start, parts };
}

/** The tensors in `floats` by name, as views. */
export function flatViews<Buffer extends ArrayBufferLike>(
  layout: FlatLayout,
  floats: Float32Array<Buffer>,
): Map<string, Float32Array<Buffer>> {
  return new Map(
    layout.parts.map(({ name, start, length }) => [name, floats.subarray(start, start + length)]),
  );
}
