import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestVehicle } from '../console/test-vehicle.ts';
import { startMosquitto } from '../fixtures/mosquitto.ts';
import type { ConsoleFigures } from './fleet-console.ts';

export interface FleetPlan {
  readonly vehicles: number;
  /** Each vehicle sends one alert and its picture in each of them. */
  readonly seconds: number;
  readonly onSecond?: (second: number, figures: ConsoleFigures) => void;
}

export interface FleetResult extends ConsoleFigures {
  /** Alerts sent, which the broker has acknowledged; each is a finding of its own, with one picture. */
  readonly committed: number;
  /** Of them, those in the console's history. */
  readonly delivered: number;
  readonly lost: number;
  readonly duplicates: number;
  readonly faults: readonly string[];
  /** From the first alert to the last, s. */
  readonly seconds: number;
}

const CONSOLE = join(import.meta.dirname, 'fleet-console.ts');
/** Without any progress for so long it is over, ms. */
const PATIENCE_MS = 60_000;

/** Many vehicles with an alert a second each through one Mosquitto to one console, which is a process of its own. */
export async function fleetRun({ vehicles: count, seconds, onSecond }: FleetPlan): Promise<FleetResult> {
  const folder = await mkdtemp(join(tmpdir(), 'specta-fleet-'));
  const broker = await startMosquitto();
  const child = fork(CONSOLE, [broker.url, folder], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const vehicles = Array.from({ length: count }, (_, index) => new TestVehicle(`rov-${index + 1}`));
  try {
    await until(child, 'the console is connected', ({ connected }) => connected);
    await Promise.all(vehicles.map((vehicle) => vehicle.connect(broker.url)));
    const began = performance.now();
    for (let second = 0; second < seconds; second += 1) {
      await Promise.all(
        vehicles.map(async (vehicle, index) => {
          // Not all at the same moment.
          await sleep((index * 900) / count);
          await vehicle.find(`F-${vehicle.name}-${second}`);
          await vehicle.image(`F-${vehicle.name}-${second}`);
        }),
      );
      if (onSecond) onSecond(second + 1, await ask(child));
      await sleep(Math.max(0, (second + 1) * 1000 - (performance.now() - began)));
    }
    const took = (performance.now() - began) / 1000;
    const committed = count * seconds;
    const isWhole = ({ alerts, images }: ConsoleFigures): boolean =>
      alerts >= committed && images >= committed;
    const figures = await until(child, 'the console has it all', isWhole).catch(() => ask(child));
    const { alerts, findings, images } = figures;
    const delivered = Math.min(committed, findings);
    const faults: string[] = [];
    if (figures.vehicles !== count) faults.push(`${figures.vehicles} vehicles known of ${count}`);
    if (images !== committed) faults.push(`${images} pictures of ${committed}`);
    const lost = committed - delivered;
    return {
      ...figures,
      ...{ committed, delivered, lost, duplicates: alerts - findings, faults, seconds: took },
    };
  } finally {
    const ended = child.exitCode === null ? once(child, 'exit') : null;
    if (child.connected) child.disconnect();
    await ended;
    for (const vehicle of vehicles) await vehicle.leave();
    await broker.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The console's figures now; rejects when it has ended. */
async function ask(child: ChildProcess): Promise<ConsoleFigures> {
  const asking = new AbortController();
  const { signal } = asking;
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error('the console ended');
  });
  ended.catch(() => undefined /* no longer listened for once the answer is there */);
  try {
    const answer = once(child, 'message', { signal });
    child.send('tell');
    const [figures] = (await Promise.race([answer, ended])) as [ConsoleFigures];
    return figures;
  } finally {
    asking.abort();
  }
}

async function until(
  child: ChildProcess,
  what: string,
  done: (figures: ConsoleFigures) => boolean,
): Promise<ConsoleFigures> {
  let best = -1;
  let end = 0;
  for (;;) {
    const figures = await ask(child);
    if (done(figures)) return figures;
    if (figures.alerts + figures.images > best) {
      best = figures.alerts + figures.images;
      end = performance.now() + PATIENCE_MS;
    }
    if (performance.now() > end) throw new Error(`never happened: ${what}`);
    await sleep(50);
  }
}
