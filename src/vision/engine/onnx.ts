import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { type Engine, type EngineOptions, pixelsOf } from './engine.ts';
import {
  engineClosed,
  messageOf,
  notServable,
  picturesWords,
  providerAbsent,
  runFailed,
} from './engine-errors.ts';
import { refuseSecondRuntime } from './runtimes-in-process.ts';

type Runtime = typeof import('onnxruntime-node');

/**
 * Providers of the npm package that SPECTA offers. WebGPU is left out: where its adapter is missing, the process
 * crashes on its way out.
 */
const OFFERED = ['cpu', 'cuda', 'tensorrt'];

/** Loaded only when this kind is wanted: two versions of ONNX Runtime do not go into one process. */
async function loadRuntime(): Promise<Runtime> {
  const package_ = dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));
  await refuseSecondRuntime((file) => file.startsWith(package_));
  // Later versions than the pinned one carry a telemetry client that looks at this when it is loaded.
  process.env.ORT_DISABLE_TELEMETRY = '1';
  const runtime = await import('onnxruntime-node');
  // Its errors come as exceptions; printed as well they would break the log's JSON lines.
  runtime.env.logLevel = 'fatal';
  return runtime;
}

function sessionOptions(provider: string, threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    // A plan of all memory at once is held beside what the first run took.
    enableMemPattern: false,
    logSeverityLevel: 4,
    extra: {
      session: {
        // A dense layer of a few outputs over a large picture would be padded to many times its size in memory, all of
        // which each run reads: 17 MB of 32x2's.
        disable_prepacking: '1',
        // Threads that spin between frames burn a core for nothing.
        intra_op: { allow_spinning: '0' },
        // What the provider cannot do would else be done by the CPU, unseen.
        ...(provider === 'cpu' ? {} : { disable_cpu_ep_fallback: '1' }),
      },
    },
  };
}

async function createSession(runtime: Runtime, options: EngineOptions): Promise<InferenceSession> {
  const { provider, threads, modelFile } = options;
  const backends = runtime.listSupportedBackends().filter(({ name }) => OFFERED.includes(name));
  const there = backends.filter(({ bundled }) => bundled).map(({ name }) => name);
  if (!backends.some(({ name }) => name === provider)) {
    throw providerAbsent(provider, there, 'this runtime was built without it');
  }
  const create = (name: string): Promise<InferenceSession> =>
    runtime.InferenceSession.create(modelFile, sessionOptions(name, threads));
  try {
    return await create(provider);
  } catch (error) {
    if (provider === 'cpu') throw notServable(modelFile, messageOf(error), error);
    // Whose fault was it? A network that loads on the CPU is whole, so the provider is not.
    const session = await create('cpu').catch((modelError: unknown) => {
      throw notServable(modelFile, messageOf(modelError), modelError);
    });
    await session.release();
    throw providerAbsent(provider, there, messageOf(error), error);
  }
}

/** The input's shape, `[pictures, channels, height, width]`; throws `BUNDLE_NOT_SERVABLE` for anything else. */
function inputShape(session: InferenceSession, { modelFile, pictures = 1 }: EngineOptions): Engine['input'] {
  const input = session.inputMetadata.find(({ name }) => name === 'input');
  if (!input?.isTensor || input.type !== 'float32' || input.shape.length !== 4) {
    throw notServable(modelFile, 'it has no four-dimensional float32 input named `input`');
  }
  const [batch, channels, height, width] = input.shape.map(Number);
  if (
    ![channels, height, width].every((side) => Number.isInteger(side) && side > 0) ||
    (batch > 0 && batch !== pictures)
  ) {
    throw notServable(modelFile, `its input is [${input.shape.join(', ')}], not ${picturesWords(pictures)}`);
  }
  if (!session.outputNames.includes('logits')) {
    throw notServable(modelFile, 'it has no output named `logits`');
  }
  return [pictures, channels, height, width];
}

/**
 * The network on ONNX Runtime's npm package, loaded and run once. Its `run` blocks the calling thread: use it in a
 * worker. Throws `PROVIDER_ABSENT`, `BUNDLE_NOT_SERVABLE`, `ENGINE_FAILED`.
 */
export async function createOnnxEngine(options: EngineOptions): Promise<Engine> {
  const runtime = await loadRuntime();
  const session = await createSession(runtime, options);
  let closed = false;

  async function infer(tensor: Tensor): Promise<Float32Array> {
    const { logits } = await session.run({ input: tensor }, ['logits']);
    const { data } = logits;
    if (!(data instanceof Float32Array)) throw new Error(`logits are ${logits.type}, not float32`);
    return data;
  }

  async function run(input: Float32Array<ArrayBuffer>): Promise<Float32Array> {
    if (closed) throw engineClosed();
    try {
      return await infer(new runtime.Tensor('float32', input, shape));
    } catch (error) {
      throw runFailed(options.provider, messageOf(error), error);
    }
  }

  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    await session.release();
  }

  let shape: Engine['input'];
  let outputs: number;
  try {
    shape = inputShape(session, options);
    // The first run allocates: it must not fall on a frame.
    outputs = (await run(new Float32Array(pixelsOf(shape)))).length;
  } catch (error) {
    await close();
    throw error;
  }
  const runtimeName = `onnxruntime-node ${runtime.env.versions.node ?? ''}`;
  return {
    kind: 'onnx',
    provider: options.provider,
    runtime: runtimeName,
    input: shape,
    outputs,
    run,
    close,
  };
}
