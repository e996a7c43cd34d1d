import { Worker } from 'node:worker_threads';
import type { Bundle } from '../domain/manifest.ts';
import { asSpectaError } from '../platform/errors.ts';
import type { Picture } from '../vision/picture.ts';

/** What the threads of the bound are started with. */
export interface BoundWork {
  readonly bundle: Bundle;
  readonly threads: number;
  readonly pictures: readonly Picture[];
  /** Which parts each thread does for a frame. */
  readonly parts: 'decode' | 'engine' | 'both';
  readonly ms: number;
}

/** From a thread of the bound: ready, then how many frames it did in how long. */
export type BoundAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly frames: number; readonly ms: number };

export interface Bound {
  readonly fps: number;
  /** CPU of all threads a frame, ms. */
  readonly cpuMs: number;
}

/**
 * Decode and engine, or one of them, over and over on `lanes` threads, and nothing else: no resize, no gates, no messages.
 * What no pipeline around them can beat. Rejects with what a thread failed with, and the signal's reason.
 */
export async function boundOf(lanes: number, work: BoundWork, signal: AbortSignal): Promise<Bound> {
  signal.throwIfAborted();
  const threads = Array.from({ length: lanes }, () => new BoundThread(work));
  try {
    await Promise.all(threads.map((thread) => thread.ready));
    signal.throwIfAborted();
    const cpu = process.cpuUsage();
    for (const thread of threads) thread.go();
    const done = await Promise.all(threads.map((thread) => thread.done));
    const { user, system } = process.cpuUsage(cpu);
    const frames = done.reduce((sum, each) => sum + each.frames, 0);
    return {
      fps: done.reduce((sum, each) => sum + (each.frames * 1000) / each.ms, 0),
      cpuMs: (user + system) / 1000 / frames,
    };
  } finally {
    await Promise.all(threads.map((thread) => thread.ended));
  }
}

type Done = BoundAnswer & { readonly kind: 'done' };

class BoundThread {
  readonly ready: Promise<void>;
  readonly done: Promise<Done>;
  readonly ended: Promise<void>;
  private readonly worker: Worker;

  constructor(work: BoundWork) {
    this.worker = new Worker(new URL('./bound-worker.ts', import.meta.url), {
      workerData: work,
      env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' },
    });
    const failed = new Promise<never>((_, reject) => {
      this.worker.once('error', (error) => reject(asSpectaError(error)));
    });
    const answered = <Kind extends BoundAnswer['kind']>(
      kind: Kind,
    ): Promise<BoundAnswer & { readonly kind: Kind }> =>
      new Promise((resolve) => {
        this.worker.on('message', (answer: BoundAnswer) => {
          if (answer.kind === kind) resolve(answer as BoundAnswer & { readonly kind: Kind });
        });
      });
    this.ready = Promise.race([answered('ready').then(() => undefined), failed]);
    this.done = Promise.race([answered('done'), failed]);
    this.ended = new Promise((resolve) => this.worker.once('exit', () => resolve()));
    // Whoever waits for `ready` hears of it; `done` may not be waited for then.
    this.done.catch(() => undefined);
  }

  go(): void {
    this.worker.postMessage('go');
  }
}
