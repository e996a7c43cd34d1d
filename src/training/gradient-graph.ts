import type { OutputKind } from '../domain/manifest.ts';
import { lowerConv, lowerDepthwise } from './conv-gradient.ts';
import {
  type Lowered,
  type LoweringContext,
  type MaskShape,
  plain,
  type Value,
} from './gradient-lowering.ts';
import { GRADIENT_NAMES } from './gradient-names.ts';
import { lowerBatchNorm } from './gradient-norm.ts';
import { lowerAveragePool, lowerGlobalPool, lowerMaxPool } from './gradient-pools.ts';
import { lowerDense, lowerDropout, lowerFlatten, lowerRelu } from './gradient-units.ts';
import { GraphBuilder } from './graph-builder.ts';
import { type Layer, type Network, type PlannedLayer, planNetwork } from './network.ts';
import { writeOnnxModel } from './onnx-file.ts';
import { BLOCKED_DOMAIN, RUNTIME_DOMAIN } from './runtime-domains.ts';

export interface GradientGraph {
  /** Bytes of an ONNX model that ONNX Runtime runs. */
  readonly model: Uint8Array<ArrayBuffer>;
  readonly masks: readonly MaskShape[];
}

/** `ScatterElements` adds up from here on. */
const OPSET = 16;

/**
 * The loss of `network` on `batch` images and its derivative by every parameter, as plain inference operators,
 * so that training needs no other library than the one that serves.
 * Softmax: L = −Σ w·y·log p. Sigmoids: L = Σ w·(log(1 + e^z) − y·z), which is binary cross-entropy by the logit z.
 * Throws `DATA_INVALID` where the layers do not fit.
 * @param block channels in a block of the runtime's own image layout (see `blockOfRuntime`); 1 does without it
 */
export function gradientGraph(network: Network, batch: number, block = 1): GradientGraph {
  const graph = new GraphBuilder();
  const planned = planNetwork({ ...network, layers: poolBeforeRelu(network.layers) });
  const context: LoweringContext = { graph, batch, block, masks: [] };
  const { channels, height, width } = network.input;
  let value = plain(graph.input(GRADIENT_NAMES.input, 'float32', [batch, channels, height, width]));
  for (const { parameters } of planned) {
    for (const { name, dims } of parameters) graph.input(name, 'float32', dims);
  }
  const waysBack = planned.map((layer, index) => {
    const after = index === planned.length - 1 ? GRADIENT_NAMES.logits : layer.name;
    const lowered = lower(context, layer, value, after);
    value = lowered.value;
    return lowered.wayBack;
  });
  let gradient: Value | null = plain(
    lossAndGradient(graph, network.output.kind, batch, network.output.units),
  );
  const firstTrained = planned.findIndex(({ parameters }) => parameters.length > 0);
  for (const [index, wayBack] of [...waysBack.entries()].reverse()) {
    if (index < firstTrained || !gradient) break;
    gradient = wayBack(gradient, index > firstTrained);
  }
  graph.output(GRADIENT_NAMES.loss, 'float32', []);
  graph.output(GRADIENT_NAMES.logits, 'float32', [batch, network.output.units]);
  for (const { parameters, statistics } of planned) {
    for (const { name, dims } of parameters) graph.output(GRADIENT_NAMES.gradient(name), 'float32', dims);
    for (const { name, dims } of statistics) graph.output(GRADIENT_NAMES.seen(name), 'float32', dims);
  }
  const model = writeOnnxModel(graph.build(`${network.name} gradients`), {
    opset: OPSET,
    domains: { [RUNTIME_DOMAIN]: 1, ...(block > 1 && { [BLOCKED_DOMAIN]: 1 }) },
  });
  return { model, masks: context.masks };
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

function lower(context: LoweringContext, planned: PlannedLayer, before: Value, after: string): Lowered {
  const { layer } = planned;
  switch (layer.kind) {
    case 'conv':
      return lowerConv(context, { ...planned, layer }, before, after);
    case 'depthwise':
      return lowerDepthwise(context, { ...planned, layer }, before, after);
    case 'batchNorm':
      return lowerBatchNorm(context, { ...planned, layer }, before, after);
    case 'relu':
      return lowerRelu(context, { ...planned, layer }, before, after);
    case 'maxPool':
      return lowerMaxPool(context, { ...planned, layer }, before, after);
    case 'averagePool':
      return lowerAveragePool(context, { ...planned, layer }, before, after);
    case 'globalPool':
      return lowerGlobalPool(context, { ...planned, layer }, before, after);
    case 'dropout':
      return lowerDropout(context, { ...planned, layer }, before, after);
    case 'flatten':
      return lowerFlatten(context, { ...planned, layer }, before, after);
    case 'dense':
      return lowerDense(context, { ...planned, layer }, before, after);
  }
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
