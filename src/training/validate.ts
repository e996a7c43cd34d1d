import { DEFECT_CLASSES } from '../domain/verdict.ts';
import { foremost } from './calibration.ts';
import type { Network } from './network.ts';
import type { Parameters } from './parameters.ts';
import { mainClass, type Sample } from './samples.ts';
import { type JudgingRules, type Score, Scorer } from './scorer.ts';

/** How one state of the parameters does on the validation side. */
export interface Validation {
  /** Mean unweighted loss, nats a sample; NaN where that side is empty. */
  readonly loss: number;
  /** Share of samples whose every defect is on the right side of 0.5; of a softmax, whose likeliest class is right. */
  readonly accuracy: number;
  readonly scores: readonly Score[];
}

/** Judges the validation side. Rejects with the signal's reason when aborted. */
export async function validate(
  network: Network,
  parameters: Parameters,
  validation: readonly Sample[],
  {
    rules,
    threads,
    signal,
  }: { readonly rules: JudgingRules; readonly threads: number; readonly signal?: AbortSignal },
): Promise<Validation> {
  const scorer = await Scorer.create(network, parameters, rules, threads);
  try {
    const scores = await scorer.score(validation, signal);
    const right = scores.filter(({ sample, probabilities }) =>
      rules.output.kind === 'softmax'
        ? foremost(probabilities, 'softmax').name === mainClass(sample)
        : DEFECT_CLASSES.every(
            (defect) => (probabilities[defect] ?? 0) >= 0.5 === sample.defects.has(defect),
          ),
    );
    const loss = scores.reduce((sum, score) => sum + score.loss, 0) / scores.length;
    return { loss, accuracy: right.length / scores.length, scores };
  } finally {
    await scorer.close();
  }
}
