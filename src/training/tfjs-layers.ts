import { foldBatchNorm } from './fold-norm.ts';
import { elementCount, type Network, type PlannedLayer, planNetwork } from './network.ts';
import { type Parameters, parameterValues } from './parameters.ts';

/** The two files of a TensorFlow.js layers model. */
export interface LayersModelFiles {
  /** Text of `model.json`. */
  readonly model: string;
  /** Bytes of `weights.bin`: float32, little-endian. */
  readonly weights: Uint8Array<ArrayBuffer>;
}

/** Name of the weights file, beside `model.json`. */
export const WEIGHTS_FILE = 'weights.bin';

interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

interface LoweredLayer {
  readonly layers: readonly {
    readonly class_name: string;
    readonly config: Readonly<Record<string, unknown>>;
  }[];
  readonly weights: readonly Weight[];
}

/**
 * The network with these parameters as a TensorFlow.js layers model, as `loadLayersModel` takes it: input
 * `[batch, height, width, channels]` float32, output the logits (no softmax or sigmoid in it). Batch normalisation is
 * folded into the layers before it; dropout stays in, for those who train it on. The same network and parameters give the same bytes. Format: `model.json` of TensorFlow.js'
 * `LayersModel.save`. Throws `DATA_INVALID` where a parameter is missing or does not fit.
 */
export function layersModel(network: Network, parameters: Parameters): LayersModelFiles {
  const folded = foldBatchNorm(network, parameters);
  const planned = planNetwork(folded.network);
  const { channels, height, width } = network.input;
  const lowered = planned.map((layer, index) =>
    lowerLayer(layer, folded.parameters, imageBehind(planned, index)),
  );
  const layers = lowered.flatMap((each) => each.layers);
  const weights = lowered.flatMap((each) => each.weights);
  const [first, ...rest] = layers;
  const entrance = {
    ...first,
    config: { ...first.config, batch_input_shape: [null, height, width, channels], dtype: 'float32' },
  };
  const model = {
    format: 'layers-model',
    generatedBy: 'SPECTA',
    convertedBy: null,
    modelTopology: {
      class_name: 'Sequential',
      config: { name: network.name, layers: [entrance, ...rest] },
      keras_version: 'tfjs-layers 4.22.0',
      backend: 'tensor_flow.js',
    },
    weightsManifest: [
      {
        paths: [WEIGHTS_FILE],
        weights: weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })),
      },
    ],
  };
  return { model: `${JSON.stringify(model, null, 1)}\n`, weights: littleEndian(weights) };
}

type ImageShape = readonly [channels: number, height: number, width: number];

/** The image whose values layer `index` sees as a flattened vector; null where it sees none, or an image still. */
function imageBehind(planned: readonly PlannedLayer[], index: number): ImageShape | null {
  const flatten = planned.slice(0, index).findLastIndex(({ layer }) => layer.kind === 'flatten');
  const dense = planned.slice(0, index).findLastIndex(({ layer }) => layer.kind === 'dense');
  const image = planned[flatten]?.input;
  return dense < flatten && image?.length === 3 ? image : null;
}

function lowerLayer(planned: PlannedLayer, parameters: Parameters, image: ImageShape | null): LoweredLayer {
  const { name, layer } = planned;
  switch (layer.kind) {
    case 'conv': {
      const [filters, channels, kernel] = planned.parameters[0].dims;
      const data = channelsLastKernel(weightOf(planned, parameters), filters, channels, kernel * kernel);
      const biases = biasOf(planned, parameters);
      return {
        layers: [
          ...zeroPadding(name, layer.padding),
          { class_name: 'Conv2D', config: { ...windowConfig(name, layer, biases), filters } },
        ],
        weights: [{ name: `${name}/kernel`, shape: [kernel, kernel, channels, filters], data }, ...biases],
      };
    }
    case 'depthwise': {
      const [channels, , kernel] = planned.parameters[0].dims;
      const data = channelsLastKernel(weightOf(planned, parameters), channels, 1, kernel * kernel);
      const biases = biasOf(planned, parameters);
      return {
        layers: [
          ...zeroPadding(name, layer.padding),
          {
            class_name: 'DepthwiseConv2D',
            config: { ...windowConfig(name, layer, biases), depth_multiplier: 1 },
          },
        ],
        weights: [
          { name: `${name}/depthwise_kernel`, shape: [kernel, kernel, channels, 1], data },
          ...biases,
        ],
      };
    }
    case 'batchNorm': // Folded.
      return { layers: [], weights: [] };
    case 'relu':
      return plain('ReLU', { name });
    case 'maxPool':
      return plain('MaxPooling2D', poolConfig(name, layer));
    case 'averagePool':
      return plain('AveragePooling2D', poolConfig(name, layer));
    case 'globalPool':
      return plain('GlobalAveragePooling2D', { name, data_format: 'channels_last' });
    case 'dropout':
      return plain('Dropout', { name, rate: layer.rate });
    case 'flatten':
      return plain('Flatten', { name });
    case 'dense': {
      const [units, inputs] = planned.parameters[0].dims;
      const data = turnedDense(weightOf(planned, parameters), units, image);
      const biases = biasOf(planned, parameters);
      const config = { name, units, activation: 'linear', use_bias: biases.length > 0 };
      return {
        layers: [{ class_name: 'Dense', config }],
        weights: [{ name: `${name}/kernel`, shape: [inputs, units], data }, ...biases],
      };
    }
  }
}

