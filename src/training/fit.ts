import { DEFECT_CLASSES } from '../domain/verdict.ts';
import { createPreprocessor } from '../vision/preprocess.ts';
import { ADAM_DEFAULTS, Adam } from './adam.ts';
import { Augmenter } from './augment.ts';
import { GradientRunner, type TrainingBatch } from './gradient-runner.ts';
import { type Network, networkParameters } from './network.ts';
import { copyParameters, initialParameters, type Parameters } from './parameters.ts';
import { createRandom, type Random } from './random.ts';
import type { Sample } from './samples.ts';
import { type JudgingRules, Scorer } from './scorer.ts';
import { createTargetWriter } from './targets.ts';

export interface FitOptions {
  readonly epochs: number;
  /** Samples for one step of the weights. */
  readonly batch: number;
  /** Samples at once in the gradient graph: memory against nothing else. Divides `batch`. */
  readonly microBatch: number;
  /** Of Adam at its highest: it rises for some steps, then falls to a twentieth along half a cosine. */
  readonly learningRate: number;
  readonly threads: number;
  readonly seed: number;
  /** Preprocessing, and what the network's outputs stand for. */
  readonly rules: JudgingRules;
  /** Monotonic ms. */
  readonly now: () => number;
  /** Start from these instead of fresh ones; they are not changed. */
  readonly startFrom?: Parameters;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: FitStep) => void;
  /** Told after each epoch; training waits for it. `parameters` are those of the epoch and change afterwards. */
  readonly onEpoch?: (epoch: FitEpoch, parameters: Parameters) => void | Promise<void>;
}

export interface FitStep {
  /** Counts from 1. */
  readonly epoch: number;
  readonly step: number;
  readonly steps: number;
  /** Mean weighted loss of the epoch so far, nats a sample. */
  readonly loss: number;
}

export interface FitEpoch {
  /** Counts from 1. */
  readonly epoch: number;
  readonly trainingLoss: number;
  /** Mean unweighted loss on the validation side, nats a sample; NaN where that side is empty. */
  readonly validationLoss: number;
  /** Share of validation samples whose every defect is on the right side of 0.5. */
  readonly validationAccuracy: number;
  readonly seconds: number;
  /** Whether its parameters are the best so far. */
  readonly best: boolean;
}

export interface FitResult {
  /** Of the epoch with the lowest validation loss; those it started from where no epoch did better. */
  readonly parameters: Parameters;
  readonly epochs: readonly FitEpoch[];
}

/**
 * Trains a network by Adam on augmented samples; keeps the epoch that does best on `validation`.
 * The same samples, options and seed give the same result on the same machine and number of threads.
 * Rejects with the signal's reason when aborted; errors as `GradientRunner`.
 */
export async function fitNetwork(
  network: Network,
  training: readonly Sample[],
  validation: readonly Sample[],
  options: FitOptions,
): Promise<FitResult> {
  const random = createRandom(options.seed);
  const parameters = options.startFrom
    ? copyParameters(options.startFrom)
    : initialParameters(network, random.fork(1));
  const augmenter = new Augmenter(network.input, random.fork(2));
  const batches = new BatchMaker(network, training, options, augmenter);
  const runner = await GradientRunner.create(network, options.microBatch, options.threads);
  try {
    const adam = new Adam({ ...ADAM_DEFAULTS, learningRate: options.learningRate });
    const widthShares = new Map(
      networkParameters(network).map(({ name, fanIn }) => [name, widthShare(fanIn)]),
    );
    const steps = Math.ceil(training.length / options.batch);
    const epochs: FitEpoch[] = [];
    let best: Parameters = copyParameters(parameters);
    let bestLoss = options.startFrom
      ? (await validate(network, parameters, validation, options)).loss
      : Number.POSITIVE_INFINITY;
    for (let epoch = 1; epoch <= options.epochs; epoch++) {
      const started = options.now();
      const epochRandom = random.fork(100 + epoch);
      const order = epochRandom.shuffled(training);
      let lossSum = 0;
      for (let step = 0; step < steps; step++) {
        const members = order.slice(step * options.batch, (step + 1) * options.batch);
        const gradients = new Map<string, Float32Array>();
        for (let start = 0; start < members.length; start += options.microBatch) {
          options.signal?.throwIfAborted();
          const micro = batches.make(members.slice(start, start + options.microBatch), epochRandom);
          const result = await runner.run(parameters, micro, epochRandom);
          lossSum += result.loss;
          addScaled(gradients, result.byParameter, 1 / members.length);
        }
        const doneSteps = (epoch - 1) * steps + step;
        const share = rateShare(doneSteps, options.epochs * steps);
        adam.step(parameters, gradients, (name) => share * (widthShares.get(name) ?? 1));
        const seen = Math.min((step + 1) * options.batch, training.length);
        options.onStep?.({ epoch, step: step + 1, steps, loss: lossSum / seen });
      }
      const judged = await validate(network, parameters, validation, options);
      const improved = !(judged.loss >= bestLoss);
      if (improved) {
        best = copyParameters(parameters);
        bestLoss = judged.loss;
      }
      const done: FitEpoch = {
        epoch,
        trainingLoss: lossSum / training.length,
        validationLoss: judged.loss,
        validationAccuracy: judged.accuracy,
        seconds: (options.now() - started) / 1000,
        best: improved,
      };
      epochs.push(done);
      await options.onEpoch?.(done, parameters);
    }
    return { parameters: best, epochs };
  } finally {
    await runner.close();
  }
}

