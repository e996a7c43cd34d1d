import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onInterrupt } from '../src/cli/interrupt.ts';
import type { Bundle } from '../src/domain/manifest.ts';
import { DEFECT_CLASSES } from '../src/domain/verdict.ts';
import { resolveBundle } from '../src/model/bundle.ts';
import { SpectaError } from '../src/platform/errors.ts';
import { nodeFiles } from '../src/platform/files.ts';
import { AUGMENT_DEFAULTS, WATER_AUGMENT } from '../src/training/augment.ts';
import type { Network } from '../src/training/network.ts';
import { parseGrid } from '../src/training/network-grid.ts';
import { DEFECT_HEAD, type OutputHead, presetHead, presetNetwork } from '../src/training/network-presets.ts';
import { summaryLines } from '../src/training/network-summary.ts';
import { networkNameOf } from '../src/training/onnx-weights.ts';
import { createProgress } from '../src/training/progress.ts';
import { CLASS_ORDER } from '../src/training/samples.ts';
import { type TrainRequest, trainBundle } from '../src/training/train.ts';
import { endEarly } from './command-end.ts';
import { checkOptions, isGiven, TRAIN_COMMAND, type TrainOptions } from './train-options.ts';

const CLAHE_TILES = 8;
/** Pictures that a thread takes at once: a large one fills the caches alone; of small ones batch normalisation wants some. */
const MICRO_BATCH = { large: 1, small: 8 };
const LARGE_PIXELS = 300 * 300;

const options = TRAIN_COMMAND.parse().opts<TrainOptions>();
/** Of fine-tuning: what was learnt shall not be thrown away in the first steps. */
const FINE_TUNING_RATE = 3e-4;
const now = (): number => performance.now();
const progress = createProgress(process.stdout, now);
using interrupt = onInterrupt();

function networkOf(name: string): (head: OutputHead) => Network {
  return (head) => presetNetwork(name, head, options.size);
}

async function tfjsTrainer(): Promise<Pick<TrainRequest, 'trainer' | 'trainerName'>> {
  const [{ startTrainingRuntime }, { createTfjsTrainer }] = await Promise.all([
    import('../src/training/tfjs-training-runtime.ts'),
    import('../src/training/tfjs-fit.ts'),
  ]);
  const { tfjsBackend = null, tfjsPackages = null } = options;
  const runtime = await startTrainingRuntime(tfjsBackend, tfjsPackages);
  progress.say(`training by ${runtime.name}`);
  return { trainer: createTfjsTrainer(runtime), trainerName: `TensorFlow.js model.fit by ${runtime.name}` };
}

/** What a bundle that is fine-tuned decides, but for what was said otherwise: its weights fit nothing else. */
function fromBundle({ manifest }: Bundle): Partial<TrainRequest> {
  const { output, preprocessing, tiles } = manifest;
  const { normalisation, channels, clahe } = preprocessing;
  return {
    ...(!isGiven('output') && { output: output.kind }),
    ...(!isGiven('normalisation') && { normalisation }),
    ...(!isGiven('channels') && { channels }),
    ...(!isGiven('clahe') && clahe && { clahe }),
    ...(!isGiven('tiles') && tiles !== undefined && { tiles }),
    ...(!isGiven('learningRate') && { learningRate: FINE_TUNING_RATE }),
  };
}

/** The network that is asked for: that of the bundle to go on from, unless one is named. */
async function networkName(initial: Bundle | undefined): Promise<string> {
  if (!initial) return options.network;
  const { width, height } = initial.manifest.input;
  options.size ??= { width, height };
  if (isGiven('network')) return options.network;
  const name = networkNameOf(await nodeFiles.readFile(join(initial.folder, 'model.onnx')));
  if (name !== null) return name;
  throw new SpectaError(
    'USAGE',
    `${initial.manifest.name}@${initial.manifest.version} does not say what network it is`,
    'Name it with --network.',
  );
}

/** Trains one network into `out`. */
async function trainOne(name: string, out: string, initial: Bundle | undefined): Promise<void> {
  const started = now();
  const { data, manifest, clahe, checkpoint, render, textures, only, trainer: kind, ...rest } = options;
  const network = networkOf(name);
  const { width, height } = network(DEFECT_HEAD).input;
  const { large, small } = MICRO_BATCH;
  const microBatch = Math.min(rest.batch, rest.microBatch ?? (width * height > LARGE_PIXELS ? large : small));
  const { bundle } = await trainBundle(
    {
      ...rest,
      out,
      network,
      microBatch,
      classWeights: rest.classWeight,
      ...(data !== undefined && { data }),
      ...(manifest !== undefined && { manifest }),
      ...(clahe !== undefined && { clahe: { tiles: CLAHE_TILES, clip: clahe } }),
      ...(checkpoint !== undefined && {
        checkpoint: {
          file: options.grid === undefined ? checkpoint : `${checkpoint}.${name}`,
          everySteps: options.checkpointSteps,
        },
      }),
      ...(render !== undefined && {
        render: {
          count: render,
          seed: options.seed,
          ...(textures !== undefined && { textures }),
        },
      }),
      ...(initial && { initial, ...fromBundle(initial) }),
      ...(kind === 'tfjs' && (await tfjsTrainer())),
      ...(only.length > 0 && { only }),
      augment: rest.augment === 'water' ? WATER_AUGMENT : AUGMENT_DEFAULTS,
      falseAlertRate: options.falseAlerts,
      shares: { validation: options.validation, heldOut: options.heldOut },
    },
    progress,
    now,
    interrupt.signal,
  );
  progress.say(`\n${bundle.manifest.name}@${bundle.manifest.version} written to ${bundle.folder}`);
  progress.say(`digest ${bundle.digest}; ${((now() - started) / 60_000).toFixed(1)} min in all`);
}

/** The bundle's folder, with the network's name in place of its own where a grid is trained. */
function folderOf(name: string): string {
  const out = options.out;
  if (out === undefined) {
    throw new SpectaError('USAGE', 'no bundle to write is named', 'Name it with --out <name>/<version>.');
  }
  return options.grid === undefined ? out : join(dirname(dirname(resolve(out))), name, basename(out));
}

try {
  checkOptions(options);
  const models = fileURLToPath(new URL('../models', import.meta.url));
  const initial = options.init === undefined ? undefined : await resolveBundle(options.init, models);
  const names = options.grid === undefined ? [await networkName(initial)] : parseGrid(options.grid);
  for (const name of names) {
    if (options.summary) {
      const units = (options.output === 'softmax' ? CLASS_ORDER : DEFECT_CLASSES).length;
      const head = presetHead(name) ?? { kind: options.output, units };
      for (const line of summaryLines(networkOf(name)(head))) progress.say(line);
    } else {
      await trainOne(name, folderOf(name), initial);
    }
  }
} catch (error) {
  const { checkpoint, grid, writeEachBest } = options;
  const goesOn = checkpoint === undefined ? '' : ' The same command goes on from the checkpoint.';
  const kept = grid === undefined && !writeEachBest ? 'No bundle was written.' : 'Whole bundles are kept.';
  endEarly(error, interrupt, `Stopped. ${kept}${goesOn}`);
}
