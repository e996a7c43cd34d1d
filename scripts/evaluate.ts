import { Command } from 'commander';
import { EXIT, exitStatusOf } from '../src/cli/exit-codes.ts';
import { onInterrupt } from '../src/cli/interrupt.ts';
import { resolveBundle } from '../src/model/bundle.ts';
import { asSpectaError } from '../src/platform/errors.ts';
import { evaluateBundle } from '../src/training/evaluate.ts';
import { createProgress } from '../src/training/progress.ts';
import { reportLines } from '../src/training/report.ts';

const EXAMPLES = `
Only the groups that the bundle was not trained on are counted. Beside the network stands a baseline that knows
brightness, contrast and sharpness alone, fitted to the other groups of the same data.

Examples:
  $ npm run evaluate -- --data ../data/train --model specta-32x2
  $ npx specta classify ../data/train/*/*.jpg --json | npm run evaluate -- --data ../data/train --verdicts -
  $ npm run evaluate -- --footage unseen-runs/ --everything`;

interface Options {
  data?: string;
  manifest?: string;
  footage: string[];
  model: string;
  verdicts?: string;
  everything: boolean;
  together: string[];
  json: boolean;
  threads: string;
}

const collect = (value: string, before: string[]): string[] => [...before, value];

const options = new Command('evaluate')
  .description('Measures a model bundle on pictures it was not trained on.')
  .option('--data <folder>', 'class folders')
  .option('--manifest <file>', 'list of groups (default: manifest.csv in or beside the data folder)')
  .option('--footage <folder>', 'rendered runs with truth.jsonl; may be given more than once', collect, [])
  .option('--model <bundle>', 'name, name@version or folder of a bundle', 'specta-32x2')
  .option('--verdicts <file>', 'lines of `specta classify --json`, - for standard input; else judged here')
  .option('--everything', 'count every picture: for data the model has never seen', false)
  .option('--together <source>', 'source whose pictures are one group', collect, ['metu8'])
  .option('--threads <n>', 'processor threads', '2')
  .option('--json', 'one JSON object instead of tables', false)
  .addHelpText('after', EXAMPLES)
  .parse()
  .opts<Options>();

const now = (): number => performance.now();
const progress = createProgress(process.stderr, now);
using interrupt = onInterrupt();
try {
  const bundle = await resolveBundle(options.model, new URL('../models', import.meta.url).pathname);
  const { name, version } = bundle.manifest;
  const threads = Number(options.threads);
  const { report, missing, unreadable } = await evaluateBundle(
    { ...options, bundle, threads },
    progress,
    now,
    interrupt.signal,
  );
  for (const file of missing) progress.say(`no verdict: ${file}`);
  if (options.json) {
    const model = { name, version, digest: bundle.digest };
    process.stdout.write(`${JSON.stringify({ model, ...report, missing, unreadable })}\n`);
  } else {
    const which = options.everything ? 'pictures' : 'pictures of held-out groups';
    process.stdout.write(
      `${name}@${version} on ${report.count} ${which}\n${reportLines(report).join('\n')}\n`,
    );
  }
  if (missing.length > 0 || unreadable.length > 0) process.exitCode = EXIT.partial;
} catch (error) {
  const known = asSpectaError(error);
  process.stderr.write(
    interrupt.received ? '\nstopped\n' : `\nerror ${known.message}\n${known.help} [${known.code}]\n`,
  );
  process.exitCode = interrupt.received ? EXIT.interrupted : exitStatusOf(known.code);
}
