import { Command, InvalidArgumentError } from 'commander';
import { SpectaError } from '../src/platform/errors.ts';
import { PRESET_NAMES } from '../src/training/network-presets.ts';
import { CLASS_ORDER } from '../src/training/samples.ts';
import type { ClassWeights } from '../src/training/targets.ts';
import type { LabelThresholds } from '../src/training/thresholds.ts';
import { collect, positive, share, side, whole } from './option-values.ts';

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

/** Everything that can be asked of a training. */
export const TRAIN_COMMAND = new Command('train')
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
  .option('--average <share>', 'give a mean of the weights; share of the old mean that a step leaves', share)
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
  .option(
    '--thresholds <list>',
    'as leave-one-out asks for, corrosion=0.5,crack=0.5,intact=0.3 (default: chosen on the validation side)',
    thresholds,
  )
  .option('--validation <share>', 'share of the pictures to choose by', share, 0.15)
  .option('--held-out <share>', 'share of the pictures to measure on', share, 0.2)
  .option('--together <source>', 'source (file name prefix) whose pictures stay on one side', collect, [
    'metu8',
  ])
  .addHelpText('after', EXAMPLES);

function size(value: string): { width: number; height: number } {
  const [width, height, ...more] = value.split('x');
  if (height !== undefined && more.length === 0) return { width: side(width), height: side(height) };
  throw new InvalidArgumentError('Give width and height in pixels, as in 192x192.');
}

function tileGrid(value: string): string {
  if (/^[1-8]x[1-8]$/.test(value)) return value;
  throw new InvalidArgumentError('Give columns and rows, 1 to 8 each, as in 3x2.');
}

function classWeight(value: string, before: ClassWeights): ClassWeights {
  const [name, factor] = value.split('=');
  const known = CLASS_ORDER.find((each) => each === name);
  if (known && factor !== undefined) return { ...before, [known]: positive(factor) };
  throw new InvalidArgumentError(`Give ${CLASS_ORDER.join(', ')} and a number above 0, as in crack=2.`);
}

function thresholds(value: string): LabelThresholds {
  const given = new Map(
    value.split(',').map((each) => [each.split('=')[0], share(each.split('=')[1] ?? '')]),
  );
  const [corrosion, crack, intact] = CLASS_ORDER.map((name) => given.get(name));
  if (given.size === 3 && corrosion && crack && intact) return { corrosion, crack, intact };
  throw new InvalidArgumentError('Give all three, as in corrosion=0.5,crack=0.5,intact=0.3.');
}

function choice<T extends string>(...allowed: T[]): (value: string) => T {
  return (value) => {
    const found = allowed.find((each) => each === value);
    if (found) return found;
    throw new InvalidArgumentError(`Give one of ${allowed.join(', ')}.`);
  };
}

export interface TrainOptions {
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
  average?: number;
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
  thresholds?: LabelThresholds;
  validation: number;
  heldOut: number;
  together: string[];
}

/** Throws `USAGE` for options that mean nothing, or one thing too many, beside each other. */
export function checkOptions(options: TrainOptions): void {
  const { grid, init, render, textures, trainer, trainLayers, tfjsBackend, tfjsPackages } = options;
  const faults: readonly (readonly [boolean, string])[] = [
    [textures !== undefined && render === undefined, '--textures without --render: nothing is drawn on them'],
    [
      trainLayers === 'last' && init === undefined,
      '--train-layers last without --init: the others know nothing',
    ],
    [
      trainer === 'own' && (tfjsBackend ?? tfjsPackages) !== undefined,
      '--tfjs-backend or --tfjs-packages without --trainer tfjs',
    ],
    [grid !== undefined && isGiven('network'), '--network beside --grid, which names networks itself'],
    [
      options.validation + options.heldOut >= 1,
      `--validation ${options.validation} and --held-out ${options.heldOut} leave nothing to train on`,
    ],
  ];
  const fault = faults.find(([holds]) => holds);
  if (fault) throw new SpectaError('USAGE', fault[1], 'See --help for what goes together.');
}

/** Whether the option was named, rather than left at its default. */
export function isGiven(name: keyof TrainOptions): boolean {
  return TRAIN_COMMAND.getOptionValueSource(name) === 'cli';
}
