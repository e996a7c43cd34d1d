import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { type BlackBox, openBlackBox } from '../../src/record/black-box.ts';
import { createLink } from '../../src/surface/link.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { freePort, type Mosquitto, startMosquitto } from '../fixtures/mosquitto.ts';
import { HANDS_ON } from '../scenarios/stage.ts';
import { Surface } from '../scenarios/surface.ts';
import { alertBytes, findingOf } from '../surface/samples.ts';
import { Dice } from './dice.ts';
import { HostileWay, type Weather } from './hostile-way.ts';
import { type Count, Tally } from './tally.ts';

/** One kind of trouble between a vehicle and its broker. */
export interface Trouble {
  readonly name: string;
  /** How the way is meanwhile; drawn anew for each outage. */
  readonly weather: (dice: Dice) => Weather;
  /** The broker dies with it and comes back knowing nothing. */
  readonly brokerDies?: boolean;
}

export const TROUBLES: readonly Trouble[] = [
  { name: 'latency', weather: (dice) => ({ kind: 'latency', ms: dice.between(20, 250) }) },
  { name: 'black hole', weather: () => ({ kind: 'black-hole' }) },
  // A CONNECT of the link has about 400 bytes, an alert about 1700: torn in both.
  {
    name: 'reset in a packet',
    weather: (dice) => ({ kind: 'torn', afterBytes: Math.round(dice.between(1, 9_000)) }),
  },
  {
    name: 'slow drain',
    weather: (dice) => ({ kind: 'trickle', bytesPerSecond: dice.between(2_000, 20_000) }),
  },
  { name: 'flapping', weather: (dice) => ({ kind: 'flapping', everyMs: dice.between(60, 900) }) },
  { name: 'nobody there', weather: () => ({ kind: 'closed' }) },
  { name: 'broker restart', weather: () => ({ kind: 'fair' }), brokerDies: true },
];

export interface NetworkPlan {
  readonly troubles: readonly Trouble[];
  readonly outagesEach: number;
  readonly seed: number;
  /** How long one outage lasts, ms. */
  readonly outageMs: readonly [number, number];
  readonly onTrouble?: (name: string, count: Count, seconds: number) => void;
}

export interface NetworkResult extends Count {
  readonly outages: number;
}

const topics = topicsOf('rov-1');
const DRAIN_MS = 60_000;
/** Between alerts, ms. */
const PACE_MS = 25;

/** Plays every trouble over a real Mosquitto with the real link and black box, and counts. */
export async function networkRun(plan: NetworkPlan): Promise<NetworkResult> {
  const dice = new Dice(plan.seed);
  const sum = { committed: 0, delivered: 0, duplicates: 0, lost: 0, outages: 0 };
  const faults: string[] = [];
  for (const trouble of plan.troubles) {
    const begin = performance.now();
    const count = await troubled(trouble, plan, dice);
    plan.onTrouble?.(trouble.name, count, (performance.now() - begin) / 1000);
    sum.committed += count.committed;
    sum.delivered += count.delivered;
    sum.duplicates += count.duplicates;
    sum.lost += count.lost;
    sum.outages += plan.outagesEach;
    faults.push(...count.faults.map((fault) => `${trouble.name}: ${fault}`));
  }
  return { ...sum, faults };
}

async function troubled(trouble: Trouble, plan: NetworkPlan, dice: Dice): Promise<Count> {
  const folder = await mkdtemp(join(tmpdir(), 'specta-network-'));
  const port = await freePort();
  const start = (): Promise<Mosquitto> => startMosquitto({ ...HANDS_ON, port });
  let broker = await start();
  const way = await HostileWay.to(port);
  const tally = new Tally();
  // QoS 0: a subscriber that acknowledges could throw away what a dying broker had handed over.
  const surface = new Surface(`mqtt://127.0.0.1:${port}`, {
    qos: 0,
    filters: [topics.alerts],
    onHeard: ({ payload }) => tally.hear(payload),
  });
  const boot = 'boot-1';
  const parts = { clock: systemClock, log: silentLog() };
  const record = await openBlackBox({ folder, boot, ...parts });
  const link = createLink(
    {
      broker: way.url,
      vehicle: 'rov-1',
      boot,
      version: '0.0.0',
      clockQuality: () => 'synchronised',
      protocol: 5,
      ackTimeoutMs: 1_500,
      connectTimeoutMs: 1_500,
      reconnectPause: { firstMs: 20, mostMs: 200 },
      unheardRetrySeconds: 0.1,
      backlogPerSecond: 500,
    },
    { ...parts, outbox: record },
  );
  const alerts = new AlertSource(record, tally);
  try {
    link.start();
    for (let outage = 0; outage < plan.outagesEach; outage += 1) {
      await alerts.flow(100);
      await way.become(trouble.weather(dice));
      // Half of the time what is up goes on in the new weather, half of the time it has to come again.
      if (dice.chance(0.5)) way.reset();
      if (trouble.brokerDies) await broker.kill();
      await alerts.flow(dice.between(...plan.outageMs));
      await way.become({ kind: 'fair' });
      if (trouble.brokerDies) broker = await start();
    }
    const end = Date.now() + DRAIN_MS;
    while ((record.depth().waiting.alert > 0 || tally.missing.length > 0) && Date.now() < end)
      await sleep(20);
    const { faults, ...count } = tally.count();
    const left = record.depth().waiting.alert;
    return { ...count, faults: left > 0 ? [...faults, `${left} alerts still wait`] : faults };
  } finally {
    await link.stop();
    await record.close();
    await surface.leave();
    await way.end();
    await broker.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Findings one after the other, each with one alert, committed as the daemon does. */
class AlertSource {
  private readonly record: BlackBox;
  private readonly tally: Tally;
  private told = 0;

  constructor(record: BlackBox, tally: Tally) {
    this.record = record;
    this.tally = tally;
  }

  /** Goes on for so long, ms. */
  async flow(ms: number): Promise<void> {
    const end = performance.now() + ms;
    while (performance.now() < end) {
      const sequence = this.told + 1;
      this.told = sequence;
      const payload = alertBytes(sequence);
      const message = {
        lane: 'alert',
        topic: topics.alerts,
        contentType: 'application/json',
        payload,
      } as const;
      await this.record.commit({ finding: findingOf(`finding-${sequence}`), messages: [message] });
      this.tally.commit({ boot: 'boot-1', sequence });
      await sleep(PACE_MS);
    }
  }
}
