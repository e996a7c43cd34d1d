import { readFile } from 'node:fs/promises';
import type { Bundle, OutputKind } from '../domain/manifest.ts';
import type { Probabilities } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';
import { wholeSize } from '../vision/tiles.ts';
import { foremost } from './calibration.ts';
import { equalised } from './equalise.ts';
import { type JudgeOptions, judgeSamples, type NetworkVerdict } from './judge-samples.ts';
import { type DataRequest, loadData } from './load-data.ts';
import { type Measures, measuresOf } from './measures.ts';
import type { Judgement } from './metrics.ts';
import type { Progress } from './progress.ts';
import { type EvaluationReport, evaluationReport } from './report.ts';
import type { Sample } from './samples.ts';
import { fitShortcutBaseline } from './shortcut-baseline.ts';
import { parseVerdictLines } from './verdict-lines.ts';
import { measureWhere, type WhereMeasure } from './where-measure.ts';
import { type Mistake, worstMistakes } from './worst-mistakes.ts';

export interface EvaluateRequest extends Omit<DataRequest, 'size' | 'channels' | 'oneClassWillDo'> {
  readonly bundle: Bundle;
  /** File with lines of `specta classify --json`; without it the pictures are judged here. */
  readonly verdicts?: string;
  /** Judge every picture, for data that the model has never seen; the baseline then learns from them too. */
  readonly everything: boolean;
  readonly threads: number;
  /** Also look where defects are, in pictures of which that is known: about 75 inferences each. */
  readonly where?: boolean;
}

/** What was said of one sample. */
export interface SaidOfSample {
  readonly sample: Pick<Sample, 'name' | 'source' | 'group' | 'defects' | 'effectiveSide'>;
  readonly network: NetworkVerdict;
  readonly baseline: Probabilities;
}

/** Everything measured on one set of pictures, as is or equalised. */
export interface EvaluatedSide {
  readonly report: EvaluationReport;
  /** null where only labels are known. */
  readonly measures: Measures | null;
  /** The worst first. */
  readonly mistakes: readonly Mistake[];
  /** In the order of the samples. */
  readonly said: readonly SaidOfSample[];
}

export interface Evaluation {
  /** The pictures as they are. */
  readonly report: EvaluationReport;
  readonly asIs: EvaluatedSide;
  /** With brightness and contrast redrawn from one distribution for all classes; null where verdicts were given. */
  readonly equalised: EvaluatedSide | null;
  /** How well boxes fit; empty where it was not asked for, or nothing is known of where defects are. */
  readonly where: readonly WhereMeasure[];
  /** Held-out pictures about which the verdicts say nothing. */
  readonly missing: readonly string[];
  /** Held-out pictures that could not be read. */
  readonly unreadable: readonly string[];
}

/** Of the redrawn brightness and contrast: the same in every evaluation, so that figures can be compared. */
const EQUALISING_SEED = 1;

/**
 * Measures a bundle on the groups it was not trained on, beside the shortcut baseline, which is fitted to all other
 * groups of the same data. Throws `DATA_INVALID` where no picture is of a held-out group.
 */
export async function evaluateBundle(
  request: EvaluateRequest,
  progress: Progress,
  now: () => number,
  signal?: AbortSignal,
): Promise<Evaluation> {
  const { bundle, everything } = request;
  const { provenance, preprocessing } = bundle.manifest;
  const { channels } = preprocessing;
  const all = await loadData(
    { ...request, size: wholeSize(bundle.manifest), channels, oneClassWillDo: true },
    progress,
    now,
    signal,
  );
  const { unreadable } = all;
  const samples = all.samples.filter(({ rendered }) => !rendered);
  const held = new Set(provenance.heldOutGroups);
  const judged = everything ? samples : samples.filter(({ group }) => held.has(group));
  if (judged.length === 0) {
    throw new SpectaError(
      'DATA_INVALID',
      `no picture is of a group that ${bundle.manifest.name}@${bundle.manifest.version} was not trained on`,
      'Give the data it was trained from, or --everything for pictures that it has never seen.',
    );
  }
  const baselineFrom = everything ? samples : samples.filter(({ group }) => !held.has(group));
  const common = { unreadable: unreadable.map(({ file }) => file) };
  if (request.verdicts !== undefined) {
    const known = await readVerdicts(request.verdicts);
    const spoken = judged.filter(({ file }) => known.has(file));
    const verdicts = spoken.map(({ file }): NetworkVerdict => {
      return { judgement: known.get(file) ?? 'blind', probabilities: null };
    });
    const missing = judged.filter(({ file }) => !known.has(file)).map(({ file }) => file);
    const asIs = evaluateSide(bundle, spoken, verdicts, baselineFrom);
    return { report: asIs.report, asIs, equalised: null, where: [], missing, ...common };
  }
  const sides = await evaluateBothWays(
    bundle,
    judged,
    baselineFrom,
    { threads: request.threads, ...(signal && { signal }) },
    progress,
    now,
  );
  const where = request.where ? await searchAll(request, judged, sides.asIs, progress, now, signal) : [];
  return { report: sides.asIs.report, ...sides, where, missing: [], ...common };
}

