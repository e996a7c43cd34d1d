import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../../platform/errors.ts';
import { messageOf, notServable } from './engine-errors.ts';

/** Where the layers model lies in a bundle. */
export const LAYERS_MODEL = 'tfjs/model.json';

/** The parts of a `model.json` that loading needs; TensorFlow.js checks the rest. */
export interface LayersModelFile {
  readonly modelTopology: object;
  readonly weightSpecs: readonly WeightSpec[];
  readonly weightData: ArrayBuffer;
}

/** One tensor of the weights file, in their order there. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: number[];
  readonly dtype: 'float32';
}

interface WeightGroup {
  readonly paths: readonly string[];
  readonly weights: readonly WeightSpec[];
}

function isSpec(value: unknown): value is WeightSpec {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'dtype' in value &&
    value.dtype === 'float32' &&
    !('quantization' in value) &&
    'shape' in value &&
    Array.isArray(value.shape) &&
    value.shape.every((side) => Number.isInteger(side) && side > 0)
  );
}

function isGroup(value: unknown): value is WeightGroup {
  return (
    typeof value === 'object' &&
    value !== null &&
    'paths' in value &&
    Array.isArray(value.paths) &&
    value.paths.every((path) => typeof path === 'string' && /^[A-Za-z0-9._-]+$/.test(path)) &&
    'weights' in value &&
    Array.isArray(value.weights) &&
    value.weights.every(isSpec)
  );
}

/** Reads `tfjs/model.json` and its weights. Throws `BUNDLE_NOT_SERVABLE` for what is not there or not whole. */
export async function readLayersModel(folder: string): Promise<LayersModelFile> {
  const file = join(folder, LAYERS_MODEL);
  const bytes = await readFile(file).catch((error: unknown) => {
    throw notServable(
      file,
      systemCode(error) === 'ENOENT'
        ? 'the bundle has no TensorFlow.js model; use engine kind onnx, or export it again'
        : `it cannot be read (${messageOf(error)})`,
      error,
    );
  });
  let model: unknown;
  try {
    model = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw notServable(file, `it is not JSON (${messageOf(error)})`, error);
  }
  if (
    typeof model !== 'object' ||
    model === null ||
    !('modelTopology' in model && typeof model.modelTopology === 'object' && model.modelTopology !== null) ||
    !('weightsManifest' in model && Array.isArray(model.weightsManifest)) ||
    !model.weightsManifest.every(isGroup)
  ) {
    throw notServable(file, 'it is no layers model with float32 weights');
  }
  const groups: readonly WeightGroup[] = model.weightsManifest;
  const weightSpecs = groups.flatMap(({ weights }) => weights);
  const weightData = await readWeights(
    folder,
    groups.flatMap(({ paths }) => paths),
  );
  const expected = weightSpecs.reduce(
    (sum, { shape }) => sum + 4 * shape.reduce((count, side) => count * side, 1),
    0,
  );
  if (weightData.byteLength !== expected) {
    throw notServable(file, `its weights have ${weightData.byteLength} bytes, it names ${expected}`);
  }
  return { modelTopology: model.modelTopology, weightSpecs, weightData };
}

async function readWeights(folder: string, paths: readonly string[]): Promise<ArrayBuffer> {
  const parts: Buffer[] = [];
  for (const path of paths) {
    const file = join(folder, 'tfjs', path);
    parts.push(
      await readFile(file).catch((error: unknown) => {
        throw notServable(file, `it cannot be read (${messageOf(error)})`, error);
      }),
    );
  }
  // A copy: a buffer of Node's may be a part of a pool.
  return Uint8Array.from(Buffer.concat(parts)).buffer;
}
