import type { AdamOptimizer, Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { SpectaError } from '../platform/errors.ts';
import { ADAM_DEFAULTS } from './adam.ts';
import { BatchMaker } from './batch-maker.ts';
import type { TrainingBatch } from './gradient-runner.ts';
import { rateShare } from './learning-rate.ts';
import type { Network } from './network.ts';
import { copyParameters, initialParameters, type Parameters } from './parameters.ts';
import { createRandom } from './random.ts';
import type { Sample } from './samples.ts';
import { shareSamples } from './shared-samples.ts';
import { tfjsNetwork } from './tfjs-network.ts';
import type { TrainingRuntime, TrainingTensorFlow } from './tfjs-training-runtime.ts';
import { diverged, type FitEpoch, type FitOptions, type Trainer } from './trainer.ts';
import { validate } from './validate.ts';

/** Pictures given to `model.fit` at once take at most so many bytes. */
const CHUNK_BYTES = 64e6;

/**
 * Trains by TensorFlow.js' `model.fit`: the same split, first weights, order, augmentation, loss and learning rate as
 * `fitNetwork` has by the same seed, and the same choice of the best epoch. Other than there: batch normalisation sees a
 * whole batch at once and gathers its averages in TensorFlow.js' way; dropout is drawn by TensorFlow.js, which has no seed
 * for it that changes from step to step, so two trainings with dropout differ; every weight takes full steps.
 * Rejects with `USAGE` for a checkpoint, which TensorFlow.js' optimiser cannot be gone on from here, and for a mean of the
 * weights; `ENGINE_FAILED`, or the signal's reason.
 */
export function createTfjsTrainer({ tf, name }: TrainingRuntime): Trainer {
  return async (network, training, validation, options) => {
    if (options.checkpoint) {
      throw new SpectaError(
        'USAGE',
        'Training by TensorFlow.js keeps no checkpoint.',
        'Leave --checkpoint out, or train without --trainer tfjs.',
      );
    }
    if (options.average !== undefined) {
      throw new SpectaError(
        'USAGE',
        'Training by TensorFlow.js keeps no running mean of the weights.',
        'Leave --average out, or train without --trainer tfjs.',
      );
    }
    const start = options.startFrom ?? initialParameters(network, createRandom(options.seed).fork(1));
    const built = tfjsNetwork(tf, network, start, options.trainable);
    const optimizer = tf.train.adam(
      options.learningRate,
      ADAM_DEFAULTS.beta1,
      ADAM_DEFAULTS.beta2,
      ADAM_DEFAULTS.epsilon,
    );
    const { kind } = network.output;
    built.model.compile({
      optimizer,
      loss: (truth, logits) => lossOf(tf, kind, truth, logits),
      metrics: [(truth: Tensor, logits: Tensor) => rightOf(tf, kind, truth, logits)],
    });
    try {
      return await run(tf, built.model, () => built.parameters(), optimizer, network, training, validation, {
        ...options,
        start,
      });
    } catch (error) {
      if (error instanceof SpectaError || options.signal?.aborted) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new SpectaError(
        'ENGINE_FAILED',
        `Training by ${name} failed: ${why}`,
        /not registered for the backend/.test(why)
          ? 'This backend cannot train such a network: use --tfjs-backend cpu, or no --trainer tfjs.'
          : 'Try a smaller --batch if memory is short.',
        error,
      );
    } finally {
      built.dispose();
      optimizer.dispose();
    }
  };
}

type Model = ReturnType<typeof tfjsNetwork>['model'];

async function run(
  tf: TrainingTensorFlow,
  model: Model,
  parametersNow: () => Parameters,
  optimizer: AdamOptimizer,
  network: Network,
  training: readonly Sample[],
  validation: readonly Sample[],
  options: FitOptions & { readonly start: Parameters },
): ReturnType<Trainer> {
  const { batch, epochs: allEpochs, patience, signal, now, seed } = options;
  const { channels, height, width } = network.input;
  const steps = Math.ceil(training.length / batch);
  const perChunk = Math.max(1, Math.floor(CHUNK_BYTES / (4 * batch * channels * height * width)));
  const samples = shareSamples(training);
  const random = createRandom(seed);
  const epochs: FitEpoch[] = [];
  let best = copyParameters(options.start);
  let bestLoss = Number.POSITIVE_INFINITY;
  if (options.startFrom && validation.length > 0) {
    bestLoss = (await validate(network, options.start, validation, options)).loss;
  }
  const setRate = (done: number): number => {
    const rate = options.learningRate * rateShare(done, allEpochs * steps);
    // A protected field of TensorFlow.js' Adam, which has no other way to change it between steps.
    Object.assign(optimizer, { learningRate: rate });
    return rate;
  };
  for (let epoch = 1; epoch <= allEpochs; epoch++) {
    const started = now();
    const order = random.fork(100 + epoch).shuffled(training.map((_, index) => index));
    const pictures = random.fork(100 + epoch).fork(2);
    let [lossSum, right, rate] = [0, 0, 0];
    for (let first = 0; first < steps; first += perChunk) {
      signal?.throwIfAborted();
      const indices = order.slice(first * batch, (first + perChunk) * batch);
      const maker = new BatchMaker(network, samples, indices.length, options);
      const made = maker.make(indices, indices.length, (place) => pictures.fork(first * batch + place));
      const [inputs, truths] = tensorsOf(tf, network, made, indices.length);
      try {
        await model.fit(inputs, truths, {
          batchSize: batch,
          epochs: 1,
          shuffle: false,
          verbose: 0,
          callbacks: {
            onBatchBegin: async (index) => {
              signal?.throwIfAborted();
              rate = setRate((epoch - 1) * steps + first + index);
            },
            onBatchEnd: async (index, logs) => {
              const count = Math.min(batch, indices.length - index * batch);
              lossSum += Number(logs?.loss ?? Number.NaN) * count;
              right += metricOf(logs) * count;
              if (!Number.isFinite(lossSum)) throw diverged(epoch, first + index + 1);
              const seen = first * batch + index * batch + count;
              options.onStep?.({ epoch, step: first + index + 1, steps, loss: lossSum / seen });
            },
          },
        });
      } finally {
        tf.dispose([inputs, truths]);
      }
    }
    const parameters = parametersNow();
    const judged = await validate(network, parameters, validation, options);
    const improved = validation.length === 0 || judged.loss < bestLoss;
    if (improved) {
      best = parameters;
      bestLoss = judged.loss;
    }
    const done: FitEpoch = {
      epoch,
      trainingLoss: lossSum / training.length,
      trainingAccuracy: right / training.length,
      validationLoss: judged.loss,
      validationAccuracy: judged.accuracy,
      learningRate: rate,
      seconds: (now() - started) / 1000,
      best: improved,
    };
    epochs.push(done);
    await options.onEpoch?.(done, parameters, judged.scores);
    if (patience !== undefined && epochs.length >= patience) {
      if (epochs.slice(-patience).every((each) => !each.best)) break;
    }
  }
  return { parameters: best, epochs };
}

/** The one metric: TensorFlow.js names it after the function. */
function metricOf(logs: Readonly<Record<string, unknown>> | undefined): number {
  const [, value] =
    Object.entries(logs ?? {}).find(([key]) => !['loss', 'batch', 'size'].includes(key)) ?? [];
  return Number(value ?? Number.NaN);
}

/**
 * Pictures `[count, height, width, channels]`, and `[count, units]` of truth and weight in one number, for `model.fit`
 * takes no weights: its sign is the truth, its size the weight.
 */
function tensorsOf(
  tf: TrainingTensorFlow,
  { input, output }: Network,
  made: TrainingBatch,
  count: number,
): readonly [Tensor, Tensor] {
  const { channels, height, width } = input;
  const pictures = tf.tidy(() =>
    tf.transpose(tf.tensor4d(made.input, [count, channels, height, width]), [0, 2, 3, 1]),
  );
  const truths = made.targets.map((target, index) => (target >= 0.5 ? 1 : -1) * made.weights[index]);
  return [pictures, tf.tensor2d(truths, [count, output.units])];
}

/** Weighted cross-entropy of each picture, nats: as the gradient graph's. */
function lossOf(tf: TrainingTensorFlow, kind: string, truth: Tensor, logits: Tensor): Tensor {
  return tf.tidy(() => {
    const weights = tf.abs(truth);
    const targets = tf.cast(tf.greater(truth, 0), 'float32');
    const losses =
      kind === 'softmax'
        ? tf.neg(tf.mul(targets, tf.logSoftmax(logits as Tensor2D, -1)))
        : tf.sub(tf.softplus(logits), tf.mul(targets, logits));
    return tf.sum(tf.mul(weights, losses), -1);
  });
}

/** Share of the pictures whose every output is right. */
function rightOf(tf: TrainingTensorFlow, kind: string, truth: Tensor, logits: Tensor): Tensor {
  return tf.tidy(() => {
    const right =
      kind === 'softmax'
        ? tf.equal(tf.argMax(logits, -1), tf.argMax(truth, -1))
        : tf.all(tf.equal(tf.greaterEqual(logits, 0), tf.greater(truth, 0)), -1);
    return tf.mean(tf.cast(right, 'float32'));
  });
}
