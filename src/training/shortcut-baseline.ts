import type { ClassName } from '../domain/verdict.ts';
import { createQualityMeter, type QualityMeter } from '../vision/quality.ts';
import { CLASS_ORDER, mainClass, type Sample } from './samples.ts';

/** A classifier that knows brightness, contrast and sharpness alone: what a network must beat to have seen anything. */
export interface ShortcutBaseline {
  /** The class of the highest probability. */
  judge(sample: Sample): ClassName;
  /** Of all classes; they sum to 1. */
  probabilities(sample: Sample): Readonly<Record<ClassName, number>>;
}

const STEPS = 3000;
const LEARNING_RATE = 0.5;
const FEATURES = 3;

/**
 * Multinomial logistic regression on mean, deviation and sharpness of the luma (standardised), classes weighted evenly,
 * fitted by gradient descent. Has no random part.
 * @param size of the samples' luma, pixels
 */
export function fitShortcutBaseline(
  training: readonly Sample[],
  size: { readonly width: number; readonly height: number },
): ShortcutBaseline {
  const meter = createQualityMeter(size);
  const raw = training.map((sample) => shortcutFeatures(sample, meter));
  const scale = standardisation(raw);
  const inputs = raw.map(scale);
  const truths = training.map((sample) => CLASS_ORDER.indexOf(mainClass(sample)));
  const counts = CLASS_ORDER.map((_, index) => truths.filter((truth) => truth === index).length);
  const present = counts.filter((count) => count > 0).length;
  const weights = CLASS_ORDER.map(() => new Float64Array(FEATURES + 1));
  for (let step = 0; step < STEPS; step++) {
    const slopes = CLASS_ORDER.map(() => new Float64Array(FEATURES + 1));
    inputs.forEach((input, index) => {
      const importance = 1 / (present * counts[truths[index]]);
      const probabilities = softmaxOf(weights, input);
      slopes.forEach((slope, name) => {
        const error = (probabilities[name] - (truths[index] === name ? 1 : 0)) * importance;
        for (let i = 0; i < FEATURES; i++) slope[i] += error * input[i];
        slope[FEATURES] += error;
      });
    });
    weights.forEach((weight, name) => {
      for (let i = 0; i <= FEATURES; i++) weight[i] -= LEARNING_RATE * slopes[name][i];
    });
  }
  const probabilities = (sample: Sample): Record<ClassName, number> => {
    const [corrosion, crack, intact] = softmaxOf(weights, scale(shortcutFeatures(sample, meter)));
    return { corrosion, crack, intact };
  };
  return {
    probabilities,
    judge(sample) {
      const said = probabilities(sample);
      return CLASS_ORDER.reduce((most, name) => (said[name] > said[most] ? name : most));
    },
  };
}

/** Mean, standard deviation and mean absolute Laplacian of the luma, grey levels. */
function shortcutFeatures({ luma }: Sample, meter: QualityMeter): number[] {
  let sum = 0;
  let squares = 0;
  for (const value of luma) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / luma.length;
  const deviation = Math.sqrt(Math.max(0, squares / luma.length - mean * mean));
  const { sharpness } = meter.alone({ small: luma, mean, deviation });
  return [mean, deviation, sharpness];
}

function standardisation(rows: readonly (readonly number[])[]): (row: readonly number[]) => number[] {
  const means = Array.from({ length: FEATURES }, (_, i) => average(rows.map((row) => row[i])));
  const deviations = means.map((mean, i) => Math.sqrt(average(rows.map((row) => (row[i] - mean) ** 2))) || 1);
  return (row) => row.map((value, i) => (value - means[i]) / deviations[i]);
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function softmaxOf(weights: readonly Float64Array[], input: readonly number[]): number[] {
  const logits = weights.map((weight) =>
    input.reduce((sum, value, i) => sum + value * weight[i], weight[FEATURES]),
  );
  const most = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}
