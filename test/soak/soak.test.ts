import { expect, test } from 'vitest';
import { FULL_TESTS } from '../fixtures/full-tests.ts';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { soakRun } from './soak-run.ts';
import { TROUBLES } from './troubles.ts';

const FRAMES = FULL_TESTS ? 40_000 : 4_000;

test(
  'some thousand frames while broker, camera, clock, disk and models fail and change: every committed alert comes',
  { timeout: 300_000 },
  async (context) => {
    if (mosquittoMissing !== null) context.skip(mosquittoMissing);
    const result = await soakRun({ frames: FRAMES, seed: 7 });
    expect(result.faults).toEqual([]);
    expect(result).toMatchObject({ lost: 0, waiting: 0, delivered: result.committed });
    expect(result.frames).toBeGreaterThanOrEqual(FRAMES);
    expect(result.findings).toBeGreaterThan(5);
    const happened = Object.entries(result.troubles).filter(([, times]) => times > 0);
    const expected = TROUBLES.filter((trouble) => trouble !== 'disk-full');
    expect(happened.map(([name]) => name)).toEqual(expect.arrayContaining([...expected]));
    // Too short to say that something is flat; each figure was measured all the same.
    expect(result.rising).toEqual([]);
    expect(result.trends.filter(({ trend }) => trend !== null).length).toBeGreaterThan(8);
  },
);
