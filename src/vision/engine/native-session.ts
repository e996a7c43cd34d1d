import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SpectaError } from '../../platform/errors.ts';
import { notServable, picturesWords, providerAbsent } from './engine-errors.ts';
import { OrtError, type OrtLibrary } from './ort-library.ts';
import { OrtSession, type SessionRequest, type TensorShape } from './ort-session.ts';

/** A session, and where TensorRT may keep what it builds. */
export interface NativeRequest extends SessionRequest {
  /** TensorRT's engines, which take minutes to build, are kept below it; null: not kept. */
  readonly cacheFolder: string | null;
  /** Tells the networks of the cache apart. */
  readonly modelDigest: string;
  /** Pictures at once; 1 where absent. */
  readonly pictures?: number;
}

/** A session on the provider asked for that has run once. */
export interface NativeSession {
  readonly session: OrtSession;
  /** `[pictures, channels, height, width]`. */
  readonly input: readonly [number, number, number, number];
  /** Number of output values, those of all pictures together. */
  readonly outputs: number;
}

/**
 * The request with TensorRT's cache switched on, unless the options say something of it themselves. It lies under
 * the network's digest and the library's version, so that no engine of another is ever taken for it.
 */
export function withEngineCache(request: NativeRequest, version: string): NativeRequest {
  const { provider, cacheFolder, modelDigest, providerOptions } = request;
  if (provider !== 'tensorrt' || cacheFolder === null || 'trt_engine_cache_path' in providerOptions)
    return request;
  const folder = join(cacheFolder, `${modelDigest.slice(0, 16)}-onnxruntime-${version}`);
  return {
    ...request,
    providerOptions: {
      trt_engine_cache_enable: '1',
      trt_engine_cache_path: folder,
      trt_timing_cache_enable: '1',
      ...providerOptions,
    },
  };
}

function cacheFolderMade({ providerOptions }: NativeRequest): void {
  const folder = providerOptions.trt_engine_cache_path;
  if (folder === undefined) return;
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new SpectaError(
      'DISK_FAILED',
      `The folder ${folder}, where TensorRT keeps what it builds, cannot be made: ${String(error)}.`,
      'Name a folder that SPECTA may write to as engine.providerOptions.trt_engine_cache_path.',
      error,
    );
  }
}

/** Opens a session on the provider asked for. Throws whose fault it was. */
function createSession(library: OrtLibrary, request: NativeRequest): OrtSession {
  const { provider, modelFile } = request;
  try {
    return new OrtSession(library, request);
  } catch (error) {
    if (!(error instanceof OrtError)) throw error;
    if (/^Update.*ProviderOptions$/.test(error.call)) {
      throw new SpectaError(
        'CONFIG_INVALID',
        `engine.providerOptions: ${provider} of ONNX Runtime ${library.version} refuses them: ${error.message}.`,
        "Use the names and values of ONNX Runtime's documentation of this provider.",
        error,
      );
    }
    if (provider === 'cpu') throw notServable(modelFile, error.message, error);
    if (error.call === 'CreateSession') proveNetwork(library, request);
    throw providerAbsent(provider, ['cpu'], error.message, error);
  }
}

/** Whose fault was it? A network that loads on the CPU is whole, so the provider is not. */
function proveNetwork(library: OrtLibrary, request: NativeRequest): void {
  try {
    new OrtSession(library, { ...request, provider: 'cpu', providerOptions: {} }).close();
  } catch (error) {
    if (error instanceof OrtError) throw notServable(request.modelFile, error.message, error);
    throw error;
  }
}

function tensorNamed(
  name: 'input' | 'logits',
  tensors: readonly TensorShape[],
  rank: number,
  modelFile: string,
): TensorShape {
  const found = tensors.find((tensor) => tensor.name === name);
  if (found?.isFloat32 && found.dims.length === rank) return found;
  const what = rank === 4 ? 'four-dimensional float32 input' : 'two-dimensional float32 output';
  throw notServable(modelFile, `it has no ${what} named \`${name}\``);
}

/** Every side fixed; a free batch is as many pictures as asked for. Throws `BUNDLE_NOT_SERVABLE`. */
function fixedDims({ name, dims }: TensorShape, { modelFile, pictures = 1 }: NativeRequest): number[] {
  const [batch, ...sides] = dims;
  if ((batch <= 0 || batch === pictures) && sides.every((side) => side > 0)) return [pictures, ...sides];
  throw notServable(modelFile, `its ${name} is [${dims.join(', ')}], not of ${picturesWords(pictures)}`);
}

/**
 * Loads the network on the provider asked for and runs it once. The library must be started.
 * Throws `PROVIDER_ABSENT`, `BUNDLE_NOT_SERVABLE`, `CONFIG_INVALID`, `DISK_FAILED`.
 */
export function openNativeSession(library: OrtLibrary, asked: NativeRequest): NativeSession {
  const request = withEngineCache(asked, library.version);
  cacheFolderMade(request);
  const { modelFile, provider } = request;
  const session = createSession(library, request);
  try {
    const [pictures, channels, height, width] = fixedDims(
      tensorNamed('input', session.inputs, 4, modelFile),
      request,
    );
    const [, units] = fixedDims(tensorNamed('logits', session.outputs, 2, modelFile), request);
    if (session.inputs.length !== 1) throw notServable(modelFile, 'it has more than one input');
    session.bind(
      { name: 'input', dims: [pictures, channels, height, width] },
      { name: 'logits', dims: [pictures, units] },
    );
    // The first run allocates, builds kernels, and proves that the provider computes at all.
    session.run(new Float32Array(pictures * channels * height * width));
    return { session, input: [pictures, channels, height, width], outputs: pictures * units };
  } catch (error) {
    session.close();
    if (!(error instanceof OrtError)) throw error;
    if (provider === 'cpu') throw notServable(modelFile, error.message, error);
    throw providerAbsent(provider, ['cpu'], `it does not compute: ${error.message}`, error);
  }
}
