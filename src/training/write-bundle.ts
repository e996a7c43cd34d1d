import { basename, dirname, resolve } from 'node:path';
import type { Manifest, OutputKind } from '../domain/manifest.ts';
import { DEFECT_CLASSES, type DefectClass } from '../domain/verdict.ts';
import { defaultGates } from '../vision/gates.ts';
import { labelOf } from '../vision/probabilities.ts';
import { DEFECT_ADVICE } from './advice.ts';
import { atTemperature, fitTemperature } from './calibration.ts';
import { exportBundle } from './export.ts';
import type { FitEpoch } from './fit.ts';
import { inferenceModel } from './inference-graph.ts';
import { modelCard } from './model-card.ts';
import type { Network } from './network.ts';
import type { Parameters } from './parameters.ts';
import type { Progress } from './progress.ts';
import { type EvaluationReport, evaluationReport, reportLines } from './report.ts';
import { CLASS_ORDER, type Sample } from './samples.ts';
import { type JudgingRules, type Score, Scorer } from './scorer.ts';
import type { ShortcutBaseline } from './shortcut-baseline.ts';
import { groupsOf, type Split } from './split.ts';
import { layersModel } from './tfjs-layers.ts';
import { type ChosenThreshold, chooseIntactThreshold, chooseThresholds } from './thresholds.ts';
import type { TrainRequest, TrainResult } from './train.ts';

/** At most this share of validation pictures with a defect may reach the threshold of `intact`. */
const MISSED_AS_INTACT = 0.05;
/** Largest differences of a probability on the golden inputs: fp32 on any CPU; TF32 and FP16 on a GPU. */
const TOLERANCES = { cpu: 1e-5, wasm: 1e-5, cuda: 0.01, tensorrt: 0.02 };

export interface FittedNetwork {
  readonly request: TrainRequest;
  readonly network: Network;
  readonly rules: JudgingRules;
  /** `training`: what was really trained on. */
  readonly split: Split;
  readonly baseline: ShortcutBaseline;
  readonly parameters: Parameters;
  readonly epochs: readonly FitEpoch[];
}

/** Chooses temperature and thresholds on the validation side, measures on the held-out side, writes the bundle. */
export async function writeBundle(
  trained: FittedNetwork,
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<Omit<TrainResult, 'epochs'>> {
  const { request, network, rules, split, baseline, parameters, epochs } = trained;
  const scorer = await Scorer.create(network, parameters, rules, request.threads);
  try {
    const { kind } = rules.output;
    const asTrained = await scorer.score(split.validation, signal);
    const temperature = request.temperature ?? temperatureFor(asTrained, kind);
    const scaled = (scores: readonly Score[]): Score[] =>
      scores.map((score) => ({
        ...score,
        probabilities: atTemperature(score.probabilities, kind, temperature),
      }));
    const validation = scaled(asTrained);
    const thresholds = chooseThresholds(validation, request.falseAlertRate);
    const intactThreshold = chooseIntactThreshold(validation, MISSED_AS_INTACT);
    const judging = { defects: defectRules(thresholds), intactThreshold };
    const scores = scaled(await scorer.score(split.heldOut, signal));
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
      input: { width, height, channels: network.input.channels === 3 ? 3 : 1 },
      ...rules,
      calibration: { temperature },
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
      card: modelCard({
        manifest,
        network,
        split,
        epochs,
        thresholds,
        report,
        temperatureGiven: request.temperature !== undefined,
        ...(request.augment && { augment: request.augment }),
      }),
      seed: request.seed,
    });
    return { bundle, report };
  } finally {
    await scorer.close();
  }
}

/**
 * The temperature at which the truth of the validation side is most probable, but never one that makes the network
 * surer than it was: that side has chosen the epoch too, and a few pictures that it gets all right would ask for
 * probabilities of 0 and 1. To a thousandth.
 */
function temperatureFor(validation: readonly Score[], kind: OutputKind): number {
  const fitted = fitTemperature(
    validation.map(({ probabilities, sample }) => ({ probabilities, defects: sample.defects })),
    kind,
  );
  return Math.max(1, Math.round(fitted * 1000) / 1000);
}

function trainerWords({ batch, initial }: TrainRequest, epochs: number): string {
  const from =
    initial &&
    `, going on from ${initial.manifest.name}@${initial.manifest.version} (${initial.digest.slice(0, 12)})`;
  return `SPECTA gradient graph on ONNX Runtime, Adam, ${epochs} epochs, batch ${batch}${from ?? ''}`;
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

function say(progress: Progress, lines: readonly string[]): void {
  for (const line of lines) progress.say(line);
}
