import type { Manifest } from '../domain/manifest.ts';
import { DEFECT_CLASSES } from '../domain/verdict.ts';
import { labelOf } from '../vision/probabilities.ts';
import type { SaidOfSample } from './evaluate.ts';
import type { Fold } from './leave-one-out.ts';
import { balancedRecall, confusionMatrix } from './metrics.ts';
import { mainClass } from './samples.ts';
import { type LabelThresholds, labelRules } from './thresholds.ts';

/**
 * Each fold left out together with the next one, the last with the first, as `leaveOneOut` wants them: every fold is then
 * in two pairs. Where classes are rare, the order of the folds should give each fold neighbours with all of them.
 */
export function pairsOf(folds: readonly string[]): string[] {
  const next = (index: number): string => folds[(index + 1) % folds.length] ?? '';
  return folds.flatMap((fold, index) =>
    index === folds.length - 1 && folds.length < 3 ? [] : [`${fold}+${next(index)}`],
  );
}

/** What a fold is judged by, chosen without it. */
export interface FoldThresholds {
  readonly sources: string;
  readonly thresholds: LabelThresholds;
}

/**
 * Thresholds for each fold, chosen on sources that the fold trained on, as said by networks that saw neither these nor
 * the fold's: an unseen source is what thresholds must hold for, and no picture of the fold has a say in them.
 * @param pairs folds of {@link pairsOf}
 */
export function thresholdsOfFolds(folds: readonly Fold[], pairs: readonly Fold[]): FoldThresholds[] {
  return folds.map(({ sources }) => {
    const own = sources.split('+');
    const inner = pairs
      .filter((pair) => own.every((source) => pair.sources.split('+').includes(source)))
      .flatMap(({ asIs }) => asIs.filter(({ sample }) => !own.includes(sample.source)));
    return { sources, thresholds: chooseOnSources(inner) };
  });
}

/**
 * Thresholds for each fold, chosen on what the other folds' networks said of their own left-out sources. No picture of the
 * fold is looked at, but those networks have learnt from them: weaker evidence than {@link thresholdsOfFolds}, for no
 * training more.
 */
export function thresholdsOfOthers(folds: readonly Fold[]): FoldThresholds[] {
  return folds.map((fold) => {
    const others = folds.filter((other) => other !== fold);
    return { sources: fold.sources, thresholds: chooseOnSources(others.flatMap(({ asIs }) => asIs)) };
  });
}

/** The folds judged anew by their thresholds; blind pictures stay blind. */
export function judgedBy(folds: readonly Fold[], thresholds: readonly FoldThresholds[]): Fold[] {
  return folds.map((fold) => {
    const own = thresholds.find(({ sources }) => sources === fold.sources)?.thresholds;
    if (!own) return fold;
    const rules = labelRules(own);
    const judge = (said: SaidOfSample): SaidOfSample => ({ ...said, network: judged(said, rules) });
    return { ...fold, asIs: fold.asIs.map(judge), equalised: fold.equalised.map(judge) };
  });
}

const LEAST_ON = 0.3;
const MOST_ON = 0.9;
/** Coarse on purpose: a few hundred pictures of few sources cannot tell more. */
const ON_STEP = 0.05;
const LEAST_INTACT = 0.1;
const INTACT_STEP = 0.01;
/** So much of the balanced recall is given for saying `unsure` rather than `intact`. */
const UNSURE_COST = 0.005;

/**
 * The thresholds with the best balanced recall of three classes over what networks said of sources they had not seen;
 * of several equally good ones the lowest. `unsure` and `blind` count as missed.
 */
export function chooseOnSources(said: readonly SaidOfSample[]): LabelThresholds {
  const value = (thresholds: LabelThresholds): number => {
    const rules = labelRules(thresholds);
    const all = said.map((each) => ({
      truth: mainClass(each.sample),
      judgement: judged(each, rules).judgement,
    }));
    return balancedRecall(confusionMatrix(all)) ?? 0;
  };
  let best: LabelThresholds = { corrosion: LEAST_ON, crack: LEAST_ON, intact: LEAST_INTACT };
  let most = value(best);
  for (const corrosion of steps(LEAST_ON, MOST_ON, ON_STEP)) {
    for (const crack of steps(LEAST_ON, MOST_ON, ON_STEP)) {
      const tried = { corrosion, crack, intact: LEAST_INTACT };
      const got = value(tried);
      if (got > most) [best, most] = [tried, got];
    }
  }
  for (const intact of steps(LEAST_INTACT, MOST_ON, INTACT_STEP)) {
    if (value({ ...best, intact }) < most - UNSURE_COST) break;
    best = { ...best, intact };
  }
  return best;
}

type LabelRules = Pick<Manifest, 'defects' | 'intactThreshold'>;

function judged({ network }: SaidOfSample, rules: LabelRules): SaidOfSample['network'] {
  const { probabilities } = network;
  return probabilities === null ? network : { judgement: labelOf(probabilities, rules), probabilities };
}

function steps(from: number, to: number, step: number): number[] {
  return Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) =>
    Number((from + i * step).toFixed(2)),
  );
}

/** The thresholds as `train --thresholds` takes them. */
export function thresholdWords({ intact, ...on }: LabelThresholds): string {
  return [...DEFECT_CLASSES.map((defect) => `${defect}=${on[defect]}`), `intact=${intact}`].join(',');
}
