import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { fromErrorRecord, SpectaError } from '../platform/errors.ts';
import type { FrameTruth } from './frame-truth.ts';
import type { RenderJob, RenderReport, RenderShare, StillsOptions } from './render-job.ts';
import {
  beginFolder,
  digestOf,
  finishFolder,
  type RunRecord,
  readFinishedRun,
  refuseForeign,
} from './run-folder.ts';
import { RENDERER_VERSION, type RunPlan } from './run-plan.ts';

export interface RenderOptions {
  /** Threads; default: one per core. */
  readonly workers?: number;
  /** Aborting stops the threads, removes what was written and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each frame. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Renders a run into `folder`: `frame-000001.jpg`…, `truth.jsonl` (see {@link FrameTruth}), `run.json`. The folder
 * appears whole or not at all; a finished one of the same plan and renderer is kept and given back at once. Throws
 * `USAGE` when the folder holds something else, `DISK_FULL`, `DISK_FAILED`.
 */
export async function renderRun(
  plan: RunPlan,
  folder: string,
  options: RenderOptions = {},
): Promise<RunRecord> {
  return await render({ kind: 'run', plan }, folder, options);
}

/** Renders independent views, `still-000001.jpg`…, with the same files beside them; else as {@link renderRun}. */
export async function renderStills(
  stills: StillsOptions,
  folder: string,
  options: RenderOptions = {},
): Promise<RunRecord> {
  if (!Number.isInteger(stills.count) || stills.count < 1)
    throw new SpectaError('USAGE', `${stills.count} stills cannot be rendered.`, 'Ask for one or more.');
  return await render({ kind: 'stills', options: stills }, folder, options);
}

async function render(job: RenderJob, folder: string, options: RenderOptions): Promise<RunRecord> {
  const { signal } = options;
  signal?.throwIfAborted();
  const parameters = job.kind === 'run' ? job.plan : job.options;
  const digest = digestOf(job.kind, RENDERER_VERSION, parameters);
  const total = job.kind === 'run' ? job.plan.frames : job.options.count;
  const known = await readFinishedRun(folder);
  if (known?.digest === digest) {
    options.onProgress?.(total, total);
    return known;
  }
  await refuseForeign(folder, digest);
  const part = await beginFolder(folder);
  try {
    const truths = new Array<FrameTruth>(total);
    let done = 0;
    let bytes = 0;
    const workers = Math.max(1, Math.min(total, options.workers ?? availableParallelism()));
    const onFrame = (report: RenderReport & { kind: 'frame' }): void => {
      truths[report.index] = report.truth;
      bytes += report.bytes;
      options.onProgress?.(++done, total);
    };
    const stop = new AbortController();
    const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const shares = Array.from({ length: workers }, (_, i) =>
      work(
        {
          job,
          folder: part,
          from: Math.floor((i * total) / workers),
          to: Math.floor(((i + 1) * total) / workers),
        },
        either,
        onFrame,
      ),
    );
    try {
      await Promise.all(shares);
    } catch (error) {
      // The others must have let go of the folder before it is removed.
      stop.abort(error);
      await Promise.allSettled(shares);
      throw error;
    }
    const record: RunRecord = {
      schema: 1,
      kind: job.kind,
      renderer: RENDERER_VERSION,
      seed: job.kind === 'run' ? job.plan.seed : job.options.seed,
      frames: total,
      rate: job.kind === 'run' ? job.plan.rate : null,
      bytes,
      digest,
      parameters,
    };
    await finishFolder(part, folder, truths, record);
    return record;
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
}

/** Runs one share in a thread; settles only when the thread has ended. */
async function work(
  share: RenderShare,
  signal: AbortSignal,
  onFrame: (report: RenderReport & { kind: 'frame' }) => void,
): Promise<void> {
  // A listener does not hear of what was before it.
  signal.throwIfAborted();
  const worker = new Worker(new URL('./render-worker.ts', import.meta.url), { workerData: share });
  const onAbort = (): void => void worker.terminate();
  signal.addEventListener('abort', onAbort, { once: true });
  let failure: Error | null = null;
  let frames = 0;
  try {
    const code = await new Promise<number>((resolve) => {
      worker.on('message', (report: RenderReport) => {
        if (report.kind === 'failed') failure = fromErrorRecord(report.error);
        else if (!signal.aborted) {
          frames++;
          onFrame(report);
        }
      });
      worker.on('error', (error) => {
        failure = error instanceof Error ? error : new Error(String(error));
      });
      worker.on('exit', resolve);
    });
    signal.throwIfAborted();
    if (failure) throw failure;
    if (frames !== share.to - share.from)
      throw new SpectaError(
        'INTERNAL',
        `A render thread ended (code ${code}) after ${frames} of ${share.to - share.from} frames.`,
        'Render again; report it when it happens twice.',
      );
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
