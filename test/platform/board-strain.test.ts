import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readBoardStrain } from '../../src/platform/board-strain.ts';

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-sys-'));
});

afterAll(() => rm(folder, { recursive: true }));

async function board(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const sys = join(folder, name);
  for (const [file, content] of Object.entries(files)) {
    await mkdir(dirname(join(sys, file)), { recursive: true });
    await writeFile(join(sys, file), `${content}\n`);
  }
  return sys;
}

test('a machine that tells nothing has neither', async () => {
  expect(await readBoardStrain(join(folder, 'nowhere'))).toEqual({ headroomCelsius: null, clockShare: null });
});

test('the zone nearest to being slowed and the most held back cluster count', async () => {
  const zone = 'class/thermal/thermal_zone';
  const policy = 'devices/system/cpu/cpufreq/policy';
  const sys = await board('hot', {
    [`${zone}0/temp`]: '71500',
    [`${zone}0/trip_point_0_type`]: 'active',
    [`${zone}0/trip_point_0_temp`]: '50000',
    [`${zone}0/trip_point_1_type`]: 'passive',
    [`${zone}0/trip_point_1_temp`]: '99000',
    [`${zone}1/temp`]: '96000',
    [`${zone}1/trip_point_0_type`]: 'critical',
    [`${zone}1/trip_point_0_temp`]: '104500',
    [`${zone}1/trip_point_1_type`]: 'hot',
    [`${zone}1/trip_point_1_temp`]: '95000',
    // Not set, and a zone that cannot be read.
    [`${zone}2/temp`]: '40000',
    [`${zone}2/trip_point_0_type`]: 'passive',
    [`${zone}2/trip_point_0_temp`]: '-273000',
    [`${zone}3/temp`]: 'nonsense',
    [`${policy}0/scaling_max_freq`]: '1984000',
    [`${policy}0/cpuinfo_max_freq`]: '1984000',
    [`${policy}4/scaling_max_freq`]: '729600',
    [`${policy}4/cpuinfo_max_freq`]: '1984000',
  });
  const { headroomCelsius, clockShare } = await readBoardStrain(sys);
  expect(headroomCelsius).toBe(-1);
  expect(clockShare).toBeCloseTo(0.368, 3);
});
