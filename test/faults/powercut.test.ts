import { expect, test } from 'vitest';
import { cutScenario } from './powercut.ts';
import { SCENARIOS } from './powercut-scenarios.ts';

/** The short form; `npm run test:powercut` has more outcomes of each loss, and loses the power twice. */
test.each(SCENARIOS)('power lost behind every step: $name', async (scenario) => {
  const report = await cutScenario(scenario, { outcomes: 1, seed: 1, twice: false });
  expect(report.bricked).toEqual([]);
  expect(report.points).toBeGreaterThan(5);
}, 60_000);
