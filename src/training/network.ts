import type { OutputKind } from '../domain/manifest.ts';
import { SpectaError } from '../platform/errors.ts';

/** One layer. Images are laid out channels, height, width; `flatten` keeps that order. */
export type Layer =
  | {
      readonly kind: 'conv';
      readonly filters: number;
      /** Side of the square kernel, pixels. */
      readonly kernel: number;
      readonly stride: number;
      /** Zeros added on every side, pixels. */
      readonly padding: number;
      /** Absent = true. A batch normalisation behind makes it useless. */
      readonly bias?: boolean;
    }
  /** A convolution of each channel by a kernel of its own. */
  | {
      readonly kind: 'depthwise';
      readonly kernel: number;
      readonly stride: number;
      readonly padding: number;
      readonly bias?: boolean;
    }
  /**
   * Each channel to mean 0 and variance 1 over the pictures that are trained on together, then scaled and offset.
   * Directly behind a convolution or dense layer, into which it is folded when the network is exported.
   */
  | { readonly kind: 'batchNorm' }
  | { readonly kind: 'relu' }
  | { readonly kind: 'maxPool'; readonly size: number; readonly stride: number }
  | { readonly kind: 'averagePool'; readonly size: number; readonly stride: number }
  /** The mean of each channel; gives a vector. */
  | { readonly kind: 'globalPool' }
  /** While training, this share of values is zeroed and the rest scaled up by 1 / (1 − rate). */
  | { readonly kind: 'dropout'; readonly rate: number }
  | { readonly kind: 'flatten' }
  | { readonly kind: 'dense'; readonly units: number; readonly bias?: boolean };

/** A network as data; everything else (inference graph, gradient graph) is derived from it. */
export interface Network {
  readonly name: string;
  readonly input: { readonly channels: number; readonly height: number; readonly width: number };
  /** The last one gives the logits. */
  readonly layers: readonly Layer[];
  readonly output: { readonly kind: OutputKind; readonly units: number };
}

/** `[channels, height, width]` of an image, or `[length]` of a vector; without the batch. */
export type Shape = readonly [number, number, number] | readonly [number];

/** One tensor that training changes. */
export interface ParameterShape {
  /**
   * `conv1.weight` [filters, channels, kernel, kernel], `depthwise1.weight` [channels, 1, kernel, kernel],
   * `dense1.weight` [units, inputs], `….bias` [units], `batchNorm1.scale` and `batchNorm1.offset` [channels].
   */
  readonly name: string;
  readonly dims: readonly number[];
  /** Values that one output value is summed over, and output values that one input value feeds; 0 for what is none of a sum. */
  readonly fanIn: number;
  readonly fanOut: number;
}

/** A layer with what it does to shapes. */
export interface PlannedLayer {
  /** Kind and count, e.g. `conv2`. */
  readonly name: string;
  readonly layer: Layer;
  readonly input: Shape;
  readonly output: Shape;
  readonly parameters: readonly ParameterShape[];
  /** Averages that training gathers and export folds away: `batchNorm1.mean`, `batchNorm1.variance`. */
  readonly statistics: readonly ParameterShape[];
}

/** Added to a batch normalisation's variance before its root is taken. */
export const NORM_EPSILON = 1e-3;

/** Number of values in a tensor with these sides. */
export function elementCount(dims: readonly number[]): number {
  return dims.reduce((product, side) => product * side, 1);
}

/**
 * Output side of a sliding window: (side − window + 2·padding) / stride + 1, rounded down.
 * The usual layer arithmetic of convolution and pooling; all in pixels.
 */
export function windowOutput(side: number, window: number, stride: number, padding: number): number {
  return Math.floor((side - window + 2 * padding) / stride) + 1;
}

/**
 * Shapes, names and parameters of every layer, in order.
 * Throws `DATA_INVALID` where a layer does not fit what comes before it or the output does not fit the last layer.
 */
export function planNetwork(network: Network): readonly PlannedLayer[] {
  const counts = new Map<Layer['kind'], number>();
  const planned: PlannedLayer[] = [];
  let shape: Shape = [network.input.channels, network.input.height, network.input.width];
  for (const layer of network.layers) {
    const count = (counts.get(layer.kind) ?? 0) + 1;
    counts.set(layer.kind, count);
    const name = `${layer.kind}${count}`;
    if (layer.kind === 'batchNorm') checkNormPlace(name, planned.at(-1)?.layer);
    const { output, parameters = [], statistics = [] } = planLayer(layer, name, shape);
    planned.push({ name, layer, input: shape, output, parameters, statistics });
    shape = output;
  }
  const last = planned.at(-1)?.layer;
  if (last?.kind !== 'dense' || last.units !== network.output.units) {
    throw misfit(
      network.name,
      `ends with ${last?.kind ?? 'nothing'} [${shape.join(', ')}] where its output wants [${network.output.units}]`,
      'End the network with a dense layer of as many units as the output has.',
    );
  }
  return planned;
}

