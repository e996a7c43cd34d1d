import { basename, join } from 'node:path';
import { Command, Option } from 'commander';
import { onInterrupt } from '../src/cli/interrupt.ts';
import { SpectaError } from '../src/platform/errors.ts';
import { nodeFiles, writeDurably } from '../src/platform/files.ts';
import { AUGMENT_DEFAULTS, WATER_AUGMENT } from '../src/training/augment.ts';
import { type LeaveOneOut, type LeaveOneOutRequest, leaveOneOut } from '../src/training/leave-one-out.ts';
import { leftOutLines, summariseLeftOut } from '../src/training/leave-one-out-table.ts';
import { PRESET_NAMES, presetNetwork } from '../src/training/network-presets.ts';
import { createProgress } from '../src/training/progress.ts';
import {
  chooseOnSources,
  type FoldThresholds,
  judgedBy,
  pairsOf,
  thresholdsOfFolds,
  thresholdsOfOthers,
  thresholdWords,
} from '../src/training/source-thresholds.ts';
import { endEarly } from './command-end.ts';
import { count, positive, share, side, whole } from './option-values.ts';

const EXAMPLES = `
Trains once for each source, without it, and judges it: as it is, and with brightness and contrast redrawn. Finished
folds stand in the folder and are not done again.

Examples:
  $ node scripts/leave-one-out.ts --data ../data/train --out folds/small --network separable-small --render 2000
  $ node scripts/leave-one-out.ts --data ../data/train --out folds/32x2 --network specta-32x2 --augment basic
  $ node scripts/leave-one-out.ts --data ../data/train --out folds/tiny --network separable-tiny --inner-epochs 5 \\
      --sources meenal+ski8 acg+acg8 metu8+pk8 iitj
  $ node scripts/leave-one-out.ts --data ../data/train --out folds/ambient --sources acg+acg8 --network separable-tiny`;

/** The sources of the data set at hand. */
const SOURCES = ['meenal', 'acg', 'iitj', 'metu8', 'acg8', 'pk8', 'ski8'];

interface Options {
  data: string;
  manifest?: string;
  footage: string[];
  out: string;
  sources: string[];
  network: string;
  size?: number;
  output: 'sigmoid' | 'softmax';
  channels: 'luma' | 'luma-chroma';
  normalisation: 'none' | 'standard';
  clahe?: number;
  augment: 'basic' | 'water';
  render: number;
  textures?: string;
  duplicates: 'refuse' | 'join';
  epochs: number;
  patience?: number;
  average?: number;
  innerEpochs?: number;
  batch: number;
  microBatch: number;
  learningRate: number;
  threads: number;
  seed: number;
  limit?: number;
  falseAlerts: number;
  validation: number;
  heldOut: number;
  together: string[];
}

const choice = (flags: string, what: string, ...allowed: [string, ...string[]]): Option =>
  new Option(flags, what).choices(allowed).default(allowed[0]);

const options = new Command('leave-one-out')
  .description('Measures a way of training on sources it has not seen, each left out once.')
  .requiredOption('--data <folder>', 'class folders')
  .requiredOption('--out <folder>', 'folder for the folds, leave-one-out.json and the table')
  .option('--manifest <file>', 'list of groups (default: manifest.csv in or beside the data folder)')
  .option('--footage <folder...>', 'rendered runs with truth.jsonl to train on besides', [])
  .option('--sources <source...>', 'what to leave out, one after the other; joined by + together', SOURCES)
  .option('--network <name>', `one of ${PRESET_NAMES.join(', ')}, or of the grid`, 'separable-small')
  .option('--size <px>', 'side of the network input', side)
  .addOption(choice('--output <kind>', 'what the outputs are', 'sigmoid', 'softmax'))
  .addOption(choice('--channels <kind>', 'what the network sees', 'luma', 'luma-chroma'))
  .addOption(choice('--normalisation <kind>', 'of each picture', 'standard', 'none'))
  .option('--clahe <clip>', 'even out the local contrast, with this clip limit', positive)
  .addOption(choice('--augment <kind>', 'how far pictures are changed', 'water', 'basic'))
  .option('--render <n>', 'defects drawn onto grounds, so many pictures', count, 0)
  .option('--textures <folder>', 'whole grounds (default: textures in or beside the data folder)')
  .addOption(choice('--duplicates <rule>', 'about a picture in two groups', 'refuse', 'join'))
  .option('--epochs <n>', 'times through the training pictures', whole, 10)
  .option('--patience <n>', 'stop after so many epochs without a better one', whole)
  .option('--average <share>', 'judge a mean of the weights; share of the old mean that a step leaves', share)
  .option(
    '--inner-epochs <n>',
    'also leave out each fold with the next, in so many epochs, and choose thresholds by what is said of them',
    whole,
  )
  .option('--batch <n>', 'pictures for one step', whole, 32)
  .option('--micro-batch <n>', 'pictures at once in memory', whole, 8)
  .option('--learning-rate <x>', 'of Adam, at its highest', positive, 3e-3)
  .option('--threads <n>', 'processor threads', whole, 2)
  .option('--seed <n>', 'for split, weights, augmentation and rendering', whole, 1)
  .option('--limit <n>', 'train on at most so many pictures', whole)
  .option('--false-alerts <share>', 'largest share of false alerts on the validation side', share, 0.02)
  .option('--validation <share>', 'share of the pictures to choose by', share, 0.12)
  .option('--held-out <share>', 'share of the pictures that check the training itself', share, 0.04)
  .option('--together <source...>', 'sources whose pictures are one group', ['metu8'])
  .addHelpText('after', EXAMPLES)
  .parse()
  .opts<Options>();

