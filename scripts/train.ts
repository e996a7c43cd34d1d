import { basename, dirname, join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { exitStatusOf } from '../src/cli/exit-codes.ts';
import { onInterrupt } from '../src/cli/interrupt.ts';
import type { Bundle } from '../src/domain/manifest.ts';
import { DEFECT_CLASSES } from '../src/domain/verdict.ts';
import { resolveBundle } from '../src/model/bundle.ts';
import { asSpectaError, SpectaError } from '../src/platform/errors.ts';
import { nodeFiles } from '../src/platform/files.ts';
import { AUGMENT_DEFAULTS, WATER_AUGMENT } from '../src/training/augment.ts';
import type { Network } from '../src/training/network.ts';
import { parseGrid } from '../src/training/network-grid.ts';
import {
  DEFECT_HEAD,
  type OutputHead,
  PRESET_NAMES,
  presetHead,
  presetNetwork,
} from '../src/training/network-presets.ts';
import { summaryLines } from '../src/training/network-summary.ts';
import { networkNameOf } from '../src/training/onnx-weights.ts';
import { createProgress } from '../src/training/progress.ts';
import { CLASS_ORDER } from '../src/training/samples.ts';
import type { ClassWeights } from '../src/training/targets.ts';
import { type TrainRequest, trainBundle } from '../src/training/train.ts';

const EXAMPLES = `
The data folder holds one subfolder for each class: corrosion, crack, intact. A manifest.csv in it or beside it names
the photo each picture was cut from (columns file, group), so that no photo is on both sides of the split.

Examples:
  $ npm run train -- --data ../data/train --out models/specta-32x2/0.2.0
  $ npm run train -- --data ../data/train --footage runs/ --epochs 10 --seed 7 --out models/specta-32x2/0.2.0
  $ npm run train -- --data ../data/train --epochs 1 --limit 200 --out /tmp/try/0.0.1        a quick look
  $ npm run train -- --data ../data/train --network separable-small --augment water --epochs 30 --patience 8 \\
      --checkpoint /tmp/small.checkpoint --tensorboard runs/board --out models/specta-small/0.1.0
  $ npm run train -- --data field-1 --init specta-32x2 --epochs 5 --out models/specta-32x2/0.2.0      learn from the field
  $ npm run train -- --data ../data/train --trainer tfjs --out models/specta-32x2/0.2.0
  $ npm run train -- --network lenet5 --output softmax --summary
  $ npm run train -- --data ../data/train --grid 1,2,3/32,64/0,1 --tensorboard runs/board --out models/any/0.0.1`;

const command = new Command('train')
  .description('Trains a network on labelled pictures and writes a model bundle.')
  .option('--data <folder>', 'class folders')
  .option('--manifest <file>', 'list of groups (default: manifest.csv in or beside the data folder)')
  .option('--footage <folder>', 'rendered runs with truth.jsonl; may be given more than once', collect, [])
  .option('--leave-out <source>', 'source of which nothing is used; may be given more than once', collect, [])
  .option('--only <source>', 'use this source alone; may be given more than once', collect, [])
  .option(
    '--duplicates <rule>',
    'a picture in two groups: refuse, or join the groups',
    choice('refuse', 'join'),
    'refuse',
  )
  .option('--render <n>', 'draw so many cracks and rust stains onto intact grounds besides', whole)
  .option('--textures <folder>', 'further grounds to draw on')
  .option('--out <folder>', 'the bundle to write, <name>/<version>')
  .option('--network <name>', `${PRESET_NAMES.join(', ')}, or as in 2-conv-32-nodes-0-dense`, 'specta-32x2')
  .option(
    '--grid <lists>',
    'train a grid of networks: conv blocks/layer sizes/dense layers, as in 1,2,3/32,64/0,1,2',
  )
  .option('--size <WxH>', "the network's input, pixels (default: the network's own)", size)
  .option('--summary', 'print the network and its parameter counts, train nothing', false)
  .option('--channels <kind>', 'luma, or luma-chroma', choice('luma', 'luma-chroma'), 'luma')
  .option('--clahe <clip>', "even the luma's contrast out in 8x8 tiles, clipped at this", positive)
  .option(
    '--augment <kind>',
    'basic, or water: any way up, and half the pictures under water',
    choice('basic', 'water'),
    'basic',
  )
  .option(
    '--output <kind>',
    'sigmoid: a probability for each defect; softmax: one class wins',
    choice('sigmoid', 'softmax'),
    'sigmoid',
  )
  .option(
    '--normalisation <kind>',
    'none, or standard: each picture to mean 0, deviation 1',
    choice('none', 'standard'),
    'standard',
  )
  .option('--tiles <CxR>', 'on board each frame is judged in so many tiles, as in 3x2', tileGrid)
  .option('--epochs <n>', 'times through the training pictures', whole, 10)
  .option('--patience <n>', 'stop after so many epochs without a better one', whole)
  .option(
    '--class-weight <name=x>',
    'a class counts x times its share; may be given more than once',
    classWeight,
    {},
  )
  .option('--checkpoint <file>', 'keep the state of the training here; go on from it where it is there')
  .option('--checkpoint-steps <n>', 'steps between two writings of it', whole, 25)
  .option('--tensorboard <folder>', 'write event files for TensorBoard in a folder for each run')
  .option('--batch <n>', 'pictures for one step', whole, 32)
  .option(
    '--micro-batch <n>',
    'pictures at once in a thread: memory, and what batch normalisation sees at once',
    whole,
  )
  .option('--learning-rate <x>', 'of Adam, at its highest', positive, 3e-3)
  .option('--threads <n>', 'processor threads', whole, 2)
  .option('--seed <n>', 'for the split, the first weights and the augmentation', whole, 1)
  .option('--limit <n>', 'train on at most so many pictures', whole)
  .option('--init <bundle>', 'fine-tune a bundle: go on from its weights, with its network and preprocessing')
  .option('--train-layers <which>', 'with --init: all, or last', choice('all', 'last'), 'all')
  .option('--trainer <kind>', 'own (ONNX Runtime), or tfjs (TensorFlow.js)', choice('own', 'tfjs'), 'own')
  .option(
    '--tfjs-backend <name>',
    'with --trainer tfjs, without tfjs-node: cpu or wasm',
    choice('cpu', 'wasm'),
  )
  .option('--tfjs-packages <folder>', 'the folder in whose node_modules tfjs-node-gpu or tfjs-node is')
  .option('--write-each-best', 'write the bundle after each epoch that is the best so far', false)
  .option('--false-alerts <share>', 'largest share of false alerts on the validation side', share, 0.02)
  .option(
    '--temperature <x>',
    'divide logits by this, as leave-one-out asks for (default: fitted on the validation side)',
    positive,
  )
  .option('--validation <share>', 'share of the pictures to choose by', share, 0.15)
  .option('--held-out <share>', 'share of the pictures to measure on', share, 0.2)
  .option('--together <source>', 'source (file name prefix) whose pictures stay on one side', collect, [
    'metu8',
  ])
  .addHelpText('after', EXAMPLES);

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function size(value: string): { width: number; height: number } {
  const [, width, height] = (/^(\d+)x(\d+)$/.exec(value) ?? []).map(Number);
  if (width && height) return { width, height };
  throw new InvalidArgumentError('Give width and height in pixels, as in 192x192.');
}

function tileGrid(value: string): string {
  if (/^[1-8]x[1-8]$/.test(value)) return value;
  throw new InvalidArgumentError('Give columns and rows, 1 to 8 each, as in 3x2.');
}

function classWeight(value: string, before: ClassWeights): ClassWeights {
  const [name, factor] = value.split('=');
  const known = CLASS_ORDER.find((each) => each === name);
  if (known && Number(factor) > 0) return { ...before, [known]: Number(factor) };
  throw new InvalidArgumentError(`Give ${CLASS_ORDER.join(', ')} and a number above 0, as in crack=2.`);
}

function whole(value: string): number {
  const number = Number(value);
  if (Number.isInteger(number) && number > 0) return number;
  throw new InvalidArgumentError('Give a whole number of at least 1.');
}

function positive(value: string): number {
  const number = Number(value);
  if (Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError('Give a number above 0.');
}

function share(value: string): number {
  const number = Number(value);
  if (number > 0 && number < 1) return number;
  throw new InvalidArgumentError('Give a number between 0 and 1.');
}

function choice<T extends string>(...allowed: T[]): (value: string) => T {
  return (value) => {
    const found = allowed.find((each) => each === value);
    if (found) return found;
    throw new InvalidArgumentError(`Give one of ${allowed.join(', ')}.`);
  };
}

interface Options {
  data?: string;
  manifest?: string;
  footage: string[];
  leaveOut: string[];
  only: string[];
  duplicates: 'refuse' | 'join';
  render?: number;
  textures?: string;
  out?: string;
  network: string;
  grid?: string;
  size?: { width: number; height: number };
  summary: boolean;
  channels: 'luma' | 'luma-chroma';
  clahe?: number;
  augment: 'basic' | 'water';
  output: 'sigmoid' | 'softmax';
  normalisation: 'none' | 'standard';
  tiles?: string;
  epochs: number;
  patience?: number;
  classWeight: ClassWeights;
  checkpoint?: string;
  checkpointSteps: number;
  tensorboard?: string;
  batch: number;
  microBatch?: number;
  learningRate: number;
  threads: number;
  seed: number;
  limit?: number;
  init?: string;
  trainLayers: 'all' | 'last';
  trainer: 'own' | 'tfjs';
  tfjsBackend?: 'cpu' | 'wasm';
  tfjsPackages?: string;
  writeEachBest: boolean;
  falseAlerts: number;
  temperature?: number;
  validation: number;
  heldOut: number;
  together: string[];
}

const CLAHE_TILES = 8;
/** Pictures that a thread takes at once: a large one fills the caches alone; of small ones batch normalisation wants some. */
const MICRO_BATCH = { large: 1, small: 8 };
const LARGE_PIXELS = 300 * 300;

const options = command.parse().opts<Options>();
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
    ...(isDefault('output') && { output: output.kind }),
    ...(isDefault('normalisation') && { normalisation }),
    ...(isDefault('channels') && { channels }),
    ...(isDefault('clahe') && clahe && { clahe }),
    ...(isDefault('tiles') && tiles !== undefined && { tiles }),
    ...(isDefault('learningRate') && { learningRate: FINE_TUNING_RATE }),
  };
}

function isDefault(name: string): boolean {
  return command.getOptionValueSource(name) !== 'cli';
}

/** The network that is asked for: that of the bundle to go on from, unless one is named. */
async function networkName(initial: Bundle | undefined): Promise<string> {
  if (!initial || !isDefault('network')) return options.network;
  const name = networkNameOf(await nodeFiles.readFile(join(initial.folder, 'model.onnx')));
  const { width, height } = initial.manifest.input;
  options.size ??= { width, height };
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
  const models = new URL('../models', import.meta.url).pathname;
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
  if (interrupt.received !== null) {
    progress.say(`\nStopped by ${interrupt.received}: no bundle was written.`);
    process.exitCode = 130;
  } else {
    const known = asSpectaError(error);
    process.stderr.write(`\nerror ${known.message}\n${known.help} [${known.code}]\n`);
    process.exitCode = exitStatusOf(known.code);
  }
}
