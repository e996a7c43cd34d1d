import { basename, extname, join } from 'node:path';
import type { Command } from 'commander';
import { asSpectaError } from '../platform/errors.ts';
import { nodeFiles, writeDurably } from '../platform/files.ts';
import { wholeNumber } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import { onInterrupt } from './interrupt.ts';
import { DEFAULT_BUNDLE, shippedModels } from './models-folder.ts';
import type { Finish } from './program.ts';
import { stillFiles } from './still-files.ts';
import { readStill, stillFrame } from './still-reading.ts';
import { verdictJson, verdictLine } from './still-words.ts';
import { counted, paint } from './terminal.ts';

interface ClassifyOptions {
  readonly model: string;
  readonly provider: string;
  readonly threads: number;
  readonly json: boolean;
  readonly annotate?: string;
}

export function registerClassify(program: Command, finish: Finish): void {
  program
    .command('classify')
    .description('judge still pictures: corrosion, crack, intact, unsure, or blind with the reason')
    .argument('<pictures...>', 'files or folders')
    .option('--model <bundle>', 'a bundle folder, or name[@version]', DEFAULT_BUNDLE)
    .option('--provider <name>', 'execution provider', 'cpu')
    .option('--threads <n>', 'threads inside one inference', wholeNumber('--threads', 1, 64), 2)
    .option('--json', 'one object a line: file, label, probabilities, blind, ms; or file, error')
    .option('--annotate <dir>', 'write each picture with its label and the recommended repair drawn on it')
    .addHelpText(
      'after',
      `
Exit status: 0 every picture was judged; 2 some could not be read, the others were judged all the same.

Examples:
  $ specta classify weld-17.jpg
  $ specta classify inspection/ --json > verdicts.jsonl
  $ specta classify inspection/ --annotate annotated/ --model models/specta-32x2/0.1.1`,
    )
    .action(async (pictures: string[], options: ClassifyOptions) =>
      finish(await classify(pictures, options)),
    );
}

async function classify(pictures: readonly string[], options: ClassifyOptions): Promise<number> {
  using interrupt = onInterrupt();
  const { signal } = interrupt;
  const { provider, threads, annotate } = options;
  const [{ resolveBundle }, { startVision }, { stillFormatOf }, { annotateImage }, { stillCaption }] =
    await Promise.all([
      import('../model/bundle.ts'),
      import('../vision/vision.ts'),
      import('../vision/still.ts'),
      import('../record/annotate.ts'),
      import('../record/still-caption.ts'),
    ]);
  const bundle = await resolveBundle(options.model, shippedModels());
  const files = await stillFiles(pictures);
  if (annotate !== undefined) await nodeFiles.mkdir(annotate);
  const colours = paint(process.stdout);
  const counts = new Map<string, number>();
  const count = (word: string): void => void counts.set(word, (counts.get(word) ?? 0) + 1);
  const vision = await startVision({ bundle, provider, threads, stills: true, signal });
  try {
    for (const [sequence, { path, error }] of files.entries()) {
      signal.throwIfAborted();
      const refuse = (cause: unknown): null => {
        const { code, message, help } = asSpectaError(cause);
        if (code === 'ENGINE_FAILED' || code === 'INTERNAL') throw cause;
        count('unreadable');
        const line = options.json
          ? JSON.stringify({ file: path, error: code })
          : `${colours.red(code.padEnd(16))} ${path}  ${message} ${help}`;
        process.stdout.write(`${line}\n`);
        return null;
      };
      if (error !== null) {
        refuse(error);
        continue;
      }
      const begin = performance.now();
      const judged = await readStill(path)
        .then((data) => vision.judge(stillFrame(sequence, path, data, stillFormatOf(data))))
        .catch(refuse);
      if (judged === null) continue;
      const { verdict, frame } = judged;
      const ms = performance.now() - begin;
      count(verdict.label ?? 'blind');
      const line = options.json ? verdictJson(path, verdict, ms) : verdictLine(path, verdict, colours);
      process.stdout.write(`${line}\n`);
      if (annotate === undefined) continue;
      const target = join(annotate, annotatedName(path, sequence, files.length));
      const drawn = await annotateImage(frame.data, stillCaption(verdict, bundle.manifest.defects)).catch(
        (cause: unknown) => {
          const { code, message } = asSpectaError(cause);
          count('not drawn');
          process.stderr.write(`${path} was judged but cannot be drawn: ${message} [${code}]\n`);
          return null;
        },
      );
      if (drawn) await writeDurably(nodeFiles, target, drawn.jpeg);
    }
    // The last line's failure comes a turn later than its write.
    await new Promise((resolve) => setImmediate(resolve));
    interrupt.throwIfOutputFailed();
  } finally {
    await vision.close();
  }
  if (!options.json) {
    const words = [...counts].map(([word, found]) => `${found} ${word}`).join(', ');
    process.stderr.write(`${paint(process.stderr).dim(`${counted(files.length, 'picture')}: ${words}`)}\n`);
  }
  return counts.has('unreadable') || counts.has('not drawn') ? EXIT.partial : EXIT.ok;
}

/** A name for the annotated picture that is its own even where two folders hold files of one name. */
function annotatedName(file: string, index: number, total: number): string {
  const stem = basename(file, extname(file));
  return total === 1
    ? `${stem}.annotated.jpg`
    : `${String(index + 1).padStart(String(total).length, '0')}-${stem}.annotated.jpg`;
}
