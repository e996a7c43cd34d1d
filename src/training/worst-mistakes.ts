import type { ClassName } from '../domain/verdict.ts';
import type { NetworkVerdict } from './judge-samples.ts';
import type { Judgement } from './metrics.ts';
import { mainClass, type Sample } from './samples.ts';

/** A picture that was called by a wrong name. */
export interface Mistake {
  readonly sample: Sample;
  readonly truth: ClassName;
  readonly said: Judgement;
  /** Of what was said, 0..1; null where it is not known. */
  readonly probability: number | null;
}

const MOST = 48;

/** Wrongly named pictures, those with the surest wrong word first; `unsure` and `blind` name nothing. */
export function worstMistakes(samples: readonly Sample[], verdicts: readonly NetworkVerdict[]): Mistake[] {
  const mistakes = samples.flatMap((sample, index): Mistake[] => {
    const { judgement, probabilities } = verdicts[index];
    const truth = mainClass(sample);
    if (judgement === 'unsure' || judgement === 'blind' || judgement === truth) return [];
    if (judgement !== 'intact' && sample.defects.has(judgement)) return [];
    return [{ sample, truth, said: judgement, probability: probabilities?.[judgement] ?? null }];
  });
  return mistakes.sort((a, b) => (b.probability ?? 0) - (a.probability ?? 0)).slice(0, MOST);
}
