import { parentPort, workerData } from 'node:worker_threads';
import fc from 'fast-check';
import { ERROR_CODES, SpectaError } from '../../src/platform/errors.ts';
import type { FromFuzzWorker, FuzzWorkerData } from './fuzz-parser.ts';
import type { FuzzedParser } from './fuzzed-parser.ts';
import { hostileBytes } from './mutation.ts';
import { PARSERS } from './parsers.ts';

// Very many files for one parser after the other. What is being read lies where the other thread sees it, also when this one hangs.

const { names, runs, seed, shared } = workerData as FuzzWorkerData;
const count = new Int32Array(shared, 0, 2);
const held = new Uint8Array(shared, 8);

function show(bytes: Uint8Array): void {
  count[1] = bytes.length;
  held.set(bytes.subarray(0, held.length));
  Atomics.add(count, 0, 1);
}

/** The code of what came of it; throws for what must not be. */
function codeOf(refusals: RegExp, error: unknown): string {
  if (!(error instanceof SpectaError)) throw error;
  const isKnown = (ERROR_CODES as readonly string[]).includes(error.code) && refusals.test(error.code);
  if (!isKnown) throw error;
  if (error.message === '' || error.help === '') throw new Error(`${error.code} without words`);
  return error.code;
}

async function fuzz({ refusals, open }: FuzzedParser, codes: Record<string, number>): Promise<void> {
  const { samples, read } = await open();
  // What is whole is read: a reader that refuses everything would pass otherwise.
  for (const sample of samples) await read(sample);
  await fc.assert(
    fc.asyncProperty(hostileBytes(samples), async (bytes) => {
      show(bytes);
      let code = 'read';
      try {
        await read(bytes);
      } catch (error) {
        code = codeOf(refusals, error);
      }
      codes[code] = (codes[code] ?? 0) + 1;
    }),
    { numRuns: runs, seed },
  );
}

for (const name of names) {
  const codes: Record<string, number> = {};
  let failure: string | null = null;
  try {
    const parser = PARSERS.find((each) => each.name === name);
    if (parser === undefined) throw new Error(`there is no parser ${name}`);
    await fuzz(parser, codes);
  } catch (error) {
    failure = error instanceof Error ? `${error.message}\n${String(error.cause ?? '')}` : String(error);
  }
  const message: FromFuzzWorker = { name, codes, failure };
  parentPort?.postMessage(message);
}
