import { expect, test } from 'vitest';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { outageRun } from './outage-run.ts';

/** What a collection may miss, bytes; an alert that stayed in memory would come to more over the outage. */
const NOISE_BYTES = 4_000_000;

test(
  'two simulated hours without a broker: memory stays, everything arrives once, an alert of the present passes the backlog',
  { timeout: 120_000 },
  async (context) => {
    if (mosquittoMissing !== null) context.skip(mosquittoMissing);
    const result = await outageRun({ hours: 2 });
    expect(result.faults).toEqual([]);
    expect(result).toMatchObject({ committed: 721, delivered: 721, lost: 0 });
    expect(result.endBytes - result.startBytes).toBeLessThan(NOISE_BYTES);
    expect(result.passed).toBeGreaterThan(0);
  },
);
