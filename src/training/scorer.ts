import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Manifest } from '../domain/manifest.ts';
import type { Probabilities } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';
import { createPreprocessor, type Preprocessor } from '../vision/preprocess.ts';
import { probabilitiesOf } from '../vision/probabilities.ts';
import { surprise } from './calibration.ts';
import { INPUT_NAME, inferenceModel, OUTPUT_NAME } from './inference-graph.ts';
import type { Network } from './network.ts';
import type { Parameters } from './parameters.ts';
import { pictureOf, type Sample } from './samples.ts';

/** What the network says of one sample. */
export interface Score {
  readonly sample: Sample;
  /** By class, 0..1. */
  readonly probabilities: Probabilities;
  /** {@link surprise}: cross-entropy to the sample's truth, nats, unweighted. */
  readonly loss: number;
}

/** How samples become the network's input and its output becomes probabilities: the bundle's own words for it. */
export type JudgingRules = Pick<Manifest, 'preprocessing' | 'classes' | 'output' | 'calibration'>;

/** Judges samples with the inference graph of one state of the parameters. */
export class Scorer {
  private readonly session: InferenceSession;
  private readonly network: Network;
  private readonly preprocessor: Preprocessor;
  private readonly rules: JudgingRules;

  private constructor(session: InferenceSession, network: Network, rules: JudgingRules) {
    this.session = session;
    this.network = network;
    this.rules = rules;
    this.preprocessor = createPreprocessor(rules.preprocessing, network.input);
  }

  static async create(
    network: Network,
    parameters: Parameters,
    rules: JudgingRules,
    threads: number,
  ): Promise<Scorer> {
    const session = await InferenceSession.create(inferenceModel(network, parameters), {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
    return new Scorer(session, network, rules);
  }

  /** Scores in the order of `samples`. Rejects with the signal's reason when aborted. */
  async score(samples: readonly Sample[], signal?: AbortSignal): Promise<Score[]> {
    const scores: Score[] = [];
    for (const sample of samples) {
      signal?.throwIfAborted();
      scores.push(await this.scoreOne(sample));
    }
    return scores;
  }

  private async scoreOne(sample: Sample): Promise<Score> {
    const { channels, height, width } = this.network.input;
    const { tensor } = this.preprocessor.run(pictureOf(sample, { width, height }));
    const results = await this.session.run({
      [INPUT_NAME]: new Tensor('float32', tensor, [1, channels, height, width]),
    });
    const logits = results[OUTPUT_NAME]?.data;
    if (!(logits instanceof Float32Array)) {
      throw new SpectaError(
        'ENGINE_FAILED',
        'the network gave no logits',
        'Report this with the log around it.',
      );
    }
    const probabilities = probabilitiesOf(logits, this.rules);
    return {
      sample,
      probabilities,
      loss: surprise(probabilities, this.rules.output.kind, sample.defects),
    };
  }

  /** Frees native memory. */
  async close(): Promise<void> {
    await this.session.release();
  }
}
