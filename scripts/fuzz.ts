import { parseArgs } from 'node:util';
import { type FuzzResult, fuzzParsers } from '../test/fuzz/fuzz-parser.ts';
import { PARSERS } from '../test/fuzz/parsers.ts';

const USAGE = `Throws hostile files at every parser of ours: whole samples with a few changes, floods and noise. Each file is read, or
refused by a SpectaError with a code that this parser may give; none hangs, and memory is bounded.

  npm run test:fuzz -- [--runs N] [--seed N] [--parser WORD]... [--json]

  --runs N        files for each parser (default 10000)
  --seed N        the same files again
  --parser WORD   only parsers whose name has this word
  --json          one object on standard output

Exit status: 0 all is well; 1 a parser did what it must not; 2 it could not be run.`;

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} ${text} is no whole number above 0`);
}

function printResult({ name, codes, seconds, longestMs, roseBytes, failure }: FuzzResult): void {
  const told = Object.entries(codes).map(([code, count]) => `${code} ${count}`);
  console.error(
    `${name.padEnd(46)} ${seconds.toFixed(0).padStart(5)} s  longest ${longestMs.toFixed(0).padStart(5)} ms  memory +${(roseBytes / 1_048_576).toFixed(0)} MiB  ${told.join(', ')}`,
  );
  if (failure !== null) console.error(`FAULT  ${name}: ${failure}`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string' },
      seed: { type: 'string' },
      parser: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const runs = wholeNumber('runs', values.runs, 10_000);
  const seed = wholeNumber('seed', values.seed, 1 + Math.floor(Math.random() * 1_000_000));
  const words = values.parser ?? [''];
  const wanted = PARSERS.filter(({ name }) => words.some((word) => name.includes(word)));
  if (wanted.length === 0)
    throw new Error(`no parser is named so; there are ${PARSERS.map(({ name }) => name)}`);
  console.error(
    `seed ${seed}, ${runs} files each, Node ${process.version}, ${process.platform}-${process.arch}\n`,
  );
  const results = await fuzzParsers(
    wanted.map(({ name }) => name),
    runs,
    seed,
    printResult,
  );
  const failed = results.filter(({ failure }) => failure !== null).length;
  if (values.json) console.log(JSON.stringify({ seed, runs, results }));
  else console.log(`parsers ${results.length}\nfiles ${results.length * runs}\nfailed ${failed}`);
  return failed > 0 ? 1 : 0;
}

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 2;
});
