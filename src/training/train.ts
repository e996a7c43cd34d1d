import { basename, dirname, join, resolve } from 'node:path';
import type { Bundle, Manifest, OutputKind, Preprocessing } from '../domain/manifest.ts';
import { type ClassName, DEFECT_CLASSES, type DefectClass } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';
import { nodeFiles } from '../platform/files.ts';
import { defaultGates } from '../vision/gates.ts';
import { labelOf } from '../vision/probabilities.ts';
import { DEFECT_ADVICE } from './advice.ts';
import { exportBundle } from './export.ts';
import { type FitEpoch, fitNetwork } from './fit.ts';
import { inferenceModel } from './inference-graph.ts';
import { type DataRequest, loadData } from './load-data.ts';
import { modelCard } from './model-card.ts';
import { type Network, parameterCount } from './network.ts';
import type { OutputHead } from './network-presets.ts';
import { parametersOfModel } from './onnx-weights.ts';
import type { Parameters } from './parameters.ts';
import { minutes, type Progress } from './progress.ts';
import { createRandom } from './random.ts';
import { type EvaluationReport, evaluationReport, reportLines } from './report.ts';
import { CLASS_ORDER, mainClass, type Sample } from './samples.ts';
import { type JudgingRules, Scorer } from './scorer.ts';
import { fitShortcutBaseline, type ShortcutBaseline } from './shortcut-baseline.ts';
import { groupsOf, type Split, splitByGroup } from './split.ts';
import { layersModel } from './tfjs-layers.ts';
import { type ChosenThreshold, chooseIntactThreshold, chooseThresholds } from './thresholds.ts';

/** What one training is asked to do. */
export interface TrainRequest extends Omit<DataRequest, 'size'> {
  /** The bundle's folder, `…/<name>/<version>`. */
  readonly out: string;
  /** The network with the output it is given; see `presetNetwork`. */
  readonly network: (head: OutputHead) => Network;
  readonly output: OutputKind;
  readonly normalisation: Preprocessing['normalisation'];
  readonly epochs: number;
  readonly batch: number;
  readonly microBatch: number;
  readonly learningRate: number;
  readonly threads: number;
  readonly seed: number;
  /** Shares of the pictures, 0..1. */
  readonly shares: { readonly validation: number; readonly heldOut: number };
  /** Largest share of validation pictures without a defect that may raise it, 0..1. */
  readonly falseAlertRate: number;
  /** Go on from this bundle's weights; its network must be the same. */
  readonly initial?: Bundle;
  /** Write the bundle after each epoch that is the best so far, so that a long training can be cut off. */
  readonly writeEachBest: boolean;
  /** Train on at most so many pictures, drawn at random; all where absent. */
  readonly limit?: number;
}

export interface TrainResult {
  readonly bundle: Bundle;
  readonly report: EvaluationReport;
  readonly epochs: readonly FitEpoch[];
}

/** At most this share of validation pictures with a defect may reach the threshold of `intact`. */
const MISSED_AS_INTACT = 0.05;
/** Largest differences of a probability on the golden inputs: fp32 on any CPU; TF32 and FP16 on a GPU. */
const TOLERANCES = { cpu: 1e-5, wasm: 1e-5, cuda: 0.01, tensorrt: 0.02 };

/**
 * Reads the pictures, splits them by group, trains, chooses thresholds, measures on the held-out groups and writes
 * the bundle. Nothing is written before all of that is done. Rejects with the signal's reason when aborted.
 * @param now monotonic ms
 */
