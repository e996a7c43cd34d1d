import type { OutputKind } from '../domain/manifest.ts';
import { SpectaError } from '../platform/errors.ts';
import {
  convAttributes,
  convInputGradient,
  convParameterGradients,
  RUNTIME_DOMAIN,
} from './conv-gradient.ts';
import { GRADIENT_NAMES } from './gradient-names.ts';
import { GraphBuilder } from './graph-builder.ts';
import { elementCount, type Layer, type Network, type PlannedLayer, planNetwork } from './network.ts';
import { elementTypeNumber, writeOnnxModel } from './onnx-file.ts';

/** A dropout layer that wants a fresh mask at every run. */
export interface MaskShape {
  readonly input: string;
  /** With the batch. */
  readonly dims: readonly number[];
  readonly rate: number;
}

export interface GradientGraph {
  /** Bytes of an ONNX model that ONNX Runtime runs. */
  readonly model: Uint8Array<ArrayBuffer>;
  readonly masks: readonly MaskShape[];
}

/** What the way forward leaves for the way back through one layer. */
interface Passed {
  readonly planned: PlannedLayer;
  /** Name of the layer's input and output values. */
  readonly before: string;
  readonly after: string;
  /** Pooling: positions of the maxima. Dropout: the scaled mask. */
  readonly kept: string;
}

/**
 * The loss of `network` on `batch` images and its derivative by every parameter, as plain inference operators,
 * so that training needs no other library than the one that serves.
 * Softmax: L = −Σ w·y·log p. Sigmoids: L = Σ w·(log(1 + e^z) − y·z), which is binary cross-entropy by the logit z.
 * Throws `DATA_INVALID` for overlapping pooling windows, whose way back the operators do not offer.
 */
export function gradientGraph(network: Network, batch: number): GradientGraph {
  const graph = new GraphBuilder();
  const planned = planNetwork({ ...network, layers: poolBeforeRelu(network.layers) });
  const masks: MaskShape[] = [];
  const { channels, height, width } = network.input;
  let value = graph.input(GRADIENT_NAMES.input, 'float32', [batch, channels, height, width]);
  for (const { parameters } of planned) {
    for (const { name, dims } of parameters) graph.input(name, 'float32', dims);
  }
  const passed: Passed[] = planned.map((layer, index) => {
    const after = index === planned.length - 1 ? GRADIENT_NAMES.logits : layer.name;
    const step = forward(graph, layer, value, after, batch, masks);
    value = step.after;
    return step;
  });
  let gradient = lossAndGradient(graph, network.output.kind, batch, network.output.units);
  for (const [index, step] of [...passed.entries()].reverse()) {
    gradient = backward(graph, step, gradient, batch, index > 0);
  }
  graph.output(GRADIENT_NAMES.loss, 'float32', []);
  graph.output(GRADIENT_NAMES.logits, 'float32', [batch, network.output.units]);
  for (const { parameters } of planned) {
    for (const { name, dims } of parameters) graph.output(GRADIENT_NAMES.gradient(name), 'float32', dims);
  }
  const model = writeOnnxModel(graph.build(`${network.name} gradients`), {
    domains: { [RUNTIME_DOMAIN]: 1 },
  });
  return { model, masks };
}

/** ReLU and max pooling commute; behind the pool, ReLU touches a quarter of the values. */
function poolBeforeRelu(layers: readonly Layer[]): readonly Layer[] {
  const order = [...layers];
  for (let i = 0; i + 1 < order.length; i++) {
    const [first, second] = [order[i], order[i + 1]];
    if (first?.kind === 'relu' && second?.kind === 'maxPool') order.splice(i, 2, second, first);
  }
  return order;
}

function forward(
  graph: GraphBuilder,
  planned: PlannedLayer,
  before: string,
  after: string,
  batch: number,
  masks: MaskShape[],
): Passed {
  const { layer, name, input } = planned;
  const parameters = planned.parameters.map((parameter) => parameter.name);
  let kept = '';
  switch (layer.kind) {
    case 'conv':
      graph.node('Conv', [before, ...parameters], after, convAttributes(layer));
      break;
    case 'relu':
      graph.node('Relu', [before], after);
      break;
    case 'maxPool':
      if (layer.stride < layer.size) {
        throw new SpectaError(
          'DATA_INVALID',
          `network: ${name} pools windows of ${layer.size} that overlap by stride ${layer.stride}`,
          'Give a stride at least as large as the window to train it.',
        );
      }
      kept = `${name}.positions`;
      graph.node('MaxPool', [before], [after, kept], poolAttributes(layer));
      break;
    case 'dropout': {
      const mask = { input: GRADIENT_NAMES.mask(name), dims: [batch, ...input], rate: layer.rate };
      masks.push(mask);
      graph.input(mask.input, 'uint8', mask.dims);
      const scale = graph.floats(`${name}.scale`, [1], Float32Array.of(1 / (1 - layer.rate)));
      const floats = graph.node('Cast', [mask.input], `${name}.mask.float`, {
        to: elementTypeNumber('float32'),
      });
      kept = graph.node('Mul', [floats, scale], `${name}.mask.scaled`);
      graph.node('Mul', [before, kept], after);
      break;
    }
    case 'flatten':
      graph.node('Reshape', [before, graph.integers([batch, elementCount(input)])], after);
      break;
    case 'dense':
      graph.node('Gemm', [before, ...parameters], after, { transB: 1 });
      break;
  }
  return { planned, before, after, kept };
}

