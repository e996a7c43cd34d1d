import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ManualClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { openBlackBox } from '../../src/record/black-box.ts';
import { createLink } from '../../src/surface/link.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { quietPort, startMosquitto } from '../fixtures/mosquitto.ts';
import { HANDS_ON } from '../scenarios/stage.ts';
import { Surface } from '../scenarios/surface.ts';
import { alertBytes, findingOf } from '../surface/samples.ts';
import { type Count, Tally } from './tally.ts';

export interface OutagePlan {
  /** Simulated. */
  readonly hours: number;
  /** Told after each simulated hour. */
  readonly onHour?: (hour: number, heapBytes: number) => void;
}

export interface OutageResult extends Count {
  /** Attempts to connect that failed meanwhile. */
  readonly failedAttempts: number;
  /** Heap and buffers after a collection: after the first twelfth of the outage, and at its end. */
  readonly startBytes: number;
  readonly endBytes: number;
  /** Alerts of the past that still waited when one of the present, committed after the outage, had come. */
  readonly passed: number;
}

const EVERY_MS = 10_000;
const ALERTS_AN_HOUR = 3_600_000 / EVERY_MS;
/** Simulated time goes on so far for each real pause, while a real broker answers. */
const STEP_MS = 20;
const PAUSE_MS = 5;

/** Memory in use after a collection, bytes: the heap and what it holds outside. */
function memoryInUse(collect: () => void): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** A link without a broker for simulated hours with an alert every 10 s; then the broker comes and everything with it. */
export async function outageRun({ hours, onHour }: OutagePlan): Promise<OutageResult> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const folder = await mkdtemp(join(tmpdir(), 'specta-outage-'));
  const port = await quietPort();
  const clock = new ManualClock();
  const log = silentLog();
  const boot = 'boot-1';
  const topics = topicsOf('rov-1');
  const tally = new Tally();
  const record = await openBlackBox({ folder, boot, log, clock });
  const link = createLink(
    {
      broker: `mqtt://127.0.0.1:${port}`,
      vehicle: 'rov-1',
      boot,
      version: '0.0.0',
      clockQuality: () => 'synchronised',
      protocol: 5,
      backlogPerSecond: 500,
    },
    { clock, log, outbox: record },
  );
  const commit = async (sequence: number): Promise<void> => {
    const payload = alertBytes(sequence);
    const message = {
      lane: 'alert',
      topic: topics.alerts,
      contentType: 'application/json',
      payload,
    } as const;
    await record.commit({ finding: findingOf(`finding-${sequence}`), messages: [message] });
    tally.commit({ boot, sequence });
  };
  const total = Math.round(hours * ALERTS_AN_HOUR);
  let startBytes = 0;
  try {
    link.start();
    for (let sequence = 1; sequence <= total; sequence += 1) {
      await commit(sequence);
      await clock.advance(EVERY_MS);
      if (sequence === Math.round(total / 12)) startBytes = memoryInUse(collect);
      if (sequence % ALERTS_AN_HOUR === 0) onHour?.(sequence / ALERTS_AN_HOUR, memoryInUse(collect));
    }
    const { failedAttempts } = link.counts;
    const endBytes = memoryInUse(collect);

    const broker = await startMosquitto({ ...HANDS_ON, port });
    let passed: number | null = null;
    const heard = new Set<number>();
    const surface = new Surface(broker.url, {
      qos: 0,
      filters: [topics.alerts],
      onHeard: ({ payload }) => {
        tally.hear(payload);
        const { sequence } = JSON.parse(payload.toString('utf8')) as { readonly sequence: number };
        heard.add(sequence);
        if (sequence === total + 1) passed ??= total + 1 - heard.size;
      },
    });
    try {
      const pass = async (done: () => boolean): Promise<void> => {
        const end = Date.now() + 120_000;
        while (!done() && Date.now() < end) {
          await clock.advance(STEP_MS);
          await sleep(PAUSE_MS);
        }
      };
      for (let waits = 0; surface.subscribed === 0; waits += 1) {
        if (waits > 4_000) throw new Error(`nobody could subscribe at ${broker.url}:\n${broker.log()}`);
        await sleep(5);
      }
      await pass(() => heard.size > Math.min(100, total / 2));
      await commit(total + 1);
      await pass(() => record.depth().waiting.alert === 0 && tally.missing.length === 0);
      return { ...tally.count(), failedAttempts, startBytes, endBytes, passed: passed ?? -1 };
    } finally {
      // The link's own clock stands still: its goodbye is not waited for.
      await link.stop(AbortSignal.abort());
      await surface.leave();
      await broker.kill();
    }
  } finally {
    await link.stop(AbortSignal.abort());
    const closing = record.close();
    await clock.advance(1);
    await closing;
    await rm(folder, { recursive: true, force: true });
  }
}
