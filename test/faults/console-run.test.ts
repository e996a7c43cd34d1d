import { expect, test } from 'vitest';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { consoleRun } from './console-run.ts';

test(
  'the console is off for a simulated hour and the broker dies without its memory: every finding is there once',
  { timeout: 120_000 },
  async (context) => {
    if (mosquittoMissing !== null) context.skip(mosquittoMissing);
    const result = await consoleRun({ hours: 1, brokerForgets: true });
    expect(result.faults).toEqual([]);
    expect(result).toMatchObject({ lost: 0, duplicates: 0, resumed: false });
    expect(result.listed).toBe(result.findings);
    expect(result.committed).toBeGreaterThan(360);
    // The broker could not know: all of it was asked for.
    expect(result.missing).toBe(result.findings - result.before / 2);
  },
);

test(
  'the console is off while the broker keeps its session: every finding is there once, and none need be asked for',
  { timeout: 120_000 },
  async (context) => {
    if (mosquittoMissing !== null) context.skip(mosquittoMissing);
    const result = await consoleRun({ hours: 0.25, brokerForgets: false });
    expect(result.faults).toEqual([]);
    expect(result).toMatchObject({ lost: 0, duplicates: 0, resumed: true, missing: 0 });
    expect(result.listed).toBe(result.findings);
  },
);