export async function trainBundle(
  request: TrainRequest,
  progress: Progress,
  now: () => number,
  signal?: AbortSignal,
): Promise<TrainResult> {
  const classes = CLASS_ORDER;
  const outputClasses: readonly ClassName[] = request.output === 'softmax' ? classes : DEFECT_CLASSES;
  const network = request.network({ kind: request.output, units: outputClasses.length });
  const rules: JudgingRules = {
    preprocessing: {
      channels: 'luma',
      resize: 'bilinear',
      normalisation: request.normalisation,
      scale: 1 / 255,
    },
    classes,
    output: { kind: request.output, classes: outputClasses },
    calibration: { temperature: 1 },
  };
  const { samples } = await loadData({ ...request, size: network.input }, progress, now, signal);
  const random = createRandom(request.seed);
  const split = splitByGroup(samples, request.shares, random.fork(7));
  checkSplit(split);
  const initial = request.initial && (await startingPoint(request.initial, network, split));
  const training =
    request.limit === undefined
      ? split.training
      : random.fork(8).shuffled(split.training).slice(0, request.limit);
  say(progress, [
    `${network.name}: ${parameterCount(network).toLocaleString('en')} parameters, outputs ${outputClasses.join(', ')} (${request.output})`,
    `${training.length} pictures to train on, ${split.validation.length} to choose by, ${split.heldOut.length} held out (${groupsOf(split.heldOut).length} groups)`,
  ]);
  const baseline = fitShortcutBaseline([...split.training, ...split.validation], network.input);
  const epochs: FitEpoch[] = [];
  const finish = (parameters: Parameters): Promise<Omit<TrainResult, 'epochs'>> =>
    writeBundle(
      { request, network, rules, split: { ...split, training }, baseline, parameters, epochs },
      progress,
      signal,
    );
  const started = now();
  const fitted = await fitNetwork(network, training, split.validation, {
    ...request,
    rules,
    now,
    ...(signal && { signal }),
    ...(initial && { startFrom: initial }),
    onStep: ({ epoch, step, steps, loss }) =>
      progress.show(
        `epoch ${epoch}/${request.epochs}`,
        (epoch - 1) * steps + step,
        request.epochs * steps,
        started,
        `loss ${loss.toFixed(4)}`,
      ),
    onEpoch: async (epoch, parameters) => {
      epochs.push(epoch);
      progress.say(epochLine(epoch, request.epochs));
      if (request.writeEachBest && epoch.best && epoch.epoch < request.epochs) await finish(parameters);
    },
  });
  return { ...(await finish(fitted.parameters)), epochs };
}

interface TrainedNetwork {
  readonly request: TrainRequest;
  readonly network: Network;
  readonly rules: JudgingRules;
  /** `training`: what was really trained on. */
  readonly split: Split;
  readonly baseline: ShortcutBaseline;
  readonly parameters: Parameters;
  readonly epochs: readonly FitEpoch[];
}

