import type { ClassName } from '../domain/verdict.ts';
import {
  balancedRecall,
  type ConfusionMatrix,
  confusionLines,
  confusionMatrix,
  type Judgement,
  precision,
  recall,
  textTable,
} from './metrics.ts';
import { CLASS_ORDER, mainClass, type Sample } from './samples.ts';

/** What was said of one sample, by the network and by the shortcut baseline. */
export interface JudgedSample {
  readonly sample: Pick<Sample, 'source' | 'defects' | 'name' | 'effectiveSide'>;
  readonly network: Judgement;
  readonly baseline: Judgement;
}

/** One class of one source. */
export interface SourceRow {
  readonly source: string;
  readonly truth: ClassName;
  readonly count: number;
  /** Share of `count` called by the right name, 0..1. */
  readonly network: number;
  readonly baseline: number;
}

/** Pictures of about the same size before they were enlarged or resized. */
export interface SizeRow {
  /** Pixels along the shorter side, `to` not included; null: not known. */
  readonly from: number | null;
  readonly to: number | null;
  readonly count: number;
  /** Mean recall of the classes that occur, 0..1. */
  readonly network: number | null;
  readonly baseline: number | null;
}

/** The network beside the baseline on the same pictures. */
export interface EvaluationReport {
  readonly count: number;
  readonly network: ConfusionMatrix;
  readonly baseline: ConfusionMatrix;
  readonly balancedRecall: { readonly network: number | null; readonly baseline: number | null };
  readonly recall: Readonly<Record<ClassName, { network: number | null; baseline: number | null }>>;
  readonly precision: Readonly<Record<ClassName, { network: number | null; baseline: number | null }>>;
  /** By source, then class; only those that occur. */
  readonly sources: readonly SourceRow[];
  /** From small to large; only those that occur. */
  readonly sizes: readonly SizeRow[];
}

/** Bounds of the sizes told apart, pixels. */
const SIZES = [0, 128, 224, 288, 352, 512, 1080, Number.POSITIVE_INFINITY];

export function evaluationReport(judged: readonly JudgedSample[]): EvaluationReport {
  const matrix = (of: 'network' | 'baseline'): ConfusionMatrix =>
    confusionMatrix(judged.map((each) => ({ truth: mainClass(each.sample), judgement: each[of] })));
  const network = matrix('network');
  const baseline = matrix('baseline');
  const sources = [...new Set(judged.map(({ sample }) => sample.source))].sort();
  const both = (
    figure: typeof recall,
    name: ClassName,
  ): { network: number | null; baseline: number | null } => ({
    network: figure(network, name),
    baseline: figure(baseline, name),
  });
  const byClass = (figure: typeof recall): EvaluationReport['recall'] => ({
    corrosion: both(figure, 'corrosion'),
    crack: both(figure, 'crack'),
    intact: both(figure, 'intact'),
  });
  return {
    count: judged.length,
    network,
    baseline,
    balancedRecall: { network: balancedRecall(network), baseline: balancedRecall(baseline) },
    recall: byClass(recall),
    precision: byClass(precision),
    sizes: sizeRows(judged),
    sources: sources.flatMap((source) =>
      CLASS_ORDER.flatMap((truth) => {
        const members = judged.filter(
          ({ sample }) => sample.source === source && mainClass(sample) === truth,
        );
        if (members.length === 0) return [];
        const share = (of: 'network' | 'baseline'): number =>
          members.filter((each) => each[of] === truth).length / members.length;
        return [
          { source, truth, count: members.length, network: share('network'), baseline: share('baseline') },
        ];
      }),
    ),
  };
}

function sizeRows(judged: readonly JudgedSample[]): SizeRow[] {
  const row = (from: number | null, to: number | null, members: readonly JudgedSample[]): SizeRow[] => {
    if (members.length === 0) return [];
    const balanced = (of: 'network' | 'baseline'): number | null =>
      balancedRecall(
        confusionMatrix(members.map((each) => ({ truth: mainClass(each.sample), judgement: each[of] }))),
      );
    return [
      { from, to, count: members.length, network: balanced('network'), baseline: balanced('baseline') },
    ];
  };
  const sizeOf = ({ sample }: JudgedSample): number | undefined => sample.effectiveSide;
  return [
    ...SIZES.slice(1).flatMap((to, index) => {
      const from = SIZES[index];
      const members = judged.filter((each) => (sizeOf(each) ?? -1) >= from && (sizeOf(each) ?? -1) < to);
      return row(from, Number.isFinite(to) ? to : null, members);
    }),
    ...row(
      null,
      null,
      judged.filter((each) => sizeOf(each) === undefined),
    ),
  ];
}

/** The report as lines of text for people. */
export function reportLines(report: EvaluationReport): string[] {
  const share = (value: number | null): string => (value === null ? '-' : value.toFixed(3));
  return [
    ...confusionLines(report.network),
    '',
    ...textTable([
      ['recall', 'pictures', 'network', 'shortcut baseline'],
      ...report.sources.map(({ source, truth, count, network, baseline }) => [
        `${source} ${truth}`,
        String(count),
        share(network),
        share(baseline),
      ]),
      ...CLASS_ORDER.map((name) => [
        `all ${name}`,
        String(
          report.sources.filter(({ truth }) => truth === name).reduce((sum, { count }) => sum + count, 0),
        ),
        share(report.recall[name].network),
        share(report.recall[name].baseline),
      ]),
      [
        'balanced (mean of the classes)',
        String(report.count),
        share(report.balancedRecall.network),
        share(report.balancedRecall.baseline),
      ],
    ]),
    '',
    ...textTable([
      ['picture size, px', 'pictures', 'network', 'shortcut baseline'],
      ...report.sizes.map(({ from, to, count, network, baseline }) => [
        sizeWords({ from, to }),
        String(count),
        share(network),
        share(baseline),
      ]),
    ]),
    'The shortcut baseline knows brightness, contrast and sharpness alone; `unsure` and `blind` count as missed.',
  ];
}

/** A size row's bounds in words. */
export function sizeWords({ from, to }: Pick<SizeRow, 'from' | 'to'>): string {
  if (from === null) return 'not known';
  return to === null ? `${from} and more` : `${from} to ${to - 1}`;
}