function searchAll(
  { bundle, threads }: EvaluateRequest,
  samples: readonly Sample[],
  { said }: EvaluatedSide,
  progress: Progress,
  now: () => number,
  signal: AbortSignal | undefined,
): Promise<WhereMeasure[]> {
  const started = now();
  const verdicts = said.map(({ network }) => network);
  return measureWhere(bundle, samples, verdicts, {
    threads,
    onSample: (done, all) => progress.show('looking where', done, all, started),
    ...(signal && { signal }),
  });
}

/**
 * Measures a bundle on samples as they are, and once more with brightness and contrast redrawn from one distribution
 * for all classes. The baseline is fitted anew for the latter, to redrawn pictures: that is the stronger opponent.
 * @param samples of the size that the bundle looks at, none of which it was trained on
 * @param baselineFrom what the shortcut baseline learns from
 */
export async function evaluateBothWays(
  bundle: Bundle,
  samples: readonly Sample[],
  baselineFrom: readonly Sample[],
  options: JudgeOptions,
  progress: Progress,
  now: () => number,
): Promise<{ readonly asIs: EvaluatedSide; readonly equalised: EvaluatedSide }> {
  const judge = async (each: readonly Sample[], title: string): Promise<NetworkVerdict[]> => {
    const started = now();
    const onSample = (done: number, all: number): void => progress.show(title, done, all, started);
    return judgeSamples(bundle, each, { ...options, onSample });
  };
  const plain = await judge(samples, 'judging');
  const redrawn = equalised(samples, EQUALISING_SEED);
  const redrawnVerdicts = await judge(redrawn, 'judging equalised');
  return {
    asIs: evaluateSide(bundle, samples, plain, baselineFrom),
    equalised: evaluateSide(bundle, redrawn, redrawnVerdicts, equalised(baselineFrom, EQUALISING_SEED)),
  };
}

function evaluateSide(
  bundle: Bundle,
  samples: readonly Sample[],
  verdicts: readonly NetworkVerdict[],
  baselineFrom: readonly Sample[],
): EvaluatedSide {
  const { output } = bundle.manifest;
  const baseline = fitShortcutBaseline(baselineFrom, wholeSize(bundle.manifest));
  const said = samples.map((sample, index): SaidOfSample => {
    const { name, source, group, defects, effectiveSide } = sample;
    return {
      sample: { name, source, group, defects, ...(effectiveSide !== undefined && { effectiveSide }) },
      network: verdicts[index],
      baseline: baseline.probabilities(sample),
    };
  });
  return { ...measureSaid(said, output.kind), mistakes: worstMistakes(samples, verdicts), said };
}

/** Tables and curves of what was said of some samples. */
export function measureSaid(
  said: readonly SaidOfSample[],
  kind: OutputKind,
): Pick<EvaluatedSide, 'report' | 'measures'> {
  const judged = said.map(({ sample, network, baseline }) => {
    return { sample, network: network.judgement, baseline: foremost(baseline, 'softmax').name };
  });
  const probable = said.flatMap(({ sample, network: { probabilities }, baseline }) =>
    probabilities === null ? [] : [{ sample, network: probabilities, baseline }],
  );
  return {
    report: evaluationReport(judged),
    measures: probable.length === 0 ? null : measuresOf(probable, kind),
  };
}

async function readVerdicts(file: string): Promise<ReadonlyMap<string, Judgement>> {
  const text = await readFile(file === '-' ? '/dev/stdin' : file, 'utf8').catch((error: unknown) => {
    throw new SpectaError(
      'DATA_INVALID',
      `the verdicts ${file} cannot be read`,
      'Name a file with the output of `specta classify … --json`, or - for standard input.',
      error,
    );
  });
  return parseVerdictLines(text, process.cwd()).judgements;
}
