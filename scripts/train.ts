import { Command, InvalidArgumentError } from 'commander';
import { exitStatusOf } from '../src/cli/exit-codes.ts';
import { onInterrupt } from '../src/cli/interrupt.ts';
import { resolveBundle } from '../src/model/bundle.ts';
import { asSpectaError } from '../src/platform/errors.ts';
import { PRESET_NAMES, presetNetwork } from '../src/training/network-presets.ts';
import { createProgress } from '../src/training/progress.ts';
import { trainBundle } from '../src/training/train.ts';

const EXAMPLES = `
The data folder holds one subfolder for each class: corrosion, crack, intact. A manifest.csv in it or beside it names
the photo each picture was cut from (columns file, group), so that no photo is on both sides of the split.

Examples:
  $ npm run train -- --data ../data/train --out models/specta-32x2/0.2.0
  $ npm run train -- --data ../data/train --footage runs/ --epochs 10 --seed 7 --out models/specta-32x2/0.2.0
  $ npm run train -- --data ../data/train --epochs 1 --limit 200 --out /tmp/try/0.0.1        a quick look`;

const command = new Command('train')
  .description('Trains a network on labelled pictures and writes a model bundle.')
  .option('--data <folder>', 'class folders')
  .option('--manifest <file>', 'list of groups (default: manifest.csv in or beside the data folder)')
  .option('--footage <folder>', 'rendered runs with truth.jsonl; may be given more than once', collect, [])
  .requiredOption('--out <folder>', 'the bundle to write, <name>/<version>')
  .option('--network <name>', `one of ${PRESET_NAMES.join(', ')}`, 'specta-32x2')
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
  .option('--epochs <n>', 'times through the training pictures', whole, 10)
  .option('--batch <n>', 'pictures for one step', whole, 32)
  .option('--micro-batch <n>', 'pictures at once in memory', whole, 2)
  .option('--learning-rate <x>', 'of Adam, at its highest', positive, 3e-3)
  .option('--threads <n>', 'processor threads', whole, 2)
  .option('--seed <n>', 'for the split, the first weights and the augmentation', whole, 1)
  .option('--limit <n>', 'train on at most so many pictures', whole)
  .option('--init <bundle>', 'go on from the weights of a bundle trained on the same data and seed')
  .option('--write-each-best', 'write the bundle after each epoch that is the best so far', false)
  .option('--false-alerts <share>', 'largest share of false alerts on the validation side', share, 0.02)
  .option('--validation <share>', 'share of the pictures to choose by', share, 0.15)
  .option('--held-out <share>', 'share of the pictures to measure on', share, 0.2)
  .option('--together <source>', 'source (file name prefix) whose pictures stay on one side', collect, [
    'metu8',
  ])
  .addHelpText('after', EXAMPLES);

function collect(value: string, before: string[]): string[] {
  return [...before, value];
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
  out: string;
  network: string;
  output: 'sigmoid' | 'softmax';
  normalisation: 'none' | 'standard';
  epochs: number;
  batch: number;
  microBatch: number;
  learningRate: number;
  threads: number;
  seed: number;
  limit?: number;
  init?: string;
  writeEachBest: boolean;
  falseAlerts: number;
  validation: number;
  heldOut: number;
  together: string[];
}

const options = command.parse().opts<Options>();
const now = (): number => performance.now();
const progress = createProgress(process.stdout, now);
using interrupt = onInterrupt();
try {
  const started = now();
  const models = new URL('../models', import.meta.url).pathname;
  const initial = options.init === undefined ? undefined : await resolveBundle(options.init, models);
  const { bundle } = await trainBundle(
    {
      ...(initial && { initial }),
      ...options,
      network: (head) => presetNetwork(options.network, head),
      falseAlertRate: options.falseAlerts,
      shares: { validation: options.validation, heldOut: options.heldOut },
    },
    progress,
    now,
    interrupt.signal,
  );
  progress.say(`\n${bundle.manifest.name}@${bundle.manifest.version} written to ${bundle.folder}`);
  progress.say(`digest ${bundle.digest}; ${((now() - started) / 60_000).toFixed(1)} min in all`);
} catch (error) {
  if (interrupt.received !== null) {
    progress.say(`\nStopped by ${interrupt.received}: nothing was written.`);
    process.exitCode = 130;
  } else {
    const known = asSpectaError(error);
    process.stderr.write(`\nerror ${known.message}\n${known.help} [${known.code}]\n`);
    process.exitCode = exitStatusOf(known.code);
  }
}
