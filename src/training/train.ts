import { join } from 'node:path';
import type { Bundle, OutputKind, Preprocessing } from '../domain/manifest.ts';
import { type ClassName, DEFECT_CLASSES } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';
import { nodeFiles } from '../platform/files.ts';
import { channelCount } from '../vision/chroma.ts';
import { AUGMENT_DEFAULTS, Augmenter, type AugmentOptions } from './augment.ts';
import { checkBundlePlace } from './export.ts';
import { fitNetwork } from './fit.ts';
import { withoutNorm } from './fold-norm.ts';
import { type DataRequest, loadData } from './load-data.ts';
import { type Network, parameterCount, planNetwork } from './network.ts';
import { type OutputHead, runNameOf } from './network-presets.ts';
import { parametersOfModel } from './onnx-weights.ts';
import type { Parameters } from './parameters.ts';
import { minutes, type Progress } from './progress.ts';
import { createRandom } from './random.ts';
import type { EvaluationReport } from './report.ts';
import { CLASS_ORDER, mainClass, type Sample } from './samples.ts';
import type { JudgingRules } from './scorer.ts';
import { fitShortcutBaseline } from './shortcut-baseline.ts';
import { pictureSheet } from './shown-pictures.ts';
import { groupsOf, type Split, splitByGroup } from './split.ts';
import type { ClassWeights } from './targets.ts';
import { TensorBoardRun } from './tensorboard-run.ts';
import type { LabelThresholds } from './thresholds.ts';
import type { CheckpointOptions, FitEpoch, Trainer } from './trainer.ts';
import { sourcesOf, writeBundle } from './write-bundle.ts';

/** What one training is asked to do. */
export interface TrainRequest extends Omit<DataRequest, 'size'> {
  /** The bundle's folder, `…/<name>/<version>`. */
  readonly out: string;
  /** The network with the output it is given; see `presetNetwork`. */
  readonly network: (head: OutputHead) => Network;
  readonly output: OutputKind;
  readonly normalisation: Preprocessing['normalisation'];
  /**
   * The manifest's tiles, as in `3x2`: on board each frame is cut into so many pictures. Training, thresholds and figures
   * are about single pictures. Absent: a frame is one picture.
   */
  readonly tiles?: string;
  /** Evens out the luma's local contrast first; not done where absent. */
  readonly clahe?: Preprocessing['clahe'];
  /** `AUGMENT_DEFAULTS` where absent. */
  readonly augment?: AugmentOptions;
  /** Factors on top of the weights that even the classes out. */
  readonly classWeights?: ClassWeights;
  readonly epochs: number;
  /** Stop after so many epochs in a row without a better one; never where absent. */
  readonly patience?: number;
  /** Give a running mean of the weights; share of the old mean that a step leaves, 0..1. None where absent. */
  readonly average?: number;
  readonly batch: number;
  readonly microBatch: number;
  readonly learningRate: number;
  readonly threads: number;
  readonly seed: number;
  /** Shares of the pictures, 0..1. */
  readonly shares: { readonly validation: number; readonly heldOut: number };
  /** Largest share of validation pictures without a defect that may raise it, 0..1. */
  readonly falseAlertRate: number;
  /** Logits are divided by this, as left-out sources asked for; fitted on the validation side where absent. */
  readonly temperature?: number;
  /** As left-out sources asked for; chosen on the validation side where absent. */
  readonly thresholds?: LabelThresholds;
  /**
   * Go on from this bundle's weights; its network must be the same. Sides of the split may then lack classes, and what
   * a small validation side cannot tell (thresholds, temperature) is the bundle's own.
   */
  readonly initial?: Bundle;
  /** `last`: only the last layer is changed, the others stay as they are in `initial`. All where absent. */
  readonly trainLayers?: 'all' | 'last';
  /** Write the bundle after each epoch that is the best so far, so that a long training can be cut off. */
  readonly writeEachBest: boolean;
  /** Train on at most so many pictures, drawn at random; all where absent. */
  readonly limit?: number;
  /** Where the state is kept while training, to go on after a crash; removed once the bundle is written. */
  readonly checkpoint?: CheckpointOptions;
  /** Folder in which the run gets a folder with TensorBoard's event file; none where absent. */
  readonly tensorboard?: string;
  /** What trains; `fitNetwork` where absent. */
  readonly trainer?: Trainer;
  /** What it is, for the manifest; SPECTA's gradient graph where absent. */
  readonly trainerName?: string;
}

