import { basename, dirname, resolve } from 'node:path';
import type { Manifest, OutputKind } from '../domain/manifest.ts';
import { DEFECT_CLASSES, type DefectClass } from '../domain/verdict.ts';
import { defaultGates } from '../vision/gates.ts';
import { labelOf } from '../vision/probabilities.ts';
import { pictureCount } from '../vision/tiles.ts';
import { atTemperature, fitTemperature } from './calibration.ts';
import { exportBundle } from './export.ts';
import { inferenceModel } from './inference-graph.ts';
import { type ChosenBy, modelCard } from './model-card.ts';
import type { Network } from './network.ts';
import type { Parameters } from './parameters.ts';
import type { Progress } from './progress.ts';
import { type EvaluationReport, evaluationReport, reportLines } from './report.ts';
import { CLASS_ORDER, mainClass, type Sample } from './samples.ts';
import { type JudgingRules, type Score, Scorer } from './scorer.ts';
import type { ShortcutBaseline } from './shortcut-baseline.ts';
import { groupsOf, type Split } from './split.ts';
import { layersModel } from './tfjs-layers.ts';
import {
  type ChosenThreshold,
  chooseIntactThreshold,
  chooseThresholds,
  labelRules,
  measureThresholds,
} from './thresholds.ts';
import type { TrainRequest, TrainResult } from './train.ts';
import type { FitEpoch } from './trainer.ts';

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
    const kept = request.initial && !isEnough(split.validation) ? request.initial.manifest : null;
    const temperature =
      request.temperature ?? kept?.calibration.temperature ?? temperatureFor(asTrained, kind);
    const scaled = (scores: readonly Score[]): Score[] =>
      scores.map((score) => ({
        ...score,
        probabilities: atTemperature(score.probabilities, kind, temperature),
      }));
    const validation = scaled(asTrained);
    const given = request.thresholds && labelRules(request.thresholds);
    const judging = given ?? kept ?? chosenRules(validation, request.falseAlertRate);
    const { defects, intactThreshold } = judging;
    const thresholds = measureThresholds(validation, defects);
    const keptParts = [...(given ? [] : ['thresholds']), ...(request.temperature ? [] : ['temperature'])];
    if (kept && keptParts.length > 0) {
      progress.say(
        `the validation side is too small to choose by: ${keptParts.join(' and ')} as of ${kept.name}@${kept.version}`,
      );
    }
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
    const tiled = request.tiles === undefined ? {} : { tiles: request.tiles };
    const manifest: Omit<Manifest, 'files' | 'golden'> = {
      schema: 1,
      name: basename(dirname(folder)),
      version: basename(folder),
      createdAt: new Date().toISOString(),
      input: { width, height, channels: network.input.channels === 3 ? 3 : 1 },
      ...rules,
      ...tiled,
      calibration: { temperature },
      gates: defaultGates(network.input),
      defects,
      intactThreshold,
      tolerances: TOLERANCES,
      metrics: metricsOf(report),
      provenance: {
        trainedOn: describeSources(split.training) + trainedBefore(request),
        trainer: trainerWords(request, epochs.length),
        seed: request.seed,
        heldOutGroups: heldOutOf(request, split),
      },
    };
    const bundle = await exportBundle({
      folder,
      manifest,
      model: inferenceModel(network, parameters, pictureCount(tiled)),
      layers: layersModel(network, parameters),
      card: modelCard({
        manifest,
        network,
        split,
        epochs,
        thresholds,
        report,
        temperatureFrom: chosenBy(request.temperature, kept),
        thresholdsFrom: chosenBy(given, kept),
        ...(request.classWeights && { classWeights: request.classWeights }),
        ...(request.augment && { augment: request.augment }),
      }),
      seed: request.seed,
    });
    return { bundle, report };
  } finally {
    await scorer.close();
  }
}

function chosenBy(named: unknown, kept: Manifest | null): ChosenBy {
  return named !== undefined ? 'named' : kept ? 'kept' : 'chosen';
}

/** With fewer validation pictures of a class than this, thresholds would be chosen by chance. */
const LEAST_TO_CHOOSE = 20;

function isEnough(validation: readonly Sample[]): boolean {
  return CLASS_ORDER.every(
    (name) => validation.filter((sample) => mainClass(sample) === name).length >= LEAST_TO_CHOOSE,
  );
}

function trainedBefore({ initial }: TrainRequest): string {
  if (!initial) return '';
  const { name, version, provenance } = initial.manifest;
  return `; before, as ${name}@${version}: ${provenance.trainedOn}`;
}

/** The sources whose pictures a bundle has learnt from, here or as another bundle before. */
export function sourcesOf({ trainedOn }: Manifest['provenance']): ReadonlySet<string> {
  const trainings = trainedOn.split(/; before, as [^:]*: /);
  // A name may have blanks, commas and brackets itself.
  return new Set(
    trainings.flatMap((text) => [...text.matchAll(/(?:^|, )(.+?) \(\d+\)(?=, |$)/g)].map(([, name]) => name)),
  );
}

/** Groups that no training up to this one has seen. */
function heldOutOf({ initial }: TrainRequest, split: Split): string[] {
  const seen = new Set(groupsOf([...split.training, ...split.validation]));
  const before = initial?.manifest.provenance.heldOutGroups ?? [];
  return [...new Set([...groupsOf(split.heldOut), ...before.filter((group) => !seen.has(group))])].sort();
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

function trainerWords(
  { batch, average, initial, trainerName, trainLayers }: TrainRequest,
  epochs: number,
): string {
  const from =
    initial &&
    `, going on from ${initial.manifest.name}@${initial.manifest.version} (${initial.digest.slice(0, 12)})`;
  const what = trainerName ?? 'SPECTA gradient graph on ONNX Runtime';
  const part = trainLayers === 'last' ? ', the last layer only' : '';
  const mean = average === undefined ? '' : `, running mean of the weights (${average} of the old a step)`;
  return `${what}, Adam, ${epochs} epochs, batch ${batch}${mean}${from ?? ''}${part}`;
}

function chosenRules(
  validation: readonly Score[],
  falseAlertRate: number,
): Pick<Manifest, 'defects' | 'intactThreshold'> {
  const { corrosion, crack } = chooseThresholds(validation, falseAlertRate);
  const intact = chooseIntactThreshold(validation, MISSED_AS_INTACT);
  return labelRules({ corrosion: corrosion.on, crack: crack.on, intact });
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
