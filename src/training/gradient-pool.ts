import { Worker } from 'node:worker_threads';
import { asSpectaError, type ErrorRecord, fromErrorRecord } from '../platform/errors.ts';
import type { BatchRules } from './batch-maker.ts';
import { type FlatLayout, flatLayout, flatViews } from './flat-layout.ts';
import { type Network, networkParameters, networkStatistics } from './network.ts';
import { type Parameters, parameterValues } from './parameters.ts';
import type { Sample } from './samples.ts';
import { type SharedSamples, shareSamples } from './shared-samples.ts';

/** What a gradient worker starts from. */
export interface GradientWorkerData {
  readonly network: Network;
  readonly microBatch: number;
  readonly samples: SharedSamples;
  readonly options: BatchRules;
  /** Trained values, one behind the other; written before each step. */
  readonly parameters: SharedArrayBuffer;
  /** For each slot the derivatives, then the statistics seen. */
  readonly gradients: SharedArrayBuffer;
}

/** One micro-batch. */
export interface GradientJob {
  /** Place for its derivatives. */
  readonly slot: number;
  readonly epoch: number;
  /** Place of its first picture in the epoch: gives its random numbers. */
  readonly start: number;
  /** As many samples as a micro-batch has; those from `count` on only fill it up. */
  readonly indices: readonly number[];
  readonly count: number;
}

export type GradientAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly slot: number; readonly loss: number; readonly right: number }
  | { readonly kind: 'failed'; readonly error: ErrorRecord };

export interface PoolOptions extends BatchRules {
  /** Pictures at once in a worker. */
  readonly microBatch: number;
  /** Micro-batches in a step at most. */
  readonly slots: number;
  /** Workers; each runs on one thread, which needs no meeting of threads at every operator. */
  readonly threads: number;
}

/** What one micro-batch gave; good until the next step. */
export interface MicroResult {
  /** Weighted loss summed over its pictures, nats. */
  readonly loss: number;
  /** Pictures it got right. */
  readonly right: number;
  readonly count: number;
  /** Derivatives by parameter and statistics seen, by name. */
  readonly values: ReadonlyMap<string, Float32Array>;
}

/**
 * Threads that augment pictures and run the gradient graph on them. Results do not depend on how many there are.
 * Fails as `GradientRunner` does.
 */
export class GradientPool {
  private readonly workers: readonly Worker[];
  private readonly parameters: ReadonlyMap<string, Float32Array>;
  private readonly slots: readonly ReadonlyMap<string, Float32Array>[];

  private constructor(
    workers: readonly Worker[],
    parameters: ReadonlyMap<string, Float32Array>,
    slots: readonly ReadonlyMap<string, Float32Array>[],
  ) {
    this.workers = workers;
    this.parameters = parameters;
    this.slots = slots;
  }

  static async create(
    network: Network,
    training: readonly Sample[],
    { microBatch, slots, threads, ...options }: PoolOptions,
  ): Promise<GradientPool> {
    const trained = networkParameters(network);
    const parameterLayout = flatLayout(trained);
    const gradientLayout = flatLayout([...trained, ...networkStatistics(network)]);
    const { rules, augment, classWeights, seed } = options;
    const data: GradientWorkerData = {
      network,
      microBatch,
      samples: shareSamples(training),
      options: { rules, seed, ...(augment && { augment }), ...(classWeights && { classWeights }) },
      parameters: sharedFloats(parameterLayout.length),
      gradients: sharedFloats(gradientLayout.length * slots),
    };
    const workers = Array.from(
      { length: threads },
      () => new Worker(new URL('./gradient-worker.ts', import.meta.url), { workerData: data }),
    );
    const pool = new GradientPool(
      workers,
      flatViews(parameterLayout, new Float32Array(data.parameters)),
      slotViews(gradientLayout, data.gradients, slots),
    );
    try {
      await Promise.all(workers.map((worker) => nextAnswer(worker)));
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  /** Runs `jobs`, whose slots count from 0, with these parameters; results in the order of the jobs. */
  async run(parameters: Parameters, jobs: readonly GradientJob[]): Promise<MicroResult[]> {
    for (const [name, values] of this.parameters) values.set(parameterValues(parameters, name));
    const waiting = [...jobs].reverse();
    const results: MicroResult[] = [];
    const work = async (worker: Worker): Promise<void> => {
      for (let job = waiting.pop(); job; job = waiting.pop()) {
        const answered = nextAnswer(worker);
        worker.postMessage(job);
        const answer = await answered;
        if (answer.kind !== 'done') continue;
        const { loss, right } = answer;
        results[job.slot] = { loss, right, count: job.count, values: this.slots[job.slot] };
      }
    };
    await Promise.all(this.workers.map(work));
    return results;
  }

  /** Ends the threads; a micro-batch that is under way is finished first. */
  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }
}

function nextAnswer(worker: Worker): Promise<GradientAnswer> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
    };
    const onMessage = (answer: GradientAnswer): void => {
      settle();
      if (answer.kind === 'failed') reject(fromErrorRecord(answer.error));
      else resolve(answer);
    };
    const onError = (error: unknown): void => {
      settle();
      reject(asSpectaError(error));
    };
    const onExit = (code: number): void => {
      settle();
      reject(asSpectaError(new Error(`a training thread ended with ${code}`)));
    };
    worker.once('message', onMessage).once('error', onError).once('exit', onExit);
  });
}

function slotViews(layout: FlatLayout, memory: SharedArrayBuffer, slots: number) {
  return Array.from({ length: slots }, (_, slot) =>
    flatViews(layout, new Float32Array(memory, 4 * slot * layout.length, layout.length)),
  );
}

function sharedFloats(count: number): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * count);
}
