import type { OutputKind } from '../domain/manifest.ts';
import type { ClassName } from '../domain/verdict.ts';
import { mainClass, type Sample } from './samples.ts';

/** How much more than its share a class weighs in the loss, by its name; 1 where absent. */
export type ClassWeights = Readonly<Partial<Record<ClassName, number>>>;

/** What a target is made from. */
type Labelled = Pick<Sample, 'defects'>;

/** Turns a sample into what the network should say, with its weight in the loss. */
export interface TargetWriter {
  /** Writes one value per output unit into both, from `offset` on. */
  write(sample: Labelled, targets: Float32Array, weights: Float32Array, offset: number): void;
}

/**
 * Targets for outputs that stand for `classes`. Weights even the classes out: a class (for sigmoids: yes and no
 * of each defect) that is half as frequent in `training` weighs twice as much; their mean over `training` is 1.
 * `classWeights` multiply the weights of all samples of a class.
 */
export function createTargetWriter(
  kind: OutputKind,
  classes: readonly ClassName[],
  training: readonly Labelled[],
  classWeights: ClassWeights = {},
): TargetWriter {
  if (kind === 'softmax') {
    const present = classes.filter((name) => training.some((sample) => mainClass(sample) === name));
    const byClass = new Map(
      present.map((name) => {
        const count = training.filter((sample) => mainClass(sample) === name).length;
        return [name, training.length / (present.length * count)];
      }),
    );
    return {
      write(sample, targets, weights, offset) {
        const name = mainClass(sample);
        classes.forEach((each, unit) => {
          targets[offset + unit] = each === name ? 1 : 0;
          weights[offset + unit] = (byClass.get(name) ?? 1) * (classWeights[name] ?? 1);
        });
      },
    };
  }
  const shares = classes.map((name) => {
    const positive = training.filter((sample) => hasClass(sample, name)).length;
    return balancedWeights(positive, training.length - positive);
  });
  return {
    write(sample, targets, weights, offset) {
      const factor = classWeights[mainClass(sample)] ?? 1;
      classes.forEach((name, unit) => {
        const positive = hasClass(sample, name);
        targets[offset + unit] = positive ? 1 : 0;
        weights[offset + unit] = factor * (positive ? shares[unit].positive : shares[unit].negative);
      });
    },
  };
}

function hasClass(sample: Labelled, name: ClassName): boolean {
  return name === 'intact' ? sample.defects.size === 0 : sample.defects.has(name);
}

function balancedWeights(positive: number, negative: number): { positive: number; negative: number } {
  if (positive === 0 || negative === 0) return { positive: 1, negative: 1 };
  const all = positive + negative;
  return { positive: all / (2 * positive), negative: all / (2 * negative) };
}
