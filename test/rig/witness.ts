import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

/** What drives the alert light's line, whoever drives it. */
export const WITNESS = '/run/gpio-witness/sim_gpio17/value';

/** Whether the line is driven high at this moment. */
export function isDriven(): boolean {
  return readFileSync(WITNESS, 'utf8').trim() === '1';
}

/** A change of the line, on CLOCK_MONOTONIC, ms: after `afterMs`, not later than `atMs`. */
export interface Edge {
  readonly lit: boolean;
  readonly afterMs: number;
  readonly atMs: number;
}

/** Writes down when the line changes; it knows nothing of the daemon. */
export class Witness implements AsyncDisposable {
  readonly edges: Edge[] = [];
  private readonly worker: Worker;

  private constructor(worker: Worker) {
    this.worker = worker;
    worker.on('message', (edge: Edge | null) => {
      if (edge !== null) this.edges.push(edge);
    });
  }

  /** Looks from when this resolves. */
  static async begin(): Promise<Witness> {
    const worker = new Worker(new URL('./witness-worker.ts', import.meta.url), { workerData: WITNESS });
    await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    return new Witness(worker);
  }

  get rises(): readonly Edge[] {
    return this.edges.filter(({ lit }) => lit);
  }

  get falls(): readonly Edge[] {
    return this.edges.filter(({ lit }) => !lit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.worker.terminate();
  }
}

/** The moment of a message's UTC time on CLOCK_MONOTONIC, ms; good to 2 ms while nobody sets the clock. */
export function monotonicOf(utc: string): number {
  let offset = Number.POSITIVE_INFINITY;
  for (let count = 0; count < 20; count++) {
    offset = Math.min(offset, Number(process.hrtime.bigint()) / 1e6 - Date.now());
  }
  return Date.parse(utc) + offset;
}

/** p50, p95, p99 and most, by nearest rank, in words. */
export function distribution(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN).toFixed(0);
  return `n ${sorted.length}, p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, most ${at(1)} ms`;
}
