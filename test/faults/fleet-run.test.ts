import { expect, test } from 'vitest';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { fleetRun } from './fleet-run.ts';

const VEHICLES = 50;
const SECONDS = 6;

test.skipIf(mosquittoMissing)(
  '50 vehicles with an alert a second each through one Mosquitto: nothing is lost',
  { timeout: 180_000 },
  async () => {
    const result = await fleetRun({ vehicles: VEHICLES, seconds: SECONDS });
    expect(result).toMatchObject({
      ...{ committed: VEHICLES * SECONDS, delivered: VEHICLES * SECONDS, lost: 0, duplicates: 0 },
      ...{ vehicles: VEHICLES, images: VEHICLES * SECONDS, faults: [] },
    });
    expect(result.lagMs.p99).toBeGreaterThanOrEqual(result.lagMs.p50);
    expect(result.memoryBytes).toBeGreaterThan(0);
  },
);