/** All parameters of the network in the order of its layers. */
export function networkParameters(network: Network): readonly ParameterShape[] {
  return planNetwork(network).flatMap((layer) => layer.parameters);
}

/** All averages that training gathers beside the parameters. */
export function networkStatistics(network: Network): readonly ParameterShape[] {
  return planNetwork(network).flatMap((layer) => layer.statistics);
}

/** Number of trained values in the network. */
export function parameterCount(network: Network): number {
  return networkParameters(network).reduce((sum, parameter) => sum + elementCount(parameter.dims), 0);
}

interface LayerPlan {
  readonly output: Shape;
  readonly parameters?: readonly ParameterShape[];
  readonly statistics?: readonly ParameterShape[];
}

function planLayer(layer: Layer, name: string, input: Shape): LayerPlan {
  switch (layer.kind) {
    case 'conv':
    case 'depthwise': {
      const [channels, height, width] = imageShape(name, input);
      const filters = layer.kind === 'conv' ? layer.filters : channels;
      const seen = layer.kind === 'conv' ? channels : 1;
      const side = (length: number): number =>
        windowSide(name, length, layer.kernel, layer.stride, layer.padding);
      const area = layer.kernel * layer.kernel;
      const weight = {
        name: `${name}.weight`,
        dims: [filters, seen, layer.kernel, layer.kernel],
        fanIn: seen * area,
        fanOut: (layer.kind === 'conv' ? filters : 1) * area,
      };
      return {
        output: [filters, side(height), side(width)],
        parameters: [weight, ...biasOf(layer, name, filters)],
      };
    }
    case 'batchNorm': {
      const dims = [input[0]];
      const values = (role: string): ParameterShape => ({
        name: `${name}.${role}`,
        dims,
        fanIn: 0,
        fanOut: 0,
      });
      return {
        output: input,
        parameters: [values('scale'), values('offset')],
        statistics: [values('mean'), values('variance')],
      };
    }
    case 'maxPool':
    case 'averagePool': {
      const [channels, height, width] = imageShape(name, input);
      const side = (length: number): number => windowSide(name, length, layer.size, layer.stride, 0);
      return { output: [channels, side(height), side(width)] };
    }
    case 'globalPool':
      return { output: [imageShape(name, input)[0]] };
    case 'dense': {
      if (input.length !== 1) {
        throw misfit(name, `follows [${input.join(', ')}]`, 'Put a flatten layer before a dense one.');
      }
      const weight = {
        name: `${name}.weight`,
        dims: [layer.units, input[0]],
        fanIn: input[0],
        fanOut: layer.units,
      };
      return { output: [layer.units], parameters: [weight, ...biasOf(layer, name, layer.units)] };
    }
    case 'dropout':
      if (!(layer.rate >= 0 && layer.rate < 1)) {
        throw misfit(name, `has rate ${layer.rate}`, 'Give a rate of at least 0 and below 1.');
      }
      return { output: input };
    case 'flatten':
      return { output: [elementCount(input)] };
    case 'relu':
      return { output: input };
  }
}

function biasOf(layer: { readonly bias?: boolean }, name: string, length: number): ParameterShape[] {
  return layer.bias === false ? [] : [{ name: `${name}.bias`, dims: [length], fanIn: 0, fanOut: 0 }];
}

function checkNormPlace(name: string, before: Layer | undefined): void {
  if (before?.kind === 'conv' || before?.kind === 'depthwise' || before?.kind === 'dense') return;
  throw misfit(
    name,
    `follows ${before?.kind ?? 'the input'}`,
    'Put it directly behind a convolution or dense layer, into which export can fold it.',
  );
}

function imageShape(name: string, input: Shape): readonly [number, number, number] {
  if (input.length === 3) return input;
  throw misfit(name, `follows [${input.join(', ')}]`, 'Convolution and pooling need an image before them.');
}

function windowSide(name: string, side: number, window: number, stride: number, padding: number): number {
  const output = windowOutput(side, window, stride, padding);
  if (output >= 1 && window >= 1 && stride >= 1 && padding >= 0) return output;
  throw misfit(
    name,
    `slides a window of ${window} by ${stride} with padding ${padding} over ${side} pixels`,
    'Give whole sizes of at least 1 and an image at least as large as the window.',
  );
}

function misfit(name: string, what: string, help: string): SpectaError {
  return new SpectaError('DATA_INVALID', `network: ${name} ${what}`, help);
}