const now = (): number => performance.now();
const progress = createProgress(process.stderr, now);
using interrupt = onInterrupt();
try {
  const { data, manifest, out, sources, size, clahe, render, textures, limit, patience, average, ...rest } =
    options;
  const { innerEpochs } = options;
  if (innerEpochs !== undefined && sources.length < 2) {
    throw new SpectaError(
      'USAGE',
      '--inner-epochs with a single fold: there is no other source to choose thresholds on',
      'Name two folds or more with --sources.',
    );
  }
  const {
    out: _out,
    sources: _sources,
    threads: _threads,
    data: _data,
    footage,
    innerEpochs: _innerEpochs,
    ...plain
  } = options;
  // Where things lie says nothing of a fold; that runs were learnt from does.
  const telling = { ...plain, ...(footage.length > 0 && { footage: footage.map((each) => basename(each)) }) };
  const request: LeaveOneOutRequest = {
    folds: sources,
    out,
    words: JSON.stringify(telling),
    train: {
      ...rest,
      data,
      network: (head) =>
        presetNetwork(options.network, head, size === undefined ? {} : { width: size, height: size }),
      ...(manifest !== undefined && { manifest }),
      ...(clahe !== undefined && { clahe: { tiles: 8, clip: clahe } }),
      ...(limit !== undefined && { limit }),
      ...(patience !== undefined && { patience }),
      ...(average !== undefined && { average }),
      ...(render > 0 && {
        render: { count: render, seed: options.seed, ...(textures !== undefined && { textures }) },
      }),
      augment: options.augment === 'water' ? WATER_AUGMENT : AUGMENT_DEFAULTS,
      falseAlertRate: options.falseAlerts,
      shares: { validation: options.validation, heldOut: options.heldOut },
      writeEachBest: false,
    },
  };
  const run = (asked: LeaveOneOutRequest): Promise<LeaveOneOut> =>
    leaveOneOut(asked, progress, now, interrupt.signal);
  const result = await run(request);
  const summary = summariseLeftOut(result);
  const lines = leftOutLines(summary);
  const record: Record<string, unknown> = { options: telling, ...summary };
  const byThresholds = (words: string, chosen: readonly FoldThresholds[]): object => {
    const judged = summariseLeftOut({ ...result, folds: judgedBy(result.folds, chosen) });
    lines.push(
      '',
      words,
      ...leftOutLines(judged),
      ...chosen.map((each) => `without ${each.sources}: ${thresholdWords(each.thresholds)}`),
    );
    return { chosen, ...judged };
  };
  if (result.folds.length > 1) {
    record.byOtherFolds = byThresholds(
      'The same networks by thresholds chosen on the other folds, whose networks had this source among others to learn from:',
      thresholdsOfOthers(result.folds),
    );
  }
  if (innerEpochs !== undefined) {
    const pairs = await run({
      folds: pairsOf(sources),
      out: join(out, 'pairs'),
      words: JSON.stringify({ ...telling, epochs: innerEpochs }),
      train: { ...request.train, epochs: innerEpochs },
    });
    record.innerEpochs = innerEpochs;
    record.byInnerSources = byThresholds(
      'The same networks by thresholds that each fold chose on its other sources, as said by networks that saw neither:',
      thresholdsOfFolds(result.folds, pairs.folds),
    );
  }
  const forAll = chooseOnSources(result.folds.flatMap(({ asIs }) => asIs));
  record.thresholds = forAll;
  lines.push('', `For a bundle of all sources: --thresholds ${thresholdWords(forAll)}`);
  const encode = (text: string): Uint8Array => new TextEncoder().encode(`${text}\n`);
  await writeDurably(nodeFiles, join(out, 'leave-one-out.json'), encode(JSON.stringify(record, null, 1)));
  await writeDurably(nodeFiles, join(out, 'leave-one-out.txt'), encode(lines.join('\n')));
  process.stdout.write(`${lines.join('\n')}\n`);
} catch (error) {
  endEarly(error, interrupt, 'Stopped. Finished folds are kept; the same command goes on.');
}
