import type { OutputKind } from '../domain/manifest.ts';
import { type ClassName, DEFECT_CLASSES, type DefectClass, type Probabilities } from '../domain/verdict.ts';
import { CLASS_ORDER, mainClass } from './samples.ts';

/** What was said of one picture, and what it is. */
export interface Spoken {
  readonly probabilities: Probabilities;
  /** None = intact. */
  readonly defects: ReadonlySet<DefectClass>;
}

/** Pictures about which the model was about equally sure. */
export interface ReliabilityBin {
  /** Confidence, 0..1. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Mean confidence, and the share that was right; null where `count` is 0. */
  readonly confidence: number | null;
  readonly right: number | null;
}

export interface Reliability {
  readonly bins: readonly ReliabilityBin[];
  /** Expected calibration error: mean distance of confidence and share of right ones, weighted by count, 0..1. */
  readonly error: number;
}

const BINS = 15;

/**
 * How sure the model was of the class it found most probable, against how often it was right (Guo et al., On
 * Calibration of Modern Neural Networks, 2017).
 */
export function reliabilityOf(spoken: readonly Spoken[], kind: OutputKind): Reliability {
  const sums = Array.from({ length: BINS }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (const { probabilities, defects } of spoken) {
    const { name, probability } = foremost(probabilities, kind);
    const bin = sums[Math.min(BINS - 1, Math.floor(probability * BINS))];
    bin.count++;
    bin.confidence += probability;
    if (name === 'intact' ? defects.size === 0 : defects.has(name)) bin.right++;
  }
  const error = sums.reduce((sum, { confidence, right }) => sum + Math.abs(confidence - right), 0);
  return {
    bins: sums.map(({ count, confidence, right }, index) => ({
      from: index / BINS,
      to: (index + 1) / BINS,
      count,
      confidence: count === 0 ? null : confidence / count,
      right: count === 0 ? null : right / count,
    })),
    error: spoken.length === 0 ? 0 : error / spoken.length,
  };
}

/**
 * The one class that is most probable, with its probability. Of independent sigmoids: the more probable defect from a
 * half on, else `intact`.
 */
export function foremost(
  probabilities: Probabilities,
  kind: OutputKind,
): { readonly name: ClassName; readonly probability: number } {
  const of = (name: ClassName): number => probabilities[name] ?? 0;
  const most = (names: readonly ClassName[]): ClassName =>
    names.reduce((first, name) => (of(name) > of(first) ? name : first));
  const defect = most(DEFECT_CLASSES);
  const name = kind === 'softmax' ? most(CLASS_ORDER) : of(defect) >= 0.5 ? defect : 'intact';
  return { name, probability: of(name) };
}

/** Least and largest temperature that is tried; the search ends within this share of the best. */
const COLDEST = 0.05;
const HOTTEST = 20;
const PRECISION = 1e-4;

/**
 * The temperature at which the truth is most probable (least cross-entropy), relative to the one the probabilities
 * were made with. Searched by golden sections along its logarithm; 1 for no pictures.
 */
export function fitTemperature(spoken: readonly Spoken[], kind: OutputKind): number {
  if (spoken.length === 0) return 1;
  const loss = (logarithm: number): number => {
    const temperature = Math.exp(logarithm);
    return spoken.reduce(
      (sum, { probabilities, defects }) =>
        sum + surprise(atTemperature(probabilities, kind, temperature), kind, defects),
      0,
    );
  };
  const golden = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [Math.log(COLDEST), Math.log(HOTTEST)];
  let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
  let [atLeft, atRight] = [loss(left), loss(right)];
  while (high - low > PRECISION) {
    if (atLeft <= atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - golden * (high - low);
      atLeft = loss(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + golden * (high - low);
      atRight = loss(right);
    }
  }
  return Math.exp((low + high) / 2);
}

/** Probabilities nearer to 0 or 1 than this cannot be told from them in 32 bits. */
const EDGE = 1e-7;

/** What the probabilities would be had the logits been divided by `temperature` more. */
export function atTemperature(
  probabilities: Probabilities,
  kind: OutputKind,
  temperature: number,
): Probabilities {
  const inside = (value: number): number => Math.min(1 - EDGE, Math.max(EDGE, value));
  if (kind === 'sigmoid') {
    const scaled: Partial<Record<ClassName, number>> = {};
    let sound = 1;
    for (const defect of DEFECT_CLASSES) {
      const value = probabilities[defect];
      if (value === undefined) continue;
      const logit = Math.log(inside(value) / (1 - inside(value)));
      const now = 1 / (1 + Math.exp(-logit / temperature));
      scaled[defect] = now;
      sound *= 1 - now;
    }
    return probabilities.intact === undefined ? scaled : { ...scaled, intact: sound };
  }
  const names = CLASS_ORDER.filter((name) => probabilities[name] !== undefined);
  const powers = names.map((name) => Math.exp(Math.log(inside(probabilities[name] ?? 0)) / temperature));
  const sum = powers.reduce((total, power) => total + power, 0);
  return Object.fromEntries(names.map((name, index) => [name, powers[index] / sum]));
}

/**
 * Cross-entropy of what was said to the truth, nats: of a softmax to the one class of the picture, of sigmoids to the
 * presence and absence of each defect, summed.
 */
export function surprise(
  probabilities: Probabilities,
  kind: OutputKind,
  defects: ReadonlySet<DefectClass>,
): number {
  if (kind === 'softmax') return -Math.log(Math.max(EDGE, probabilities[mainClass({ defects })] ?? 0));
  return DEFECT_CLASSES.reduce((sum, defect) => {
    const value = probabilities[defect] ?? 0;
    return sum - Math.log(Math.max(EDGE, defects.has(defect) ? value : 1 - value));
  }, 0);
}
