import type { Tensor } from '@tensorflow/tfjs-core';
import type { Sequential } from '@tensorflow/tfjs-layers';
import { elementCount, type Network, NORM_EPSILON, type PlannedLayer, planNetwork } from './network.ts';
import { type Parameters, parameterValues } from './parameters.ts';
import type { TrainingTensorFlow } from './tfjs-training-runtime.ts';

type LayerOf = Sequential['layers'][number];

/** A network as a TensorFlow.js model that can be trained; input `[pictures, height, width, channels]`, output the logits. */
export interface TfjsNetwork {
  readonly model: Sequential;
  /** Its parameters and statistics now, in the layout of SPECTA's own graphs. */
  parameters(): Parameters;
  dispose(): void;
}

/** How a weight of TensorFlow.js becomes one of ours: its axes in the order of ours. */
interface Role {
  readonly name: string;
  /** Sides of our layout. */
  readonly dims: readonly number[];
  /** Place in ours of each axis of theirs. */
  readonly axes: readonly number[];
}

/**
 * The network with batch normalisation and dropout in it.
 * @param trainable names of the parameters that `fit` may change; all where absent. A layer is trained whole or not.
 */
export function tfjsNetwork(
  tf: TrainingTensorFlow,
  network: Network,
  parameters: Parameters,
  trainable?: ReadonlySet<string>,
): TfjsNetwork {
  const { channels, height, width } = network.input;
  const model = tf.sequential({ name: 'network' });
  model.add(tf.layers.inputLayer({ inputShape: [height, width, channels] }));
  const weighted: { layer: LayerOf; roles: readonly Role[] }[] = [];
  for (const planned of planNetwork(network)) {
    const made = layersOf(tf, planned);
    for (const layer of made) model.add(layer);
    const roles = rolesOf(planned);
    const last = made.at(-1);
    if (roles.length === 0 || last === undefined) continue;
    last.trainable = planned.parameters.some(({ name }) => trainable?.has(name) ?? true);
    last.setWeights(roles.map((role) => theirs(tf, role, parameterValues(parameters, role.name))));
    weighted.push({ layer: last, roles });
  }
  return {
    model,
    parameters: () =>
      new Map(
        weighted.flatMap(({ layer, roles }) => {
          // Not the model's list of weights, which has the frozen ones behind the others.
          const weights = layer.getWeights();
          return roles.map((role, index) => [role.name, ours(tf, role, weights[index])] as const);
        }),
      ),
    dispose: () => {
      model.dispose();
    },
  };
}

function layersOf(tf: TrainingTensorFlow, { name, layer, input }: PlannedLayer): LayerOf[] {
  const { layers } = tf;
  switch (layer.kind) {
    case 'conv':
    case 'depthwise': {
      const { kernel: kernelSize, stride: strides, padding, bias: useBias = true } = layer;
      const window = { name, kernelSize, strides, padding: 'valid' as const, useBias };
      const pad = padding > 0 ? [layers.zeroPadding2d({ padding })] : [];
      return layer.kind === 'conv'
        ? [...pad, layers.conv2d({ ...window, filters: layer.filters })]
        : [...pad, layers.depthwiseConv2d({ ...window, depthMultiplier: 1 })];
    }
    case 'batchNorm':
      return [layers.batchNormalization({ name, epsilon: NORM_EPSILON, momentum: 0.95 })];
    case 'relu':
      return [layers.reLU({ name })];
    case 'maxPool':
      return [layers.maxPooling2d({ name, poolSize: layer.size, strides: layer.stride })];
    case 'averagePool':
      return [layers.averagePooling2d({ name, poolSize: layer.size, strides: layer.stride })];
    case 'globalPool':
      return [layers.globalAveragePooling2d({ name })];
    case 'dropout':
      return [layers.dropout({ name, rate: layer.rate })];
    case 'flatten':
      // Channel by channel, as ours: then a dense layer behind it has its weights in one order.
      return input.length === 3
        ? [layers.permute({ dims: [3, 1, 2] }), layers.flatten({ name })]
        : [layers.flatten({ name })];
    case 'dense':
      return [layers.dense({ name, units: layer.units, useBias: layer.bias ?? true })];
  }
}

/** The layer's weights in TensorFlow.js' order. */
function rolesOf({ layer, parameters, statistics }: PlannedLayer): Role[] {
  const axes = { conv: [2, 3, 1, 0], depthwise: [2, 3, 0, 1], dense: [1, 0] } as const;
  return [...parameters, ...statistics].map(({ name, dims }) => {
    const turns =
      name.endsWith('.weight') &&
      (layer.kind === 'conv' || layer.kind === 'depthwise' || layer.kind === 'dense');
    return { name, dims, axes: turns ? axes[layer.kind] : dims.map((_, axis) => axis) };
  });
}

function theirs(tf: TrainingTensorFlow, { dims, axes }: Role, values: Float32Array): Tensor {
  return tf.tidy(() => tf.transpose(tf.tensor(values, [...dims]), [...axes]));
}

function ours(tf: TrainingTensorFlow, { dims, axes }: Role, weight: Tensor): Float32Array<ArrayBuffer> {
  const back = dims.map((_, axis) => axes.indexOf(axis));
  return tf.tidy(() => {
    const values = tf.transpose(weight, back).dataSync<'float32'>();
    return Float32Array.from(values.subarray(0, elementCount(dims)));
  });
}
