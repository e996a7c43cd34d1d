import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
// For its side effect: it registers the gradients of the operators.
import '@tensorflow/tfjs-layers';
import type { TrainingBatch } from '../../src/training/gradient-runner.ts';
import { type Network, NORM_EPSILON, type PlannedLayer, planNetwork } from '../../src/training/network.ts';
import type { Parameters } from '../../src/training/parameters.ts';

/** What TensorFlow.js makes of the same network, parameters and batch; gradients in our layout. */
export interface OracleResult {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** Loss and gradients by automatic differentiation on TensorFlow.js' plain JavaScript backend. */
export async function tfjsGradients(
  network: Network,
  parameters: Parameters,
  batch: TrainingBatch,
): Promise<OracleResult> {
  await tf.setBackend('cpu');
  await tf.ready();
  const planned = planNetwork(network);
  const shapes = planned.flatMap((layer) => layer.parameters);
  const { channels, height, width } = network.input;
  const count = batch.targets.length / network.output.units;
  const input = tf.transpose(tf.tensor4d(batch.input, [count, channels, height, width]), [0, 2, 3, 1]);
  const targets = tf.tensor2d(batch.targets, [count, network.output.units]);
  const weights = tf.tensor2d(batch.weights, [count, network.output.units]);
  const values = shapes.map(({ name, dims }) => tf.tensor(parameters.get(name) ?? [], [...dims]));
  const lossOf = (...given: tf.Tensor[]): tf.Tensor => {
    const byName = new Map(shapes.map(({ name }, index) => [name, given[index]]));
    let value: tf.Tensor = input;
    for (const layer of planned)
      value = applyLayer(layer, value, (role) => byName.get(`${layer.name}.${role}`));
    return lossOfLogits(network.output.kind, value, targets, weights);
  };
  const { value, grads } = tf.valueAndGrads(lossOf)(values);
  const gradients = new Map(shapes.map(({ name }, index) => [name, grads[index].dataSync<'float32'>()]));
  const loss = value.dataSync<'float32'>()[0];
  tf.dispose([input, targets, weights, value, ...values, ...grads]);
  return { loss, gradients };
}

function lossOfLogits(kind: string, logits: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor): tf.Tensor {
  if (kind === 'softmax') return tf.neg(tf.sum(tf.mul(tf.mul(weights, targets), tf.logSoftmax(logits, -1))));
  const plain = tf.sub(tf.softplus(logits), tf.mul(targets, logits));
  return tf.sum(tf.mul(weights, plain));
}

function applyLayer(
  { layer, output }: PlannedLayer,
  value: tf.Tensor,
  parameter: (role: string) => tf.Tensor | undefined,
): tf.Tensor {
  const weight = parameter('weight');
  const bias = parameter('bias');
  const image = value as tf.Tensor4D;
  const withBias = (sum: tf.Tensor): tf.Tensor => (bias ? tf.add(sum, bias) : sum);
  const padded = (padding: number): tf.Tensor4D =>
    tf.pad(image, [
      [0, 0],
      [padding, padding],
      [padding, padding],
      [0, 0],
    ]);
  switch (layer.kind) {
    case 'conv': {
      const kernel = tf.transpose(weight as tf.Tensor4D, [2, 3, 1, 0]);
      return withBias(tf.conv2d(padded(layer.padding), kernel, layer.stride, 'valid'));
    }
    case 'depthwise': {
      const kernel = tf.transpose(weight as tf.Tensor4D, [2, 3, 0, 1]);
      return withBias(tf.depthwiseConv2d(padded(layer.padding), kernel, layer.stride, 'valid'));
    }
    case 'batchNorm': {
      const { mean, variance } = tf.moments(value, value.rank === 4 ? [0, 1, 2] : [0]);
      const normal = tf.div(tf.sub(value, mean), tf.sqrt(tf.add(variance, NORM_EPSILON)));
      return tf.add(tf.mul(normal, parameter('scale') as tf.Tensor), parameter('offset') as tf.Tensor);
    }
    case 'relu':
      return tf.relu(value);
    case 'maxPool':
      return tf.maxPool(image, layer.size, layer.stride, 'valid');
    case 'averagePool':
      return tf.avgPool(image, layer.size, layer.stride, 'valid');
    case 'globalPool':
      return tf.mean(image, [1, 2]);
    case 'dropout':
      return tf.div(value, 1 - layer.rate);
    case 'flatten':
      return tf.reshape(value.rank === 4 ? tf.transpose(value, [0, 3, 1, 2]) : value, [-1, output[0]]);
    case 'dense':
      return withBias(tf.matMul(value as tf.Tensor2D, weight as tf.Tensor2D, false, true));
  }
}
