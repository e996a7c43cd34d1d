import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { type Engine, pixelsOf } from './engine.ts';
import { engineClosed, messageOf, notServable, picturesWords, runFailed } from './engine-errors.ts';
import { LAYERS_MODEL, type LayersModelFile, readLayersModel } from './tfjs-model.ts';
import { startTensorFlow, type TensorFlow } from './tfjs-runtime.ts';

export interface TfjsOptions {
  /** The bundle's folder, with `tfjs/model.json`. */
  readonly folder: string;
  /** `cuda`, `cpu` or `wasm`; null: the first of them that works. */
  readonly provider: string | null;
  /** The folder in whose `node_modules` tfjs-node-gpu or tfjs-node is; null: SPECTA's own. */
  readonly packages: string | null;
  /** Pictures that the network takes at once; 1 where absent. */
  readonly pictures?: number;
}

/**
 * The bundle's layers model on TensorFlow.js, loaded and run once. Its `run` blocks the calling thread: use it in a worker.
 * Throws `PROVIDER_ABSENT`, `BUNDLE_NOT_SERVABLE`, `ENGINE_FAILED`.
 */
export async function createTfjsEngine(options: TfjsOptions): Promise<Engine> {
  const { folder, provider: asked, packages, pictures = 1 } = options;
  const file = await readLayersModel(folder);
  const { tf, provider, name } = await startTensorFlow(asked, packages);
  const where = `${folder}/${LAYERS_MODEL}`;
  const model = await loadModel(tf, file, where);
  const [, height, width, channels] = pictureShape(model, where, pictures);
  const input = [pictures, channels, height, width] as const;
  const pixels = pixelsOf(input);
  let closed = false;

  function infer(values: Float32Array): Float32Array {
    if (values.length !== pixels) throw new Error(`the input has ${values.length} values, not ${pixels}`);
    // Not `tidy`, which hides what leaks: two tensors are made here, and both are freed here.
    const picture = tf.tensor4d(channelsLast(values, channels, pictures), [
      pictures,
      height,
      width,
      channels,
    ]);
    let logits: Tensor | undefined;
    try {
      const answer = model.predict(picture);
      if (Array.isArray(answer)) throw new Error('the network has more than one output');
      logits = answer;
      const data = answer.dataSync();
      if (!(data instanceof Float32Array)) throw new Error(`logits are ${answer.dtype}, not float32`);
      return data.slice();
    } finally {
      logits?.dispose();
      picture.dispose();
    }
  }

  async function run(values: Float32Array): Promise<Float32Array> {
    if (closed) throw engineClosed();
    try {
      return infer(values);
    } catch (error) {
      throw runFailed(provider, messageOf(error), error);
    }
  }

  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    model.dispose();
  }

  try {
    // The first run allocates and compiles: it must not fall on a frame.
    const outputs = (await run(new Float32Array(pixels))).length;
    return { kind: 'tfjs', provider, runtime: name, input, outputs, run, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function loadModel(tf: TensorFlow, file: LayersModelFile, where: string): Promise<LayersModel> {
  try {
    const { modelTopology, weightSpecs, weightData } = file;
    return await tf.loadLayersModel(
      tf.io.fromMemory({ modelTopology, weightSpecs: [...weightSpecs], weightData }),
    );
  } catch (error) {
    throw notServable(where, messageOf(error), error);
  }
}

/** `[pictures, height, width, channels]`; throws `BUNDLE_NOT_SERVABLE` where the network does not take so many. */
function pictureShape(
  model: LayersModel,
  where: string,
  pictures: number,
): readonly [number, number, number, number] {
  const [input, ...more] = model.inputs;
  const [batch, height, width, channels] = input.shape;
  const isPicture =
    more.length === 0 &&
    input.shape.length === 4 &&
    (batch === null || batch === pictures) &&
    [height, width, channels].every((side) => side !== null && side > 0);
  const [output] = model.outputs;
  if (isPicture && model.outputs.length === 1 && output.shape.length === 2) {
    return [pictures, Number(height), Number(width), Number(channels)];
  }
  model.dispose();
  throw notServable(
    where,
    `it takes [${input.shape.map((side) => side ?? '?').join(', ')}] and gives [${output.shape.map((side) => side ?? '?').join(', ')}], not ${picturesWords(pictures)} and its logits`,
  );
}

/**
 * Pictures `[channels, height, width]` as `[height, width, channels]`, which is what TensorFlow.js computes with.
 */
function channelsLast(values: Float32Array, channels: number, pictures: number): Float32Array {
  if (channels === 1) return values;
  const size = values.length / pictures;
  const area = size / channels;
  const turned = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += size) {
    for (let channel = 0; channel < channels; channel++) {
      for (let pixel = 0; pixel < area; pixel++) {
        turned[start + pixel * channels + channel] = values[start + channel * area + pixel];
      }
    }
  }
  return turned;
}
