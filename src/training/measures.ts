import type { OutputKind } from '../domain/manifest.ts';
import { type ClassName, DEFECT_CLASSES, type DefectClass, type Probabilities } from '../domain/verdict.ts';
import {
  atTemperature,
  fitTemperature,
  type Reliability,
  reliabilityOf,
  type Spoken,
} from './calibration.ts';
import { type Curve, precisionCurve, rocCurve, type Scored, thresholdAtRate } from './curves.ts';
import { CLASS_ORDER, type Sample } from './samples.ts';

/** A sample with probabilities of the network and of the shortcut baseline. */
export interface ProbableSample {
  readonly sample: Pick<Sample, 'defects' | 'group'>;
  readonly network: Probabilities;
  readonly baseline: Probabilities;
}

/** Network and baseline over all thresholds, for one class against the others. */
export interface ClassCurves {
  readonly name: ClassName;
  /** null where the class, or everything else, is missing. */
  readonly roc: { readonly network: Curve | null; readonly baseline: Curve | null };
  readonly precision: { readonly network: Curve | null; readonly baseline: Curve | null };
}

/** Threshold of one defect for a false-alert rate, chosen on the very pictures it is measured on. */
export interface RateRow {
  readonly defect: DefectClass;
  /** Share of the pictures without the defect. */
  readonly rate: number;
  readonly threshold: number;
  readonly recall: number;
}

/** What can be said when probabilities are known. */
export interface Measures {
  /** Pictures that were not blind. */
  readonly count: number;
  readonly curves: readonly ClassCurves[];
  readonly rates: readonly RateRow[];
  readonly reliability: Reliability;
  /** After temperature scaling: fitted to one half of the groups, applied to the other, and the other way round. */
  readonly scaled: { readonly reliability: Reliability; readonly temperatures: readonly [number, number] };
}

const RATES = [0.001, 0.01, 0.02, 0.05, 0.1];

export function measuresOf(samples: readonly ProbableSample[], kind: OutputKind): Measures {
  const spoken = samples.map(({ sample, network }) => ({ probabilities: network, defects: sample.defects }));
  const curves = CLASS_ORDER.map((name): ClassCurves => {
    const scores = (of: 'network' | 'baseline'): Scored[] =>
      samples.map((each) => ({ score: each[of][name] ?? 0, positive: isOf(each.sample, name) }));
    const [network, baseline] = [scores('network'), scores('baseline')];
    return {
      name,
      roc: { network: rocCurve(network), baseline: rocCurve(baseline) },
      precision: { network: precisionCurve(network), baseline: precisionCurve(baseline) },
    };
  });
  return {
    count: samples.length,
    curves,
    rates: DEFECT_CLASSES.flatMap((defect) => {
      const curve = curves.find(({ name }) => name === defect)?.roc.network;
      return curve
        ? RATES.map((rate) => {
            const { threshold, y } = thresholdAtRate(curve, rate);
            return { defect, rate, threshold: Math.min(1, threshold), recall: y };
          })
        : [];
    }),
    reliability: reliabilityOf(spoken, kind),
    scaled: crossScaled(samples, spoken, kind),
  };
}

function isOf({ defects }: Pick<Sample, 'defects'>, name: ClassName): boolean {
  return name === 'intact' ? defects.size === 0 : defects.has(name);
}

function crossScaled(
  samples: readonly ProbableSample[],
  spoken: readonly Spoken[],
  kind: OutputKind,
): Measures['scaled'] {
  const groups = [...new Set(samples.map(({ sample }) => sample.group))].sort();
  const firstHalf = new Set(groups.filter((_, index) => index % 2 === 0));
  const half = (first: boolean): Spoken[] =>
    spoken.filter((_, index) => firstHalf.has(samples[index].sample.group) === first);
  const temperatures = [fitTemperature(half(true), kind), fitTemperature(half(false), kind)] as const;
  const scaled = spoken.map(({ probabilities, defects }, index) => {
    const temperature = firstHalf.has(samples[index].sample.group) ? temperatures[1] : temperatures[0];
    return { probabilities: atTemperature(probabilities, kind, temperature), defects };
  });
  return { reliability: reliabilityOf(scaled, kind), temperatures };
}
