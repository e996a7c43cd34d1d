import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';
import { giveBackMemory } from '../platform/spare-memory.ts';
import type { HealthMessage } from '../surface/messages/health.ts';
import type { BoardPace } from './board-pace.ts';
import { type DiskGauge, SAMPLE_EVERY_MS } from './disk-gauge.ts';
import { every } from './every.ts';
import type { HealthReporter } from './health-reporter.ts';
import type { Inspection } from './inspection.ts';
import { MetricsServer } from './metrics-server.ts';

const TICK_MS = 1_000;
const HEALTH_MS = 5_000;
const PACE_MS = 2_000;
/** When the start's pages are no longer needed, and how often others are given back; ms. */
const FIRST_SPARE_MS = 10_000;
const SPARE_MS = 60_000;

interface UpkeepParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly inspection: Inspection;
  readonly health: HealthReporter;
  readonly pace: BoardPace;
  readonly disk: DiskGauge;
  /** Where the figures are served for Prometheus; null: nowhere. */
  readonly metricsPort: number | null;
  readonly onHealth: (health: HealthMessage) => void;
}

/**
 * What a running daemon does every so often: lets inspection's time pass, tells its health, looks at board and disk, gives
 * back memory. Until it is disposed. Rejects with `CONFIG_INVALID` when the port for metrics cannot be taken.
 */
export async function startUpkeep(parts: UpkeepParts): Promise<AsyncDisposable> {
  const { clock, log, inspection, health, pace, disk, metricsPort, onHealth } = parts;
  const metrics = metricsPort === null ? null : await MetricsServer.listen(metricsPort, log);
  const tell = async (): Promise<void> => {
    const figures = await health.publish();
    metrics?.show(figures);
    onHealth(figures);
  };
  const report = (error: unknown): void => log.error({ error }, 'a periodic task failed');
  const repeated = [
    every(clock, TICK_MS, () => inspection.tick(), report),
    every(clock, HEALTH_MS, tell, report),
    every(clock, PACE_MS, () => pace.look(), report),
    every(clock, SAMPLE_EVERY_MS, () => disk.sample(), report),
  ];
  void disk.sample().catch(report);
  // Where koffi or glibc is missing, the process is larger and works all the same.
  const keeping = (error: unknown): void => log.debug({ error }, 'no memory could be given back');
  repeated.push(every(clock, SPARE_MS, giveBackMemory, keeping));
  const cancelFirst = clock.after(FIRST_SPARE_MS, () => void giveBackMemory().catch(keeping));
  return {
    async [Symbol.asyncDispose]() {
      for (const each of repeated) each.cancel();
      cancelFirst();
      await metrics?.close();
    },
  };
}