/** Fills the gradient graph's inputs; the arrays are used again by the next call. */
class BatchMaker {
  private readonly batch: TrainingBatch;
  private readonly network: Network;
  private readonly augmenter: Augmenter;
  private readonly preprocessor;
  private readonly targets;

  constructor(network: Network, training: readonly Sample[], options: FitOptions, augmenter: Augmenter) {
    const { channels, height, width } = network.input;
    this.network = network;
    this.augmenter = augmenter;
    this.preprocessor = createPreprocessor(options.rules.preprocessing, network.input);
    this.targets = createTargetWriter(network.output.kind, options.rules.output.classes, training);
    this.batch = {
      input: new Float32Array(options.microBatch * channels * height * width),
      targets: new Float32Array(options.microBatch * network.output.units),
      weights: new Float32Array(options.microBatch * network.output.units),
    };
  }

  /** Where there are fewer samples than the graph takes, the rest weighs nothing. */
  make(samples: readonly Sample[], random: Random): TrainingBatch {
    const { height, width } = this.network.input;
    const { units } = this.network.output;
    const pixels = height * width;
    this.batch.weights.fill(0);
    samples.forEach((sample, index) => {
      const data = this.augmenter.augment(sample, random);
      const into = this.batch.input.subarray(index * pixels, (index + 1) * pixels);
      this.preprocessor.run({ width, height, data }, into);
      this.targets.write(sample, this.batch.targets, this.batch.weights, index * units);
    });
    return this.batch;
  }
}

function addScaled(
  sums: Map<string, Float32Array>,
  parts: ReadonlyMap<string, Float32Array>,
  scale: number,
): void {
  for (const [name, part] of parts) {
    const sum = sums.get(name) ?? new Float32Array(part.length);
    for (let i = 0; i < part.length; i++) sum[i] += part[i] * scale;
    sums.set(name, sum);
  }
}

/** Values summed into one output up to which a weight takes full steps; found by trial at several picture sizes. */
const FULL_STEP_FAN_IN = 30_000;

/**
 * A weight's share of the learning rate. Adam moves every weight by about the same step; where 300,000 of them move
 * together, full steps would throw the output about.
 */
function widthShare(fanIn: number): number {
  return Math.min(1, FULL_STEP_FAN_IN / Math.max(1, fanIn));
}

/** Steps in which the learning rate rises: first gradients are large and say little. */
const WARM_UP_STEPS = 20;

/** The step's share of the learning rate: rises linearly at first, then falls to 0.05 along half a cosine. */
function rateShare(done: number, all: number): number {
  const rising = Math.min(1, (done + 1) / Math.min(WARM_UP_STEPS, all));
  return rising * (0.05 + (0.95 * (1 + Math.cos((Math.PI * done) / all))) / 2);
}

async function validate(
  network: Network,
  parameters: Parameters,
  validation: readonly Sample[],
  options: FitOptions,
): Promise<{ loss: number; accuracy: number }> {
  const scorer = await Scorer.create(network, parameters, options.rules, options.threads);
  try {
    const scores = await scorer.score(validation, options.signal);
    const right = scores.filter(({ sample, probabilities }) =>
      DEFECT_CLASSES.every((defect) => (probabilities[defect] ?? 0) >= 0.5 === sample.defects.has(defect)),
    );
    return {
      loss: scores.reduce((sum, { loss }) => sum + loss, 0) / scores.length,
      accuracy: right.length / scores.length,
    };
  } finally {
    await scorer.close();
  }
}