/** Chooses thresholds on the validation side, measures on the held-out side, writes the bundle. */
async function writeBundle(
  trained: TrainedNetwork,
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<Omit<TrainResult, 'epochs'>> {
  const { request, network, rules, split, baseline, parameters, epochs } = trained;
  const scorer = await Scorer.create(network, parameters, rules, request.threads);
  try {
    const validation = await scorer.score(split.validation, signal);
    const thresholds = chooseThresholds(validation, request.falseAlertRate);
    const intactThreshold = chooseIntactThreshold(validation, MISSED_AS_INTACT);
    const judging = { defects: defectRules(thresholds), intactThreshold };
    const scores = await scorer.score(split.heldOut, signal);
    const report = evaluationReport(
      scores.map(({ sample, probabilities }) => ({
        sample,
        network: labelOf(probabilities, judging),
        baseline: baseline.judge(sample),
      })),
    );
    say(progress, [
      '',
      ...thresholdLines(thresholds),
      '',
      'On the held-out groups:',
      ...reportLines(report),
      '',
    ]);
    const { height, width } = network.input;
    const folder = resolve(request.out);
    const manifest: Omit<Manifest, 'files' | 'golden'> = {
      schema: 1,
      name: basename(dirname(folder)),
      version: basename(folder),
      createdAt: new Date().toISOString(),
      input: { width, height, channels: 1 },
      ...rules,
      gates: defaultGates(network.input),
      ...judging,
      tolerances: TOLERANCES,
      metrics: metricsOf(report),
      provenance: {
        trainedOn: describeSources(split.training),
        trainer: trainerWords(request, epochs.length),
        seed: request.seed,
        heldOutGroups: groupsOf(split.heldOut),
      },
    };
    const bundle = await exportBundle({
      folder,
      manifest,
      model: inferenceModel(network, parameters),
      layers: layersModel(network, parameters),
      card: modelCard({ manifest, network, split, epochs, thresholds, report }),
      seed: request.seed,
    });
    return { bundle, report };
  } finally {
    await scorer.close();
  }
}

function trainerWords({ batch, initial }: TrainRequest, epochs: number): string {
  const from =
    initial &&
    `, going on from ${initial.manifest.name}@${initial.manifest.version} (${initial.digest.slice(0, 12)})`;
  return `SPECTA gradient graph on ONNX Runtime, Adam, ${epochs} epochs, batch ${batch}${from ?? ''}`;
}

function epochLine(done: FitEpoch, epochs: number): string {
  const { epoch, trainingLoss, validationLoss, validationAccuracy, seconds, best } = done;
  return (
    `epoch ${epoch}/${epochs}  ${minutes(seconds * 1000)}  loss ${trainingLoss.toFixed(4)}  ` +
    `validation loss ${validationLoss.toFixed(4)}  accuracy ${validationAccuracy.toFixed(4)}${best ? '  best so far' : ''}`
  );
}

function say(progress: Progress, lines: readonly string[]): void {
  for (const line of lines) progress.say(line);
}

/** The weights of a bundle, once it is sure that it has not learnt the pictures that are to measure it. */
async function startingPoint(bundle: Bundle, network: Network, split: Split): Promise<Parameters> {
  const held = new Set(bundle.manifest.provenance.heldOutGroups);
  const learnt = groupsOf(split.heldOut).filter((group) => !held.has(group));
  if (learnt.length > 0) {
    throw new SpectaError(
      'DATA_INVALID',
      `${learnt.length} held-out groups were not held out when ${bundle.manifest.name}@${bundle.manifest.version} was trained, e.g. ${learnt[0]}`,
      'Use the same data and --seed as for that bundle, so that figures are measured on unseen pictures.',
    );
  }
  return parametersOfModel(await nodeFiles.readFile(join(bundle.folder, 'model.onnx')), network);
}

function checkSplit(split: Split): void {
  for (const side of ['training', 'validation', 'heldOut'] as const) {
    const present = new Set(split[side].map(mainClass));
    const missing = CLASS_ORDER.filter((name) => !present.has(name));
    if (missing.length === 0) continue;
    throw new SpectaError(
      'DATA_INVALID',
      `the ${side === 'heldOut' ? 'held-out' : side} side has no picture of ${missing.join(', ')}`,
      'Add pictures of more independent photos or runs, or change --seed or the shares.',
    );
  }
}

function defectRules(thresholds: Readonly<Record<DefectClass, ChosenThreshold>>): Manifest['defects'] {
  const rule = (defect: DefectClass) => {
    const { on, off } = thresholds[defect];
    return { on, off, ...DEFECT_ADVICE[defect] };
  };
  return { corrosion: rule('corrosion'), crack: rule('crack') };
}

function thresholdLines(thresholds: Readonly<Record<DefectClass, ChosenThreshold>>): string[] {
  return DEFECT_CLASSES.map((defect) => {
    const { on, off, falseAlertRate, recall } = thresholds[defect];
    return `${defect}: on ${on}, off ${off}; on the validation side ${(falseAlertRate * 100).toFixed(1)} % false, ${(recall * 100).toFixed(1)} % found`;
  });
}

function metricsOf(report: EvaluationReport): Manifest['metrics'] {
  const data = `${report.count} held-out pictures, split by group, same collections as the training pictures`;
  const rows: [string, number | null][] = [
    ['balanced recall', report.balancedRecall.network],
    ['balanced recall of the shortcut baseline', report.balancedRecall.baseline],
    ...CLASS_ORDER.map((name): [string, number | null] => [`recall ${name}`, report.recall[name].network]),
  ];
  return rows.flatMap(([name, value]) =>
    value === null ? [] : [{ name, value: Number(value.toFixed(4)), data }],
  );
}

function describeSources(training: readonly Sample[]): string {
  const sources = [...new Set(training.map(({ source }) => source))].sort();
  return sources
    .map((name) => `${name} (${training.filter(({ source }) => source === name).length})`)
    .join(', ');
}
