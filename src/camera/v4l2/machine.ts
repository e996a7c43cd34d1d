import { loadLibc } from '../../platform/libc.ts';
import type { V4l2Machine } from './v4l2-source.ts';

const NANOSECONDS_PER_MS = 1e6;

/** This machine. Node's high-resolution time is CLOCK_MONOTONIC on Linux. */
export const thisMachine: V4l2Machine = {
  loadLibc,
  deviceFolder: '/dev',
  monotonicMs: () => Number(process.hrtime.bigint()) / NANOSECONDS_PER_MS,
};
