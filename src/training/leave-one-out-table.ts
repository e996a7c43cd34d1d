import type { OutputKind } from '../domain/manifest.ts';
import type { ClassName } from '../domain/verdict.ts';
import { atTemperature, fitTemperature, foremost, reliabilityOf, type Spoken } from './calibration.ts';
import { measureSaid, type SaidOfSample } from './evaluate.ts';
import type { Fold, LeaveOneOut } from './leave-one-out.ts';
import type { Measures } from './measures.ts';
import { balancedRecall, type ConfusionMatrix, confusionMatrix, recall, textTable } from './metrics.ts';
import { CLASS_ORDER, mainClass } from './samples.ts';

/** Shares called by the right name, 0..1. */
export interface LeftOutFigures {
  /** By the bundle's thresholds: `unsure` and `blind` count as missed. */
  readonly thresholds: number | null;
  /** By the most probable class; blind ones count as missed. */
  readonly mostProbable: number | null;
  readonly baseline: number | null;
}

export interface LeftOutRow {
  readonly sources: string;
  readonly truth: ClassName;
  readonly count: number;
  readonly asIs: LeftOutFigures;
  readonly equalised: LeftOutFigures;
}

/** All folds' predictions of what they had not seen, pooled. */
export interface LeftOutSummary {
  readonly count: number;
  readonly rows: readonly LeftOutRow[];
  /** Recall of each class over all folds together: no single source has every class. */
  readonly classes: readonly Omit<LeftOutRow, 'sources'>[];
  /** Mean of the classes' recalls. */
  readonly balanced: { readonly asIs: LeftOutFigures; readonly equalised: LeftOutFigures };
  /** Curves and calibration over the pooled predictions; each fold's probabilities are of another network. */
  readonly measures: { readonly asIs: Measures | null; readonly equalised: Measures | null };
  readonly calibration: LeftOutCalibration;
}

/** How honest the probabilities are about pictures of sources that the network has not seen. */
export interface LeftOutCalibration {
  /** Expected calibration error, pooled, of the probabilities as the bundles give them. */
  readonly asGiven: Readonly<Record<Way, number>>;
  /** The same with each fold at the temperature that suits the pictures, as they are, of the other folds. */
  readonly byOtherFolds: Readonly<Record<Way, number>>;
  /** The temperature that suits all folds' pictures as they are, on top of the bundles' own: for `train --temperature`. */
  readonly temperature: number;
}

type Way = 'asIs' | 'equalised';

export function summariseLeftOut({ folds, output }: LeaveOneOut): LeftOutSummary {
  const pooled = (way: Way): SaidOfSample[] => folds.flatMap((fold) => fold[way]);
  const both = (figures: (way: Way) => LeftOutFigures): Pick<LeftOutRow, Way> => {
    return { asIs: figures('asIs'), equalised: figures('equalised') };
  };
  const countOf = (said: readonly SaidOfSample[], name: ClassName): number =>
    said.filter(({ sample }) => mainClass(sample) === name).length;
  return {
    count: pooled('asIs').length,
    rows: folds.flatMap((fold) =>
      CLASS_ORDER.filter((name) => countOf(fold.asIs, name) > 0).map((truth) => ({
        sources: fold.sources,
        truth,
        count: countOf(fold.asIs, truth),
        ...both((way) => figuresOf(fold[way], output, (matrix) => recall(matrix, truth))),
      })),
    ),
    classes: CLASS_ORDER.map((truth) => ({
      truth,
      count: countOf(pooled('asIs'), truth),
      ...both((way) => figuresOf(pooled(way), output, (matrix) => recall(matrix, truth))),
    })),
    balanced: both((way) => figuresOf(pooled(way), output, balancedRecall)),
    measures: {
      asIs: measureSaid(pooled('asIs'), output).measures,
      equalised: measureSaid(pooled('equalised'), output).measures,
    },
    calibration: calibrationOf(folds, output),
  };
}

function calibrationOf(folds: readonly Fold[], output: OutputKind): LeftOutCalibration {
  const spoken = (each: readonly Fold[], way: Way): Spoken[] =>
    each.flatMap((fold) =>
      fold[way].flatMap(({ sample: { defects }, network: { probabilities } }) =>
        probabilities === null ? [] : [{ probabilities, defects }],
      ),
    );
  const others = folds.map((fold) =>
    fitTemperature(
      spoken(
        folds.filter((other) => other !== fold),
        'asIs',
      ),
      output,
    ),
  );
  const scaled = (way: Way): Spoken[] =>
    folds.flatMap((fold, index) =>
      spoken([fold], way).map(({ probabilities, defects }) => ({
        probabilities: atTemperature(probabilities, output, others[index]),
        defects,
      })),
    );
  const error = (from: (way: Way) => Spoken[]): Record<Way, number> => ({
    asIs: reliabilityOf(from('asIs'), output).error,
    equalised: reliabilityOf(from('equalised'), output).error,
  });
  return {
    asGiven: error((way) => spoken(folds, way)),
    byOtherFolds: error(scaled),
    temperature: fitTemperature(spoken(folds, 'asIs'), output),
  };
}

function figuresOf(
  said: readonly SaidOfSample[],
  output: OutputKind,
  figure: (matrix: ConfusionMatrix) => number | null,
): LeftOutFigures {
  const matrix = (judge: (each: SaidOfSample) => SaidOfSample['network']['judgement']): ConfusionMatrix =>
    confusionMatrix(said.map((each) => ({ truth: mainClass(each.sample), judgement: judge(each) })));
  return {
    thresholds: figure(matrix(({ network }) => network.judgement)),
    mostProbable: figure(
      matrix(({ network }) =>
        network.probabilities ? foremost(network.probabilities, output).name : 'blind',
      ),
    ),
    baseline: figure(matrix(({ baseline }) => foremost(baseline, 'softmax').name)),
  };
}

/** The summary as lines of text for people. */
export function leftOutLines(summary: LeftOutSummary): string[] {
  const share = (value: number | null): string => (value === null ? '-' : value.toFixed(3));
  const cells = ({ asIs, equalised }: Pick<LeftOutRow, Way>): string[] =>
    [asIs, equalised].flatMap((each) => [
      share(each.thresholds),
      share(each.mostProbable),
      share(each.baseline),
    ]);
  const { asGiven, byOtherFolds, temperature } = summary.calibration;
  return [
    ...textTable([
      ['', '', 'as is', '', '', 'equalised', '', ''],
      ['recall of what was left out', 'pictures', ...HEADS, ...HEADS],
      ...summary.rows.map((row) => [`${row.sources} ${row.truth}`, String(row.count), ...cells(row)]),
      ...summary.classes.map((row) => [`all ${row.truth}`, String(row.count), ...cells(row)]),
      ['balanced (mean of the classes)', String(summary.count), ...cells(summary.balanced)],
    ]),
    'No source has all classes, so each class is counted over the pictures of all folds together, and the mean of the',
    'three is taken. network: by its thresholds, `unsure` and `blind` missed; most: by its most probable class.',
    'The shortcut baseline knows brightness, contrast and sharpness, learnt from the same sources as the network.',
    `Calibration error of the pooled predictions: ${share(asGiven.asIs)} as is, ${share(asGiven.equalised)} equalised;`,
    `with each fold at the temperature of the others: ${share(byOtherFolds.asIs)} as is, ${share(byOtherFolds.equalised)} equalised.`,
    `The temperature of all folds together, on top of the bundles' own: ${temperature.toFixed(2)}.`,
  ];
}

const HEADS = ['network', 'most', 'baseline'];
