import { expect, test } from 'vitest';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { networkRun, TROUBLES } from './network-run.ts';

test(
  'a hostile network and a broker that forgets: every committed alert arrives, copies are the same',
  { timeout: 120_000 },
  async (context) => {
    if (mosquittoMissing !== null) context.skip(mosquittoMissing);
    const result = await networkRun({ troubles: TROUBLES, outagesEach: 2, seed: 7, outageMs: [200, 700] });
    expect(result.faults).toEqual([]);
    expect(result.lost).toBe(0);
    expect(result.delivered).toBe(result.committed);
    expect(result.committed).toBeGreaterThan(50);
  },
);