export interface TrainResult {
  readonly bundle: Bundle;
  readonly report: EvaluationReport;
  readonly epochs: readonly FitEpoch[];
}

/** Pictures on TensorBoard's sheet of what training sees. */
const SHOWN_PICTURES = 16;

/**
 * Reads the pictures, splits them by group, trains, chooses thresholds, measures on the held-out groups and writes
 * the bundle. But for checkpoint and event file, nothing is written before all of that is done.
 * Rejects with the signal's reason when aborted.
 * @param now monotonic ms
 * @param utcMs the time of day, for TensorBoard
 */
export async function trainBundle(
  request: TrainRequest,
  progress: Progress,
  now: () => number,
  signal?: AbortSignal,
  utcMs: () => number = Date.now,
): Promise<TrainResult> {
  const classes = CLASS_ORDER;
  const outputClasses: readonly ClassName[] = request.output === 'softmax' ? classes : DEFECT_CLASSES;
  const { channels = 'luma', clahe } = request;
  const described = request.network({ kind: request.output, units: outputClasses.length });
  const input = { ...described.input, channels: channelCount(channels) };
  // A bundle has its batch normalisation folded away: its weights are those of the network without.
  const network = { ...(request.initial ? withoutNorm(described) : described), input };
  const rules: JudgingRules = {
    preprocessing: {
      channels,
      resize: 'bilinear',
      ...(clahe && { clahe }),
      normalisation: request.normalisation,
      scale: 1 / 255,
    },
    classes,
    output: { kind: request.output, classes: outputClasses },
    calibration: { temperature: 1 },
  };
  // Layers that do not fit each other are told before a picture is read.
  const trained = parameterCount(network);
  await checkBundlePlace(request.out);
  const { samples } = await loadData({ ...request, size: network.input }, progress, now, signal);
  const random = createRandom(request.seed);
  const whole = splitByGroup(samples, request.shares, random.fork(7));
  const { limit = whole.training.length } = request;
  const training =
    limit < whole.training.length ? random.fork(8).shuffled(whole.training).slice(0, limit) : whole.training;
  const split = { ...whole, training };
  checkSplit(split, request.initial && ((line) => progress.say(line)));
  const initial = request.initial && (await startingPoint(request.initial, network, split));
  progress.say(
    `${network.name}: ${trained.toLocaleString('en')} parameters, outputs ${outputClasses.join(', ')} (${request.output})`,
  );
  progress.say(
    `${training.length} pictures to train on, ${split.validation.length} to choose by, ${split.heldOut.length} held out (${groupsOf(split.heldOut).length} groups)`,
  );
  const baseline = fitShortcutBaseline([...training, ...split.validation], network.input);
  const board = request.tensorboard && (await openBoard(request, network, training, utcMs));
  const epochs: FitEpoch[] = [];
  const finish = (parameters: Parameters): Promise<Omit<TrainResult, 'epochs'>> =>
    writeBundle({ request, network, rules, split, baseline, parameters, epochs }, progress, signal);
  const started = now();
  let doneBefore = 0;
  const train = request.trainer ?? fitNetwork;
  const fitted = await train(network, training, split.validation, {
    ...request,
    rules,
    now,
    ...(signal && { signal }),
    ...(initial && { startFrom: initial }),
    ...(request.trainLayers === 'last' && { trainable: lastLayerOf(network) }),
    onResume: (done, steps) => {
      epochs.push(...done);
      doneBefore = done.length * Math.ceil(training.length / request.batch) + steps;
      progress.say(`going on after ${done.length} epochs and ${steps} steps`);
    },
    onStep: ({ epoch, step, steps, loss }) =>
      progress.show(
        `epoch ${epoch}/${request.epochs}`,
        (epoch - 1) * steps + step - doneBefore,
        request.epochs * steps - doneBefore,
        started,
        `loss ${loss.toFixed(4)}`,
      ),
    onEpoch: async (epoch, parameters, scores) => {
      epochs.push(epoch);
      progress.say(epochLine(epoch, request.epochs));
      if (board) await board.showEpoch(epoch, scores, request.output);
      if (request.writeEachBest && epoch.best && epoch.epoch < request.epochs) await finish(parameters);
    },
  });
  const finished = await finish(fitted.parameters);
  if (request.checkpoint) await nodeFiles.remove(request.checkpoint.file);
  return { ...finished, epochs };
}

