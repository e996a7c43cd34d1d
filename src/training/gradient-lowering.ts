import type { GraphBuilder } from './graph-builder.ts';
import type { PlannedLayer } from './network.ts';

/** A dropout layer that wants a fresh mask at every run. */
export interface MaskShape {
  readonly input: string;
  /** With the batch. */
  readonly dims: readonly number[];
  readonly rate: number;
}

/** What the lowering of one layer builds on. */
export interface LoweringContext {
  readonly graph: GraphBuilder;
  /** Images at once. */
  readonly batch: number;
  /** Channels side by side in memory in the runtime's blocked layout; 1 where it has none. */
  readonly block: number;
  /** Gathers the masks that the graph wants. */
  readonly masks: MaskShape[];
}

/** A value of the graph: an image of a planned shape in the plain or the runtime's blocked layout, or a vector (plain). */
export interface Value {
  readonly name: string;
  readonly blocked: boolean;
}

/**
 * Adds the way back through a layer: the derivatives by its parameters under their own names and, where `wanted`, the
 * derivative by its input, which is returned.
 * @param gradient the loss's derivative by the layer's output
 */
export type WayBack = (gradient: Value, wanted: boolean) => Value | null;

/** A layer that was added, and how to go back through it. */
export interface Lowered {
  readonly value: Value;
  readonly wayBack: WayBack;
}

/** Adds a layer from the value `before` to a value called `after`. */
export type Lower<Kind extends PlannedLayer['layer']['kind']> = (
  context: LoweringContext,
  planned: PlannedLayer & { readonly layer: { readonly kind: Kind } },
  before: Value,
  after: string,
) => Lowered;

/** A value in the plain layout. */
export function plain(name: string): Value {
  return { name, blocked: false };
}

/** A value in the blocked layout. */
export function blocked(name: string): Value {
  return { name, blocked: true };
}

/** Channels, height and width; a vector counts as an image of one pixel. */
export function imageSides(shape: PlannedLayer['input']): readonly [number, number, number] {
  return shape.length === 3 ? shape : [shape[0], 1, 1];
}
