import { fileURLToPath } from 'node:url';
import { Command, Option } from 'commander';
import { EXIT } from '../src/cli/exit-codes.ts';
import { onInterrupt } from '../src/cli/interrupt.ts';
import type { Bundle } from '../src/domain/manifest.ts';
import { createInspector } from '../src/inspection/inspector.ts';
import { DEFAULT_RULES } from '../src/inspection/rules.ts';
import { resolveBundle } from '../src/model/bundle.ts';
import { nodeFiles } from '../src/platform/files.ts';
import { evaluateBundle } from '../src/training/evaluate.ts';
import {
  type EvaluationFacts,
  evaluationLines,
  evaluationRecord,
  writeEvaluation,
} from '../src/training/evaluation-files.ts';
import { createProgress } from '../src/training/progress.ts';
import { judgeRun, type RunFollower, type RunReport } from '../src/training/run-findings.ts';
import { endEarly } from './command-end.ts';
import { collect, whole } from './option-values.ts';

const EXAMPLES = `
Only the groups that the bundle was not trained on are counted. Beside the network stands a baseline that knows
brightness, contrast and sharpness alone, fitted to the other groups of the same data. Every table comes twice: as is,
and with brightness and contrast redrawn from one distribution for all classes.

Examples:
  $ npm run evaluate -- --data ../data/train --model specta-separable
  $ npx specta classify ../data/train/*/*.jpg --json | npm run evaluate -- --data ../data/train --verdicts -
  $ npm run evaluate -- --data ../data/train --out evaluation/      JSON and one HTML page with plots
  $ npm run evaluate -- --footage unseen-runs/ --everything --where
  $ npm run evaluate -- --run runs/hour-1 --out evaluation/         findings of a whole run against its truth`;

interface Options {
  data?: string;
  manifest?: string;
  footage: string[];
  run: string[];
  out?: string;
  only?: string[];
  leaveOut?: string[];
  duplicates: 'refuse' | 'join';
  model: string;
  verdicts?: string;
  where: boolean;
  everything: boolean;
  together: string[];
  json: boolean;
  threads: number;
}

const options = new Command('evaluate')
  .description('Measures a model bundle on pictures it was not trained on.')
  .option('--data <folder>', 'class folders')
  .option('--manifest <file>', 'list of groups (default: manifest.csv in or beside the data folder)')
  .option('--footage <folder>', 'rendered runs with truth.jsonl; may be given more than once', collect, [])
  .option(
    '--run <folder>',
    'a rendered run to follow frame by frame; may be given more than once',
    collect,
    [],
  )
  .option('--out <folder>', 'write evaluation.json and evaluation.html there')
  .option('--only <source...>', 'sources (file name prefixes) that count')
  .option('--leave-out <source...>', 'sources that do not count')
  .addOption(
    new Option('--duplicates <rule>', 'what to do about a picture in two groups')
      .choices(['refuse', 'join'])
      .default('refuse'),
  )
  .option('--model <bundle>', 'name, name@version or folder of a bundle', 'specta-separable')
  .option('--verdicts <file>', 'lines of `specta classify --json`, - for standard input; else judged here')
  .option('--where', 'also measure how well boxes fit, where the data says where defects are', false)
  .option('--everything', 'count every picture: for data the model has never seen', false)
  .option('--together <source>', 'source whose pictures are one group', collect, ['metu8'])
  .option('--threads <n>', 'processor threads', whole, 2)
  .option('--json', 'one JSON object instead of tables', false)
  .addHelpText('after', EXAMPLES)
  .parse()
  .opts<Options>();

/** A defect counts once it is listed in so many frames; a finding may begin or end a second beside it. */
const RUNS = { leastFrames: DEFAULT_RULES.minimumDetections, toleranceMs: 1000 };

function follow({ manifest }: Bundle): RunFollower {
  let count = 0;
  const inspector = createInspector({
    rules: DEFAULT_RULES,
    defects: manifest.defects,
    runId: 'evaluation',
    newId: () => `f${++count}`,
  });
  return {
    judge: (verdict) => inspector.judge(verdict, null).changes,
    stop: (atMs) => inspector.stop({ monoMs: atMs, utcMs: atMs }, 'run-stopped').changes,
  };
}

const now = (): number => performance.now();
const progress = createProgress(process.stderr, now);
using interrupt = onInterrupt();
try {
  const models = fileURLToPath(new URL('../models', import.meta.url));
  const bundle = await resolveBundle(options.model, models);
  const { threads } = options;
  // A place that cannot be written is better known before the work than behind it.
  if (options.out !== undefined) await nodeFiles.mkdir(options.out);
  const runs: RunReport[] = [];
  for (const folder of options.run) {
    const started = now();
    const onFrame = (done: number, all: number): void =>
      progress.show('following the run', done, all, started);
    runs.push(
      await judgeRun(folder, bundle, { ...RUNS, threads, follow, onFrame, signal: interrupt.signal }),
    );
  }
  const pictures = options.data !== undefined || options.footage.length > 0 || runs.length === 0;
  const evaluation = pictures
    ? await evaluateBundle({ ...options, bundle, threads }, progress, now, interrupt.signal)
    : null;
  const facts = { bundle, evaluation, runs };
  const heading = headingOf(facts);
  for (const file of evaluation?.missing ?? []) progress.say(`no verdict: ${file}`);
  if (options.json) process.stdout.write(`${JSON.stringify(evaluationRecord(facts))}\n`);
  else process.stdout.write(`${heading}\n${evaluationLines(facts).join('\n')}\n`);
  if (options.out !== undefined) {
    await writeEvaluation(options.out, facts, [heading]);
    progress.say(`written: evaluation.json and evaluation.html in ${options.out}`);
  }
  const lacking = [...(evaluation?.missing ?? []), ...(evaluation?.unreadable ?? [])];
  if (lacking.length > 0) process.exitCode = EXIT.partial;
} catch (error) {
  endEarly(error, interrupt, 'Stopped: no evaluation was written.');
}

function headingOf({ bundle, evaluation, runs }: EvaluationFacts): string {
  const { name, version } = bundle.manifest;
  const which = options.everything ? 'pictures' : 'pictures of held-out groups';
  const measured = [
    ...(evaluation ? [`${evaluation.report.count} ${which}`] : []),
    ...(runs.length > 0 ? [`${runs.length} ${runs.length === 1 ? 'run' : 'runs'}`] : []),
  ];
  return `${name}@${version} on ${measured.join(' and ')}`;
}