function weightOf(planned: PlannedLayer, parameters: Parameters): Float32Array {
  return parameterValues(parameters, planned.parameters[0].name);
}

/** The layer's bias; none where it has none. */
function biasOf({ name, parameters: shapes }: PlannedLayer, parameters: Parameters): Weight[] {
  return shapes.slice(1).map((bias) => ({
    name: `${name}/bias`,
    shape: bias.dims,
    data: parameterValues(parameters, bias.name),
  }));
}

/** Zeros on every side as everywhere else; the kind `same` would pad a stride of 2 unevenly. */
function zeroPadding(name: string, padding: number): LoweredLayer['layers'] {
  if (padding === 0) return [];
  const sides = [padding, padding];
  const config = { name: `${name}_padding`, padding: [sides, sides], data_format: 'channels_last' };
  return [{ class_name: 'ZeroPadding2D', config }];
}

function windowConfig(
  name: string,
  { kernel, stride }: { readonly kernel: number; readonly stride: number },
  biases: readonly Weight[],
): LoweredLayer['layers'][number]['config'] {
  return {
    name,
    kernel_size: [kernel, kernel],
    strides: [stride, stride],
    padding: 'valid',
    data_format: 'channels_last',
    activation: 'linear',
    use_bias: biases.length > 0,
  };
}

function poolConfig(
  name: string,
  { size, stride }: { readonly size: number; readonly stride: number },
): LoweredLayer['layers'][number]['config'] {
  return {
    name,
    pool_size: [size, size],
    strides: [stride, stride],
    padding: 'valid',
    data_format: 'channels_last',
  };
}

function plain(className: string, config: Readonly<Record<string, unknown>>): LoweredLayer {
  return { layers: [{ class_name: className, config }], weights: [] };
}

/** `[filters, channels, kernel·kernel]` as `[kernel·kernel, channels, filters]`. */
function channelsLastKernel(
  values: Float32Array,
  filters: number,
  channels: number,
  area: number,
): Float32Array {
  const turned = new Float32Array(values.length);
  for (let filter = 0; filter < filters; filter++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let place = 0; place < area; place++) {
        turned[(place * channels + channel) * filters + filter] =
          values[(filter * channels + channel) * area + place];
      }
    }
  }
  return turned;
}

/**
 * `[units, inputs]` as `[inputs, units]`. Behind a flattened image the inputs change places too: ours come channel by
 * channel, TensorFlow.js' pixel by pixel.
 */
function turnedDense(values: Float32Array, units: number, image: ImageShape | null): Float32Array {
  const inputs = values.length / units;
  const [channels, height, width] = image ?? [inputs, 1, 1];
  const area = height * width;
  const turned = new Float32Array(values.length);
  for (let unit = 0; unit < units; unit++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let pixel = 0; pixel < area; pixel++) {
        turned[(pixel * channels + channel) * units + unit] = values[unit * inputs + channel * area + pixel];
      }
    }
  }
  return turned;
}

function littleEndian(weights: readonly Weight[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(
    weights.reduce((sum, { shape }) => sum + elementCount(shape) * Float32Array.BYTES_PER_ELEMENT, 0),
  );
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { data } of weights) {
    for (const value of data) {
      view.setFloat32(at, value, true);
      at += Float32Array.BYTES_PER_ELEMENT;
    }
  }
  return bytes;
}
