import { ADAM_DEFAULTS, Adam } from './adam.ts';
import type { Checkpoint, CheckpointFile } from './checkpoint.ts';
import { checkpointOf } from './fit-checkpoint.ts';
import { type GradientJob, GradientPool, type MicroResult } from './gradient-pool.ts';
import { rateShare, widthShare } from './learning-rate.ts';
import { type Network, networkParameters, networkStatistics } from './network.ts';
import { gatherStatistics } from './norm-statistics.ts';
import { copyParameters, initialParameters, type Parameters } from './parameters.ts';
import { createRandom, type Random } from './random.ts';
import type { Sample } from './samples.ts';
import { diverged, type FitEpoch, type FitOptions, type FitResult, type Trainer } from './trainer.ts';
import { type Validation, validate } from './validate.ts';
import { WeightAverage } from './weight-average.ts';

/**
 * Trains a network by Adam on augmented samples; keeps the epoch that does best on `validation`.
 * The same samples, options and seed give the same parameters on the same machine, whatever the number of threads and
 * however often the training was cut off and gone on with.
 * Rejects with the signal's reason when aborted, `ENGINE_FAILED` where the loss runs away; errors as `GradientRunner`,
 * `CheckpointFile`.
 */
export const fitNetwork: Trainer = async (network, training, validation, options) => {
  const file = options.checkpoint && checkpointOf(options.checkpoint, network, training, validation, options);
  const kept = (await file?.read()) ?? null;
  const fit = new Fit(network, training, validation, options, kept);
  if (kept) options.onResume?.(kept.progress.epochs, kept.progress.step);
  const slots = microSteps(options, training.length);
  const pool = await GradientPool.create(network, training, { ...options, slots });
  try {
    return await fit.run(pool, file);
  } finally {
    await pool.close();
  }
};

/** Micro-batches in a step at most. */
function microSteps({ batch, microBatch }: FitOptions, pictures: number): number {
  return Math.ceil(Math.min(batch, pictures) / microBatch);
}

/** One training under way. */
class Fit {
  private readonly network: Network;
  private readonly training: readonly Sample[];
  private readonly validation: readonly Sample[];
  private readonly options: FitOptions;
  private readonly random: Random;
  private readonly parameters: Parameters;
  private readonly adam: Adam;
  private readonly average: WeightAverage | null;
  private readonly widthShares: ReadonlyMap<string, number>;
  private readonly means: readonly string[];
  private readonly steps: number;
  private readonly epochs: FitEpoch[];
  private best: Parameters;
  private bestLoss: number | null;
  private resumed: Checkpoint['progress'] | null;

  constructor(
    network: Network,
    training: readonly Sample[],
    validation: readonly Sample[],
    options: FitOptions,
    kept: Checkpoint | null,
  ) {
    this.network = network;
    this.training = training;
    this.validation = validation;
    this.options = options;
    this.random = createRandom(options.seed);
    const start = kept?.sets.parameters ?? options.startFrom;
    this.parameters = start ? copyParameters(start) : initialParameters(network, this.random.fork(1));
    this.average =
      options.average === undefined
        ? null
        : new WeightAverage(options.average, kept?.sets.average ?? this.parameters);
    this.best = kept?.sets.best ?? copyParameters(this.parameters);
    this.bestLoss = kept?.progress.bestLoss ?? null;
    this.epochs = [...(kept?.progress.epochs ?? [])];
    this.resumed = kept?.progress ?? null;
    this.adam = new Adam(
      { ...ADAM_DEFAULTS, learningRate: options.learningRate },
      kept ? { steps: kept.progress.adamSteps, first: kept.sets.first, second: kept.sets.second } : undefined,
    );
    this.widthShares = new Map(
      networkParameters(network).map(({ name, fanIn }) => [name, widthShare(fanIn)]),
    );
    this.means = networkStatistics(network).flatMap(({ name }) => (name.endsWith('.mean') ? [name] : []));
    this.steps = Math.ceil(training.length / options.batch);
  }

  async run(pool: GradientPool, file: CheckpointFile | undefined): Promise<FitResult> {
    const { options } = this;
    if (!this.resumed) {
      if (options.startFrom) this.bestLoss = (await this.validate()).loss;
      // That it cannot be written is better known before the first epoch than behind it.
      await this.keep(file, { epoch: 1, step: 0, lossSum: 0, right: 0 });
    }
    for (let epoch = this.epochs.length + 1; epoch <= options.epochs && !this.outOfPatience(); epoch++) {
      const done = await this.runEpoch(epoch, pool, file);
      this.epochs.push(done.epoch);
      await this.keep(file, { epoch: epoch + 1, step: 0, lossSum: 0, right: 0 });
      await options.onEpoch?.(done.epoch, this.judged, done.scores);
    }
    return { parameters: this.best, epochs: this.epochs };
  }

