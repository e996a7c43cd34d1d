import { expect, test } from 'vitest';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { onStage } from '../scenarios/stage.ts';
import { killRun } from './kill-run.ts';

/** The short form; `npm run test:faults -- --full` kills more than a hundred times. */
const KILLS = 8;

test(
  `${KILLS} kills -9 at random moments, the broker coming and going: no committed alert is lost, none has two ids`,
  {
    timeout: 180_000,
  },
  async (context) => {
    if (mosquittoMissing !== null) context.skip(mosquittoMissing);
    await onStage(async (stage) => {
      const result = await killRun(stage, { kills: KILLS, seed: 1 });
      expect(result.faults).toEqual([]);
      expect(result.lost).toBe(0);
      expect(result.committed).toBe(result.delivered);
      expect(result.delivered).toBeGreaterThan(KILLS);
    });
  },
);
