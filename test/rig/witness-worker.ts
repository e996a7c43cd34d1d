import { openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { Edge } from './witness.ts';

// Nothing tells of a change of what drives a line, so that it is looked at without end.
const PAUSE_MS = 1;
const file = openSync(String(workerData), 'r');
const bytes = Buffer.alloc(2);
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** CLOCK_MONOTONIC, ms. */
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function isLit(): boolean {
  readSync(file, bytes, 0, 1, 0);
  return bytes[0] === 0x31;
}

let lit = isLit();
let before = now();
parentPort?.postMessage(null);
for (;;) {
  Atomics.wait(sleeper, 0, 0, PAUSE_MS);
  const seen = isLit();
  const at = now();
  if (seen !== lit) {
    const edge: Edge = { lit: seen, afterMs: before, atMs: at };
    parentPort?.postMessage(edge);
    lit = seen;
  }
  before = at;
}
