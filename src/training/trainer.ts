import { SpectaError } from '../platform/errors.ts';
import type { BatchRules } from './batch-maker.ts';
import type { Network } from './network.ts';
import type { Parameters } from './parameters.ts';
import type { Sample } from './samples.ts';
import type { Score } from './scorer.ts';

/** What a training is asked to do. */
export interface FitOptions extends BatchRules {
  readonly epochs: number;
  /** Samples for one step of the weights. */
  readonly batch: number;
  /** Samples at once in a gradient graph: memory, and what batch normalisation sees at once. */
  readonly microBatch: number;
  /** Of Adam at its highest: it rises for some steps, then falls to a twentieth along half a cosine. */
  readonly learningRate: number;
  readonly threads: number;
  /** Stop after this many epochs in a row that were not the best so far; never where absent. */
  readonly patience?: number;
  /** Monotonic ms. */
  readonly now: () => number;
  /** Names of the parameters that are changed; all where absent. */
  readonly trainable?: ReadonlySet<string>;
  /**
   * Judge and give a running mean of the weights instead of those of the last step; share of the old mean that a step
   * leaves, 0..1. No mean where absent.
   */
  readonly average?: number;
  /** Start from these instead of fresh ones; they are not changed. */
  readonly startFrom?: Parameters;
  /** Where to keep the state of the training; one that is there is gone on from. The caller removes it in the end. */
  readonly checkpoint?: CheckpointOptions;
  readonly signal?: AbortSignal;
  readonly onStep?: (step: FitStep) => void;
  /** Told once, where a checkpoint was found: epochs done, and steps of the next. */
  readonly onResume?: (epochs: readonly FitEpoch[], steps: number) => void;
  /** Told after each epoch; training waits for it. `parameters` are those of the epoch and change afterwards. */
  readonly onEpoch?: (
    epoch: FitEpoch,
    parameters: Parameters,
    validation: readonly Score[],
  ) => void | Promise<void>;
}

export interface CheckpointOptions {
  readonly file: string;
  /** Steps between two writings; the beginning, each epoch and the moment of an abort are written too. */
  readonly everySteps: number;
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
  /** Share of training samples, as augmented, whose outputs were right. */
  readonly trainingAccuracy: number;
  /** Mean unweighted loss on the validation side, nats a sample; NaN where that side is empty. */
  readonly validationLoss: number;
  /** Share of validation samples that were right; see `Validation`. */
  readonly validationAccuracy: number;
  /** Adam's in the epoch's last step. */
  readonly learningRate: number;
  /** Of this process; an epoch that was gone on with counts from there. */
  readonly seconds: number;
  /** Whether its parameters are the best so far. */
  readonly best: boolean;
}

export interface FitResult {
  /** Of the epoch with the lowest validation loss; those it started from where no epoch did better. */
  readonly parameters: Parameters;
  readonly epochs: readonly FitEpoch[];
}

/** What trains a network: `fitNetwork`, or another engine that takes and gives the same. */
export type Trainer = (
  network: Network,
  training: readonly Sample[],
  validation: readonly Sample[],
  options: FitOptions,
) => Promise<FitResult>;

/** The error of a training whose loss is no number any more. */
export function diverged(epoch: number, step: number): SpectaError {
  return new SpectaError(
    'ENGINE_FAILED',
    `the training has run away: in epoch ${epoch}, step ${step}, the loss is no number`,
    'Train with a smaller --learning-rate.',
  );
}
