import { expect, test } from 'vitest';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { stepRun } from './step-run.ts';

test(
  "a process that dies at a step of an alert's life: committed is delivered, a copy is the same",
  { timeout: 120_000 },
  async (context) => {
    if (mosquittoMissing !== null) context.skip(mosquittoMissing);
    const result = await stepRun({ stride: 25 });
    expect(result.faults).toEqual([]);
    expect(result.lost).toBe(0);
    expect(result.injectionPoints).toBeGreaterThan(1);
    // The whole life, the last one, and those that died behind their commit.
    expect(result.committed).toBeGreaterThan(1);
  },
);
