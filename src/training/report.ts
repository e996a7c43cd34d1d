import type { ClassName } from '../domain/verdict.ts';
import {
  balancedRecall,
  type ConfusionMatrix,
  confusionLines,
  confusionMatrix,
  type Judgement,
  recall,
  textTable,
} from './metrics.ts';
import { CLASS_ORDER, mainClass, type Sample } from './samples.ts';

/** What was said of one sample, by the network and by the shortcut baseline. */
export interface JudgedSample {
  readonly sample: Pick<Sample, 'source' | 'defects' | 'name'>;
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

/** The network beside the baseline on the same pictures. */
export interface EvaluationReport {
  readonly count: number;
  readonly network: ConfusionMatrix;
  readonly baseline: ConfusionMatrix;
  readonly balancedRecall: { readonly network: number | null; readonly baseline: number | null };
  readonly recall: Readonly<Record<ClassName, { network: number | null; baseline: number | null }>>;
  /** By source, then class; only those that occur. */
  readonly sources: readonly SourceRow[];
}

export function evaluationReport(judged: readonly JudgedSample[]): EvaluationReport {
  const matrix = (of: 'network' | 'baseline'): ConfusionMatrix =>
    confusionMatrix(judged.map((each) => ({ truth: mainClass(each.sample), judgement: each[of] })));
  const network = matrix('network');
  const baseline = matrix('baseline');
  const sources = [...new Set(judged.map(({ sample }) => sample.source))].sort();
  const both = (name: ClassName): { network: number | null; baseline: number | null } => ({
    network: recall(network, name),
    baseline: recall(baseline, name),
  });
  return {
    count: judged.length,
    network,
    baseline,
    balancedRecall: { network: balancedRecall(network), baseline: balancedRecall(baseline) },
    recall: { corrosion: both('corrosion'), crack: both('crack'), intact: both('intact') },
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
    'The shortcut baseline knows brightness, contrast and sharpness alone; `unsure` and `blind` count as missed.',
  ];
}
