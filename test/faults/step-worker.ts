import { DatabaseSync, StatementSync } from 'node:sqlite';
import { workerData } from 'node:worker_threads';
import { StepCounter } from './step-counter.ts';

// The record worker as it is, but for a step before and after each thing that it asks of SQLite.

const steps = new StepCounter(workerData as SharedArrayBuffer);

/** A step before the call and one after it. */
function stepped<This, Given extends unknown[], Result>(
  original: (this: This, ...given: Given) => Result,
): (this: This, ...given: Given) => Result {
  return function (this: This, ...given: Given): Result {
    steps.step();
    const result = original.apply(this, given);
    steps.step();
    return result;
  };
}

const { run, all, get } = StatementSync.prototype;
const { exec } = DatabaseSync.prototype;
Object.assign(StatementSync.prototype, { run: stepped(run), all: stepped(all), get: stepped(get) });
Object.assign(DatabaseSync.prototype, { exec: stepped(exec) });

await import('../../src/record/record-worker.ts');
