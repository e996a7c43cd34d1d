import { expect, test } from 'vitest';
import { Desk } from '../../src/console/desk.ts';
import { countFindings } from '../../src/console/finding-list.ts';
import { History } from '../../src/console/history.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { mosquittoMissing, startMosquitto } from '../fixtures/mosquitto.ts';
import { until } from '../scenarios/until.ts';
import { TestVehicle } from './test-vehicle.ts';

const VEHICLES = 50;
const SECONDS = 6;

test.skipIf(mosquittoMissing)(
  '50 vehicles with an alert a second each through one Mosquitto: nothing is lost',
  { timeout: 120_000 },
  async () => {
    const broker = await startMosquitto();
    const history = new History(':memory:');
    const desk = new Desk({ broker: broker.url, history, clock: systemClock, log: silentLog() });
    const lags: number[] = [];
    desk.events.on((event) => {
      if (event.kind === 'finding') lags.push(Date.now() - Date.parse(event.alert.at));
    });
    desk.start();
    await until('connected', () => desk.link.state.kind === 'connected');
    const vehicles = Array.from({ length: VEHICLES }, (_, index) => new TestVehicle(`rov-${index + 1}`));
    await Promise.all(vehicles.map((vehicle) => vehicle.connect(broker.url)));
    const began = performance.now();
    for (let second = 0; second < SECONDS; second += 1) {
      await Promise.all(
        vehicles.map(async (vehicle, index) => {
          await new Promise((resolve) => setTimeout(resolve, index * 18));
          await vehicle.find(`F-${vehicle.name}-${second}`);
          await vehicle.image(`F-${vehicle.name}-${second}`);
        }),
      );
      const left = (second + 1) * 1000 - (performance.now() - began);
      if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    }
    const total = (): number =>
      desk.vehicles.reduce((sum, name) => sum + countFindings(history, name).total, 0);
    await until('all findings', () => total() === VEHICLES * SECONDS);
    lags.sort((a, b) => a - b);
    const lag = (share: number): number => lags[Math.floor(lags.length * share)] ?? 0;
    const megabytes = Math.round(process.memoryUsage().rss / 1e6);
    console.log(
      `${VEHICLES} vehicles, ${lags.length} alerts in ${Math.round((performance.now() - began) / 100) / 10} s: ` +
        `lag p50 ${lag(0.5)} ms, p99 ${lag(0.99)} ms; ${megabytes} MB with the vehicles in the same process`,
    );
    expect(desk.vehicles).toHaveLength(VEHICLES);
    expect(total()).toBe(VEHICLES * SECONDS);
    await desk.stop();
    history.close();
    for (const vehicle of vehicles) await vehicle.leave();
    await broker.stop();
  },
);
