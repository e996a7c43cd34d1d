import { Worker } from 'node:worker_threads';

/** What a fuzz run of one parser came to. */
export interface FuzzResult {
  readonly name: string;
  readonly runs: number;
  /** How often each code was given; `read` for what was taken. */
  readonly codes: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Most that one file took, making the samples included, ms, seen by a look each 20 ms. */
  readonly longestMs: number;
  /** Memory of the process: most it rose above where it began, bytes. */
  readonly roseBytes: number;
  /** What must not be; null when all is well. */
  readonly failure: string | null;
}

export interface FuzzWorkerData {
  /** Parsers, one after the other. */
  readonly names: readonly string[];
  readonly runs: number;
  readonly seed: number;
  /** Two int32: files so far, and bytes of the one that is read; then those bytes. */
  readonly shared: SharedArrayBuffer;
}

export interface FromFuzzWorker {
  readonly name: string;
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

/**
 * Throws `runs` hostile files at each parser, in a thread of its own, so that one that hangs is told, with the file.
 *
 * @param onResult told of each as soon as it is through
 */
export async function fuzzParsers(
  names: readonly string[],
  runs: number,
  seed: number,
  onResult: (result: FuzzResult) => void = () => undefined,
): Promise<FuzzResult[]> {
  const results: FuzzResult[] = [];
  while (results.length < names.length) {
    // After one that hung or died the rest goes on in a fresh thread.
    const tell = (result: FuzzResult): void => {
      results.push(result);
      onResult(result);
    };
    await new FuzzThread(names.slice(results.length), runs, seed, tell).ended;
  }
  return results;
}

/** One thread that is watched while it reads. */
class FuzzThread {
  /** Resolves when it has been through all, or was ended at the first that hung. */
  readonly ended: Promise<void>;
  private readonly left: string[];
  private readonly runs: number;
  private readonly seed: number;
  private readonly tell: (result: FuzzResult) => void;
  private readonly count: Int32Array;
  private readonly held: Uint8Array;
  private readonly startBytes = process.memoryUsage.rss();
  private begin = performance.now();
  private rose = 0;
  private longest = 0;
  private seen = 0;
  private since = this.begin;

  constructor(names: readonly string[], runs: number, seed: number, tell: (result: FuzzResult) => void) {
    this.left = [...names];
    this.runs = runs;
    this.seed = seed;
    this.tell = tell;
    const shared = new SharedArrayBuffer(8 + MOST_SHOWN);
    this.count = new Int32Array(shared, 0, 2);
    this.held = new Uint8Array(shared, 8);
    const data: FuzzWorkerData = { names, runs, seed, shared };
    const worker = new Worker(new URL('./fuzz-worker.ts', import.meta.url), {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
    });
    this.ended = new Promise((resolve) => {
      const looking = setInterval(() => {
        if (!this.hangs()) return;
        this.next({}, this.hanging());
        void worker.terminate();
      }, LOOK_MS);
      worker.on('message', ({ codes, failure }: FromFuzzWorker) => this.next(codes, failure));
      worker.on('error', (error) => this.next({}, `the thread died: ${String(error)}`));
      worker.once('exit', () => {
        clearInterval(looking);
        resolve();
      });
    });
  }

  private next(codes: FuzzResult['codes'], failure: string | null): void {
    const name = this.left.shift();
    if (name === undefined) return;
    const seconds = (performance.now() - this.begin) / 1000;
    const tooMuch = this.rose > MOST_ROSE_BYTES ? `memory rose by ${this.rose} bytes` : null;
    this.tell({
      ...{ name, runs: this.runs, codes, seconds },
      longestMs: this.longest,
      roseBytes: this.rose,
      failure: failure ?? tooMuch,
    });
    this.begin = performance.now();
    this.since = this.begin;
    this.rose = 0;
    this.longest = 0;
  }

  /** Looks at how far it is. */
  private hangs(): boolean {
    this.rose = Math.max(this.rose, process.memoryUsage.rss() - this.startBytes);
    const now = performance.now();
    const files = Atomics.load(this.count, 0);
    if (files !== this.seen) {
      this.seen = files;
      this.since = now;
      return false;
    }
    this.longest = Math.max(this.longest, now - this.since);
    return now - this.since >= HANG_MS;
  }

  private hanging(): string {
    const bytes = Buffer.from(this.held.subarray(0, Math.min(this.count[1] ?? 0, MOST_SHOWN)));
    return `hangs at file ${this.seen} (seed ${this.seed}), base64: ${bytes.toString('base64')}`;
  }
}
