import { Worker } from 'node:worker_threads';

/** What a fuzz run of one parser came to. */
export interface FuzzResult {
  readonly name: string;
  readonly runs: number;
  /** How often each code was given; `read` for what was taken. */
  readonly codes: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Most that one file took, ms, seen by a look each 20 ms. */
  readonly longestMs: number;
  /** Memory of the process: most it rose above where it began, bytes. */
  readonly roseBytes: number;
  /** What must not be; null when all is well. */
  readonly failure: string | null;
}

export interface FuzzWorkerData {
  readonly name: string;
  readonly runs: number;
  readonly seed: number;
  /** Two int32: files so far, and bytes of the one that is read; then those bytes. */
  readonly shared: SharedArrayBuffer;
}

export interface FromFuzzWorker {
  readonly codes: Readonly<Record<string, number>>;
  readonly failure: string | null;
}

const MOST_SHOWN = 65_536;
const LOOK_MS = 20;
/** A file that takes longer hangs. */
const HANG_MS = 20_000;
/** A parser may take so much of the heap; beyond it the thread dies. */
const HEAP_MIB = 384;
/** The process as a whole may rise by so much: the heap, and what lies outside it. */
export const MOST_ROSE_BYTES = 1_073_741_824;

/** Throws `runs` hostile files at one parser in a thread of its own, so that one that hangs is told, with the file. */
export async function fuzzParser(name: string, runs: number, seed: number): Promise<FuzzResult> {
  const shared = new SharedArrayBuffer(8 + MOST_SHOWN);
  const count = new Int32Array(shared, 0, 2);
  const data: FuzzWorkerData = { name, runs, seed, shared };
  const begin = performance.now();
  const startBytes = process.memoryUsage.rss();
  const worker = new Worker(new URL('./fuzz-worker.ts', import.meta.url), {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
  });
  let rose = 0;
  let longest = 0;
  let seen = -1;
  let since = begin;
  return await new Promise<FuzzResult>((resolve) => {
    const end = (codes: FuzzResult['codes'], failure: string | null): void => {
      clearInterval(looking);
      const seconds = (performance.now() - begin) / 1000;
      const tooMuch = rose > MOST_ROSE_BYTES ? `memory rose by ${rose} bytes` : null;
      resolve({
        ...{ name, runs, codes, seconds },
        longestMs: longest,
        roseBytes: rose,
        failure: failure ?? tooMuch,
      });
    };
    const looking = setInterval(() => {
      rose = Math.max(rose, process.memoryUsage.rss() - startBytes);
      const now = performance.now();
      const files = Atomics.load(count, 0);
      if (files !== seen) {
        seen = files;
        since = now;
        return;
      }
      // Before the first file it makes its samples.
      if (files > 0) longest = Math.max(longest, now - since);
      if (now - since < HANG_MS) return;
      const bytes = Buffer.from(shared, 8, Math.min(count[1] ?? 0, MOST_SHOWN)).toString('base64');
      void worker.terminate();
      end({}, `hangs at file ${files} (seed ${seed}), base64: ${bytes}`);
    }, LOOK_MS);
    worker.once('message', ({ codes, failure }: FromFuzzWorker) => end(codes, failure));
    worker.once('error', (error) => end({}, `the thread died: ${String(error)}`));
  });
}