  /** What is judged and, where it is the best, given. */
  private get judged(): Parameters {
    return this.average?.parameters ?? this.parameters;
  }

  private outOfPatience(): boolean {
    const { patience } = this.options;
    if (patience === undefined || this.epochs.length < patience) return false;
    return this.epochs.slice(-patience).every(({ best }) => !best);
  }

  private async runEpoch(epoch: number, pool: GradientPool, file: CheckpointFile | undefined) {
    const { options } = this;
    const steps = this.steps;
    const count = this.training.length;
    const started = options.now();
    // A checkpoint stands in the epoch that was under way, at its first step where it was between two.
    let { step, lossSum, right } = this.resumed ?? { step: 0, lossSum: 0, right: 0 };
    this.resumed = null;
    const order = this.random.fork(100 + epoch).shuffled(this.training.map((_, index) => index));
    const doneBefore = (epoch - 1) * steps;
    while (step < steps) {
      if (options.signal?.aborted) {
        await this.keep(file, { epoch, step, lossSum, right });
        options.signal.throwIfAborted();
      }
      const jobs = this.jobsOf(epoch, order, step);
      const results = await pool.run(this.parameters, jobs);
      for (const result of results) {
        lossSum += result.loss;
        right += result.right;
      }
      if (!Number.isFinite(lossSum)) throw diverged(epoch, step + 1);
      this.learn(results, doneBefore + step);
      step++;
      const seen = Math.min(step * options.batch, count);
      options.onStep?.({ epoch, step, steps, loss: lossSum / seen });
      const due = options.checkpoint && step % options.checkpoint.everySteps === 0 && step < steps;
      if (due) await this.keep(file, { epoch, step, lossSum, right });
    }
    const judged = await this.validate();
    // Without a validation side the last epoch counts; a loss that is no number is never the best.
    const improved =
      this.validation.length === 0 || judged.loss < (this.bestLoss ?? Number.POSITIVE_INFINITY);
    if (improved) {
      this.best = copyParameters(this.judged);
      this.bestLoss = judged.loss;
    }
    const done: FitEpoch = {
      epoch,
      trainingLoss: lossSum / count,
      trainingAccuracy: right / count,
      validationLoss: judged.loss,
      validationAccuracy: judged.accuracy,
      learningRate: options.learningRate * rateShare(doneBefore + steps - 1, options.epochs * steps),
      seconds: (options.now() - started) / 1000,
      best: improved,
    };
    return { epoch: done, scores: judged.scores };
  }

  /** The micro-batches of a step. A short one is filled up from the epoch's beginning, for batch normalisation's sake. */
  private jobsOf(epoch: number, order: readonly number[], step: number): GradientJob[] {
    const { batch, microBatch } = this.options;
    const end = Math.min((step + 1) * batch, order.length);
    const jobs: GradientJob[] = [];
    for (let start = step * batch; start < end; start += microBatch) {
      const count = Math.min(microBatch, end - start);
      const indices = Array.from({ length: microBatch }, (_, place) =>
        place < count ? order[start + place] : order[place % order.length],
      );
      jobs.push({ slot: jobs.length, epoch, start, indices, count });
    }
    return jobs;
  }

  /** One step of Adam on the mean of the micro-batches' derivatives, summed in their order. */
  private learn(results: readonly MicroResult[], doneSteps: number): void {
    const { options } = this;
    const count = results.reduce((sum, result) => sum + result.count, 0);
    const gradients = new Map<string, Float32Array>();
    for (const name of this.widthShares.keys()) {
      if (options.trainable?.has(name) === false) continue;
      const sum = new Float32Array(this.parameters.get(name)?.length ?? 0);
      for (const { values } of results) {
        const part = values.get(name);
        if (part) for (let i = 0; i < sum.length; i++) sum[i] += part[i] / count;
      }
      gradients.set(name, sum);
    }
    const share = rateShare(doneSteps, options.epochs * this.steps);
    this.adam.step(this.parameters, gradients, (name) => share * (this.widthShares.get(name) ?? 1));
    const before = doneSteps * microSteps(options, this.training.length);
    results.forEach(({ values }, index) => {
      gatherStatistics(this.parameters, this.means, values, before + index);
    });
    this.average?.add(this.parameters, doneSteps);
  }

  private async keep(
    file: CheckpointFile | undefined,
    at: { readonly epoch: number; readonly step: number; readonly lossSum: number; readonly right: number },
  ): Promise<void> {
    if (!file) return;
    const { steps: adamSteps, first, second } = this.adam.state();
    const { parameters, best, bestLoss, epochs } = this;
    await file.write({
      progress: { ...at, adamSteps, bestLoss, epochs },
      sets: { parameters, best, first, second, average: this.average?.parameters ?? new Map() },
    });
  }

  private validate(): Promise<Validation> {
    return validate(this.network, this.judged, this.validation, this.options);
  }
}
