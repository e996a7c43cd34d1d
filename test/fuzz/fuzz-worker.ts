import { parentPort, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { ERROR_CODES, SpectaError } from '../../src/platform/errors.ts';
import type { FromFuzzWorker, FuzzWorkerData } from './fuzz-parser.ts';
import { hostileBytes } from './mutation.ts';
import { PARSERS } from './parsers.ts';

// One parser, very many files. What it is reading lies where the other thread sees it, also when this one hangs.

const { name, runs, seed, shared } = workerData as FuzzWorkerData;
const count = new Int32Array(shared, 0, 2);
const held = new Uint8Array(shared, 8);
const parser = PARSERS.find((each) => each.name === name);
if (parser === undefined) throw new Error(`there is no parser ${name}`);
const codes: Record<string, number> = {};

function show(bytes: Uint8Array): void {
  count[1] = bytes.length;
  held.set(bytes.subarray(0, held.length));
  Atomics.add(count, 0, 1);
}

/** Counts what came of it; throws for what must not be. */
function judge(refusals: RegExp, error: unknown): void {
  if (!(error instanceof SpectaError)) throw error;
  const isKnown = (ERROR_CODES as readonly string[]).includes(error.code) && refusals.test(error.code);
  if (!isKnown) throw error;
  if (error.message === '' || error.help === '') throw new Error(`${error.code} without words`);
  codes[error.code] = (codes[error.code] ?? 0) + 1;
}

const { samples, read } = await parser.open();
// What is whole is read: a reader that refuses everything would pass otherwise.
for (const sample of samples) await read(sample);
let failure: string | null = null;
try {
  await fc.assert(
    fc.asyncProperty(hostileBytes(samples), async (bytes) => {
      show(bytes);
      try {
        await read(bytes);
        codes.read = (codes.read ?? 0) + 1;
      } catch (error) {
        judge(parser.refusals, error);
      }
    }),
    { numRuns: runs, seed },
  );
} catch (error) {
  failure = error instanceof Error ? `${error.message}\n${String(error.cause ?? '')}` : String(error);
}
const message: FromFuzzWorker = { codes, failure };
parentPort?.postMessage(message);
