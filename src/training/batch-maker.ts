import { createPreprocessor, type Preprocessor } from '../vision/preprocess.ts';
import { AUGMENT_DEFAULTS, Augmenter, type AugmentOptions } from './augment.ts';
import type { TrainingBatch } from './gradient-runner.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import { createRandom } from './random.ts';
import type { JudgingRules } from './scorer.ts';
import { type SharedSamples, sampleAt } from './shared-samples.ts';
import { type ClassWeights, createTargetWriter, type TargetWriter } from './targets.ts';

/** What turns samples into a network's input and targets. */
export interface BatchRules {
  readonly rules: JudgingRules;
  /** `AUGMENT_DEFAULTS` where absent. */
  readonly augment?: AugmentOptions;
  readonly classWeights?: ClassWeights;
  readonly seed: number;
}

/** Fills the gradient graph's inputs with augmented samples. */
export class BatchMaker {
  private readonly batch: TrainingBatch;
  private readonly network: Network;
  private readonly samples: SharedSamples;
  private readonly augmenter: Augmenter;
  private readonly preprocessor: Preprocessor;
  private readonly targets: TargetWriter;

  /** @param size pictures in a batch */
  constructor(network: Network, samples: SharedSamples, size: number, options: BatchRules) {
    const { channels, height, width } = network.input;
    const { rules, seed, augment = AUGMENT_DEFAULTS, classWeights } = options;
    this.network = network;
    this.samples = samples;
    this.augmenter = new Augmenter(network.input, createRandom(seed).fork(2), augment);
    this.preprocessor = createPreprocessor(rules.preprocessing, network.input);
    const training = samples.records.map(({ facts }) => facts);
    this.targets = createTargetWriter(network.output.kind, rules.output.classes, training, classWeights);
    this.batch = {
      input: new Float32Array(size * channels * height * width),
      targets: new Float32Array(size * network.output.units),
      weights: new Float32Array(size * network.output.units),
    };
  }

  /**
   * The arrays are used again by the next call.
   * @param indices of the samples
   * @param count of them that are to be learnt; those behind only fill the batch up and weigh nothing
   * @param random gives each picture its own stream, by its place
   */
  make(indices: readonly number[], count: number, random: (place: number) => Random): TrainingBatch {
    const { units } = this.network.output;
    const values = this.batch.input.length * (units / this.batch.targets.length);
    indices.forEach((index, place) => {
      const sample = sampleAt(this.samples, index);
      const picture = this.augmenter.augmentPicture(sample, random(place));
      this.preprocessor.run(picture, this.batch.input.subarray(place * values, (place + 1) * values));
      this.targets.write(sample, this.batch.targets, this.batch.weights, place * units);
    });
    this.batch.weights.fill(0, count * units);
    return this.batch;
  }
}
