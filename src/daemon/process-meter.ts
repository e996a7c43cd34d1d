import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Percentiles } from '../platform/percentiles.ts';

/** Coarse enough to cost next to nothing; what is told is how much later than this a timer came, ms. */
const RESOLUTION_MS = 20;

/** What this process takes, from one look to the next. */
export interface ProcessFigures {
  /** Processor time of all threads, ms. */
  readonly cpuMs: number;
  readonly eventLoopDelay: Percentiles;
}

export class ProcessMeter {
  private readonly delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private cpu = process.cpuUsage();

  constructor() {
    this.delays.enable();
  }

  /** Figures since the last call, or the beginning. */
  take(): ProcessFigures {
    const { user, system } = process.cpuUsage(this.cpu);
    this.cpu = process.cpuUsage();
    const late = (percent: number): number =>
      this.delays.count === 0 ? 0 : Math.max(0, this.delays.percentile(percent) / 1e6 - RESOLUTION_MS);
    const eventLoopDelay = { p50: late(50), p95: late(95), p99: late(99) };
    this.delays.reset();
    return { cpuMs: (user + system) / 1000, eventLoopDelay };
  }

  close(): void {
    this.delays.disable();
  }
}
