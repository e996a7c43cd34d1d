import { InferenceSession, Tensor } from 'onnxruntime-node';
import { SpectaError } from '../platform/errors.ts';
import { blockOfRuntime } from './blocked-layout.ts';
import { gradientGraph } from './gradient-graph.ts';
import type { MaskShape } from './gradient-lowering.ts';
import { GRADIENT_NAMES } from './gradient-names.ts';
import {
  elementCount,
  type Network,
  networkParameters,
  networkStatistics,
  type ParameterShape,
} from './network.ts';
import { type Parameters, parameterValues } from './parameters.ts';
import type { Random } from './random.ts';

/** Images with what is to be learnt of them; `batch` is fixed by the runner. */
export interface TrainingBatch {
  /** [batch, channels, height, width]. */
  readonly input: Float32Array<ArrayBuffer>;
  /** [batch, units]: one-hot for softmax, 0 or 1 for each sigmoid. */
  readonly targets: Float32Array<ArrayBuffer>;
  /** [batch, units]: weight in the loss; 0 leaves a target (or a whole padding image) out. */
  readonly weights: Float32Array<ArrayBuffer>;
}

export interface Gradients {
  /** Weighted cross-entropy summed over the batch, nats. */
  readonly loss: number;
  /** [batch, units]. */
  readonly logits: Float32Array;
  /** Derivative of `loss` by each parameter, same shape. */
  readonly byParameter: ReadonlyMap<string, Float32Array>;
  /** Batch normalisation's mean and variance of each channel in this batch, by the statistic's name. */
  readonly seen: ReadonlyMap<string, Float32Array>;
}

export interface RunnerOptions {
  /** Images at once. */
  readonly batch: number;
  readonly threads: number;
  /** Channels in a block of the runtime's layout; asked of the runtime where absent, 1 does without it. */
  readonly block?: number;
}

/** Runs a network's gradient graph on ONNX Runtime. */
export class GradientRunner {
  readonly batch: number;
  private readonly network: Network;
  private readonly parameterShapes: readonly ParameterShape[];
  private readonly statistics: readonly ParameterShape[];
  private readonly masks: readonly MaskShape[];
  private readonly session: InferenceSession;

  private constructor(
    network: Network,
    batch: number,
    masks: readonly MaskShape[],
    session: InferenceSession,
  ) {
    this.network = network;
    this.batch = batch;
    this.masks = masks;
    this.session = session;
    this.parameterShapes = networkParameters(network);
    this.statistics = networkStatistics(network);
  }

  /** Prepares the graph. Throws `ENGINE_FAILED`, `DATA_INVALID`. */
  static async create(network: Network, options: RunnerOptions): Promise<GradientRunner> {
    const { batch, threads, block = await blockOfRuntime() } = options;
    const { model, masks } = gradientGraph(network, batch, block);
    try {
      const session = await InferenceSession.create(model, {
        executionProviders: ['cpu'],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
        // Spinning threads would take the time of whatever else runs on a small board.
        extra: { session: { intra_op: { allow_spinning: '0' } } },
      });
      return new GradientRunner(network, batch, masks, session);
    } catch (error) {
      throw failed(error);
    }
  }

  /**
   * Loss and derivatives of one batch. `random` draws the dropout masks; without it nothing is dropped and kept values
   * are still scaled up, which only tests want. Throws `ENGINE_FAILED`.
   */
  async run(parameters: Parameters, batch: TrainingBatch, random?: Random): Promise<Gradients> {
    const { channels, height, width } = this.network.input;
    const targetDims = [this.batch, this.network.output.units];
    const feeds: Record<string, Tensor> = {
      [GRADIENT_NAMES.input]: new Tensor('float32', batch.input, [this.batch, channels, height, width]),
      [GRADIENT_NAMES.targets]: new Tensor('float32', batch.targets, targetDims),
      [GRADIENT_NAMES.weights]: new Tensor('float32', batch.weights, targetDims),
    };
    for (const { name, dims } of this.parameterShapes) {
      feeds[name] = new Tensor('float32', parameterValues(parameters, name), dims);
    }
    for (const mask of this.masks) {
      feeds[mask.input] = new Tensor('uint8', drawMask(mask, random), mask.dims);
    }
    const results = await this.session.run(feeds).catch((error: unknown) => {
      throw failed(error);
    });
    const values = (name: string): Float32Array => {
      const data = results[name]?.data;
      if (data instanceof Float32Array) return data;
      throw failed(new Error(`the gradient graph gave no ${name}`));
    };
    const named = (shapes: readonly ParameterShape[], output: (name: string) => string) =>
      new Map(shapes.map(({ name }) => [name, values(output(name))]));
    return {
      loss: values(GRADIENT_NAMES.loss)[0],
      logits: values(GRADIENT_NAMES.logits),
      byParameter: named(this.parameterShapes, GRADIENT_NAMES.gradient),
      seen: named(this.statistics, GRADIENT_NAMES.seen),
    };
  }

  /** Frees native memory. */
  async close(): Promise<void> {
    await this.session.release();
  }
}

function drawMask(mask: MaskShape, random: Random | undefined): Uint8Array<ArrayBuffer> {
  const values = new Uint8Array(elementCount(mask.dims)).fill(1);
  if (!random) return values;
  const dropBelow = mask.rate * 2 ** 32;
  for (let i = 0; i < values.length; i++) {
    if (random.bits() < dropBelow) values[i] = 0;
  }
  return values;
}

function failed(error: unknown): SpectaError {
  const message = error instanceof Error ? error.message : String(error);
  return new SpectaError(
    'ENGINE_FAILED',
    `the gradient graph failed: ${message}`,
    'Try a smaller --micro-batch if memory is short.',
    error,
  );
}
