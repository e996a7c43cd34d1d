import type { DefectRule, Manifest } from '../domain/manifest.ts';
import { DEFECT_CLASSES, type DefectClass } from '../domain/verdict.ts';
import { DEFECT_ADVICE } from './advice.ts';
import type { Score } from './scorer.ts';

/** Thresholds of one defect with what they gave on the samples they were chosen on. */
export interface ChosenThreshold {
  /** Probability 0..1. */
  readonly on: number;
  readonly off: number;
  /** Share of samples without the defect at or above `on`. */
  readonly falseAlertRate: number;
  /** Share of samples with the defect at or above `on`. */
  readonly recall: number;
}

/** Least probabilities, 0..1, by which a picture is labelled. */
export type LabelThresholds = Readonly<Record<DefectClass | 'intact', number>>;

/** The thresholds in the manifest's words. */
export function labelRules({ intact, ...on }: LabelThresholds): Pick<Manifest, 'intactThreshold'> & {
  readonly defects: Record<DefectClass, DefectRule>;
} {
  const rule = (defect: DefectClass): DefectRule => {
    return { on: on[defect], off: offOf(on[defect]), ...DEFECT_ADVICE[defect] };
  };
  return { defects: { corrosion: rule('corrosion'), crack: rule('crack') }, intactThreshold: intact };
}

function offOf(on: number): number {
  return Math.round(100 * on * OFF_SHARE) / 100;
}

const LEAST_ON = 0.5;
const MOST_ON = 0.95;
/**
 * `off` as a share of `on`. Narrow on purpose: a network that is unsure of a sound pipe (probabilities near a half)
 * would never let go of a finding with a wide gap; frames that dip below are bridged by inspection's off delay.
 */
const OFF_SHARE = 0.92;

/**
 * For each defect the lowest `on` between 0.5 and 0.95 (in steps of 0.01) at which at most `falseAlertRate` of the
 * samples without it would raise it; 0.95 where none is low enough.
 */
export function chooseThresholds(
  scores: readonly Score[],
  falseAlertRate: number,
): Readonly<Record<DefectClass, ChosenThreshold>> {
  const choose = (defect: DefectClass): ChosenThreshold => {
    const ofSamples = (present: boolean): number[] =>
      scores
        .filter(({ sample }) => sample.defects.has(defect) === present)
        .map(({ probabilities }) => probabilities[defect] ?? 0);
    const [positives, negatives] = [ofSamples(true), ofSamples(false)];
    const shareAbove = (values: readonly number[], threshold: number): number =>
      values.length === 0 ? 0 : values.filter((value) => value >= threshold).length / values.length;
    let hundredths = LEAST_ON * 100;
    while (hundredths < MOST_ON * 100 && shareAbove(negatives, hundredths / 100) > falseAlertRate)
      hundredths++;
    const on = hundredths / 100;
    return {
      on,
      off: offOf(on),
      falseAlertRate: shareAbove(negatives, on),
      recall: shareAbove(positives, on),
    };
  };
  return Object.fromEntries(DEFECT_CLASSES.map((defect) => [defect, choose(defect)])) as Record<
    DefectClass,
    ChosenThreshold
  >;
}

/** What thresholds that were not chosen on these samples give on them. */
export function measureThresholds(
  scores: readonly Score[],
  defects: Manifest['defects'],
): Readonly<Record<DefectClass, ChosenThreshold>> {
  const measure = (defect: DefectClass): ChosenThreshold => {
    const { on, off } = defects[defect] ?? { on: MOST_ON, off: MOST_ON };
    const shareOf = (present: boolean): number => {
      const side = scores.filter(({ sample }) => sample.defects.has(defect) === present);
      const raised = side.filter(({ probabilities }) => (probabilities[defect] ?? 0) >= on);
      return side.length === 0 ? 0 : raised.length / side.length;
    };
    return { on, off, falseAlertRate: shareOf(false), recall: shareOf(true) };
  };
  return { corrosion: measure('corrosion'), crack: measure('crack') };
}

const LEAST_INTACT = 0.2;
const MOST_INTACT = 0.95;

/**
 * The lowest probability of `intact` between 0.2 and 0.95 (in steps of 0.01) that at most `missedShare` of the samples
 * with a defect reach; 0.95 where none is high enough.
 */
export function chooseIntactThreshold(scores: readonly Score[], missedShare: number): number {
  const defective = scores
    .filter(({ sample }) => sample.defects.size > 0)
    .map(({ probabilities }) => probabilities.intact ?? 0);
  let hundredths = LEAST_INTACT * 100;
  const missed = (threshold: number): number => defective.filter((value) => value >= threshold).length;
  while (hundredths < MOST_INTACT * 100 && missed(hundredths / 100) > missedShare * defective.length)
    hundredths++;
  return hundredths / 100;
}
