import type { Worker } from 'node:worker_threads';
import type { Located } from '../domain/finding.ts';
import type { Frame } from '../domain/frame.ts';
import type { DefectClass } from '../domain/verdict.ts';
import type { Logger } from '../platform/log.ts';
import type { FromVisionWorker, ToVisionWorker } from './vision-messages.ts';

/** Nobody could look. */
export const NOBODY: Located = { box: null, map: null, reason: 'engine-away' };

/** The searches that the vision worker was asked for and has not answered. */
export class SearchCalls {
  private readonly worker: Worker;
  private readonly log: Logger;
  private readonly open = new Map<number, (located: Located) => void>();
  private last = 0;

  constructor(worker: Worker, log: Logger) {
    this.worker = worker;
    this.log = log;
  }

  /** The frame's bytes are copied. */
  ask(frame: Frame, defect: DefectClass): Promise<Located> {
    const id = ++this.last;
    // A copy, also of a Buffer, whose slice would be a view: what is handed over is lost here.
    const data = new Uint8Array(frame.data);
    const message: ToVisionWorker = { kind: 'locate', id, frame: { ...frame, data }, defect };
    return new Promise((resolve) => {
      this.open.set(id, resolve);
      this.worker.postMessage(message, [data.buffer]);
    });
  }

  take({ id, located, error }: FromVisionWorker & { readonly kind: 'located' }): void {
    if (error !== null)
      this.log.warn({ code: error.code }, `a defect could not be looked for: ${error.message}`);
    this.open.get(id)?.(located);
    this.open.delete(id);
  }

  /** Answers what is open: the worker never will. */
  giveUp(): void {
    for (const resolve of this.open.values()) resolve(NOBODY);
    this.open.clear();
  }
}