/** Adds the loss; returns the name of its derivative by the logits. */
function lossAndGradient(graph: GraphBuilder, kind: OutputKind, batch: number, units: number): string {
  const { logits } = GRADIENT_NAMES;
  const targets = graph.input(GRADIENT_NAMES.targets, 'float32', [batch, units]);
  const weights = graph.input(GRADIENT_NAMES.weights, 'float32', [batch, units]);
  if (kind === 'softmax') {
    const weighted = graph.node('Mul', [weights, targets], 'loss.weighted');
    const logs = graph.node('LogSoftmax', [logits], 'loss.logs', { axis: 1 });
    const terms = graph.node('Mul', [weighted, logs], 'loss.terms');
    const sum = graph.node('ReduceSum', [terms], 'loss.sum', { keepdims: 0 });
    graph.node('Neg', [sum], GRADIENT_NAMES.loss);
    const probabilities = graph.node('Exp', [logs], 'loss.probabilities');
    const total = graph.node('ReduceSum', [weighted, graph.integers([1])], 'loss.total', { keepdims: 1 });
    const scaled = graph.node('Mul', [probabilities, total], 'loss.scaled');
    return graph.node('Sub', [scaled, weighted], 'logits.gradient');
  }
  const softplus = graph.node('Softplus', [logits], 'loss.softplus');
  const matched = graph.node('Mul', [targets, logits], 'loss.matched');
  const plain = graph.node('Sub', [softplus, matched], 'loss.plain');
  const terms = graph.node('Mul', [weights, plain], 'loss.terms');
  graph.node('ReduceSum', [terms], GRADIENT_NAMES.loss, { keepdims: 0 });
  const probabilities = graph.node('Sigmoid', [logits], 'loss.probabilities');
  const difference = graph.node('Sub', [probabilities, targets], 'loss.difference');
  return graph.node('Mul', [weights, difference], 'logits.gradient');
}

/** Adds the derivatives by the layer's parameters and, where `wanted`, by its input, whose name is returned. */
function backward(
  graph: GraphBuilder,
  step: Passed,
  gradient: string,
  batch: number,
  wanted: boolean,
): string {
  const { planned, before, after, kept } = step;
  const { layer, name, input } = planned;
  const [weight] = planned.parameters;
  const out = `${name}.back`;
  switch (layer.kind) {
    case 'conv':
      convParameterGradients(graph, planned, before, gradient, batch);
      return wanted ? convInputGradient(graph, planned, gradient, out) : '';
    case 'relu': {
      // The output is never negative, so its sign is 1 exactly where the value passed.
      const passing = graph.node('Sign', [after], `${name}.passing`);
      return graph.node('Mul', [gradient, passing], out);
    }
    case 'maxPool':
      return graph.node(
        'MaxUnpool',
        [gradient, kept, graph.integers([batch, ...input])],
        out,
        poolAttributes(layer),
      );
    case 'dropout':
      return graph.node('Mul', [gradient, kept], out);
    case 'flatten':
      return graph.node('Reshape', [gradient, graph.integers([batch, ...input])], out);
    case 'dense':
      graph.node('Gemm', [gradient, before], GRADIENT_NAMES.gradient(`${name}.weight`), { transA: 1 });
      graph.node('ReduceSum', [gradient, graph.integers([0])], GRADIENT_NAMES.gradient(`${name}.bias`), {
        keepdims: 0,
      });
      return wanted && weight ? graph.node('MatMul', [gradient, weight.name], out) : '';
  }
}

function poolAttributes(layer: Extract<Layer, { kind: 'maxPool' }>): Record<string, readonly number[]> {
  return { kernel_shape: [layer.size, layer.size], strides: [layer.stride, layer.stride] };
}