/** Begins the run's event file with a sheet of augmented pictures: what the network will see. */
async function openBoard(
  { tensorboard = '', augment = AUGMENT_DEFAULTS, seed }: TrainRequest,
  network: Network,
  training: readonly Sample[],
  utcMs: () => number,
): Promise<TensorBoardRun> {
  const board = await TensorBoardRun.create(join(tensorboard, runNameOf(network, utcMs())), utcMs);
  const random = createRandom(seed).fork(9);
  const augmenter = new Augmenter(network.input, random, augment);
  const pictures = random
    .shuffled(training)
    .slice(0, SHOWN_PICTURES)
    .map((sample) => {
      const picture = augmenter.augmentPicture(sample, random);
      return { ...picture, data: picture.data.slice() };
    });
  await board.showPicture(0, 'augmented', await pictureSheet(pictures));
  return board;
}

function epochLine(done: FitEpoch, epochs: number): string {
  const { epoch, trainingLoss, validationLoss, validationAccuracy, seconds, best } = done;
  return (
    `epoch ${epoch}/${epochs}  ${minutes(seconds * 1000)}  loss ${trainingLoss.toFixed(4)}  ` +
    `validation loss ${validationLoss.toFixed(4)}  accuracy ${validationAccuracy.toFixed(4)}${best ? '  best so far' : ''}`
  );
}

/** The weights of a bundle, once it is sure that it has not learnt the pictures that are to measure it. */
async function startingPoint(bundle: Bundle, network: Network, split: Split): Promise<Parameters> {
  const held = new Set(bundle.manifest.provenance.heldOutGroups);
  const known = sourcesOf(bundle.manifest.provenance);
  const perhaps = split.heldOut.filter(({ source }) => known.has(source));
  const learnt = groupsOf(perhaps).filter((group) => !held.has(group));
  if (learnt.length > 0) {
    throw new SpectaError(
      'DATA_INVALID',
      `${learnt.length} held-out groups were not held out when ${bundle.manifest.name}@${bundle.manifest.version} was trained, e.g. ${learnt[0]}`,
      'Use the same data and --seed as for that bundle, so that figures are measured on unseen pictures.',
    );
  }
  return parametersOfModel(await nodeFiles.readFile(join(bundle.folder, 'model.onnx')), network);
}

/** The parameters of the last layer that has any. */
function lastLayerOf(network: Network): ReadonlySet<string> {
  const last = planNetwork(network).findLast(({ parameters }) => parameters.length > 0);
  return new Set(last?.parameters.map(({ name }) => name));
}

/** @param tell where one is given, a side without a class is told, not refused, but for a training side without any */
function checkSplit(split: Split, tell?: (line: string) => void): void {
  for (const side of ['training', 'validation', 'heldOut'] as const) {
    const present = new Set(split[side].map(mainClass));
    const missing = CLASS_ORDER.filter((name) => !present.has(name));
    if (missing.length === 0) continue;
    if (tell && (side !== 'training' || split.training.length > 0)) {
      tell(`the ${side === 'heldOut' ? 'held-out' : side} side has no picture of ${missing.join(', ')}`);
      continue;
    }
    throw new SpectaError(
      'DATA_INVALID',
      `the ${side === 'heldOut' ? 'held-out' : side} side has no picture of ${missing.join(', ')}`,
      'Add pictures of more independent photos or runs, or change --seed or the shares.',
    );
  }
}
