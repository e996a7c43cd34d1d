import { ProcessMeter } from '../daemon/process-meter.ts';
import type { Percentiles } from '../platform/percentiles.ts';
import { rounded } from './measurement.ts';

const SAMPLE_MS = 250;

/** What a process took over a stretch of time. */
export interface ProcessFigures {
  readonly seconds: number;
  /** All threads, ms. */
  readonly cpuMs: number;
  readonly eventLoopDelay: Percentiles;
  /** Median of the second half, and the most, MB. */
  readonly rssMb: number;
  readonly rssPeakMb: number;
}

/** Watches this process from now on; the function ends it and tells. */
export function watchProcess(): () => ProcessFigures {
  const meter = new ProcessMeter();
  const sizes: number[] = [process.memoryUsage.rss()];
  const timer = setInterval(() => sizes.push(process.memoryUsage.rss()), SAMPLE_MS);
  const begin = performance.now();
  return () => {
    const seconds = (performance.now() - begin) / 1000;
    const { cpuMs, eventLoopDelay } = meter.take();
    meter.close();
    clearInterval(timer);
    sizes.push(process.memoryUsage.rss());
    const steady = sizes.slice(Math.floor(sizes.length / 2)).sort((a, b) => a - b);
    const { p50, p95, p99 } = eventLoopDelay;
    return {
      seconds,
      cpuMs,
      eventLoopDelay: { p50: rounded(p50), p95: rounded(p95), p99: rounded(p99) },
      rssMb: rounded((steady[Math.floor(steady.length / 2)] ?? 0) / 1e6, 1),
      rssPeakMb: rounded(Math.max(...sizes) / 1e6, 1),
    };
  };
}
