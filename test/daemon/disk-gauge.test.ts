import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { DiskGauge } from '../../src/daemon/disk-gauge.ts';
import { ManualClock } from '../../src/platform/clock.ts';

test('tells what is free at once, and a rate only after long enough', async () => {
  const clock = new ManualClock();
  const gauge = new DiskGauge(tmpdir(), clock);
  expect(gauge.reading).toBeNull();
  await gauge.sample();
  expect(gauge.reading).toMatchObject({ folder: tmpdir(), fillsBytesPerHour: null, measuredSeconds: 0 });
  const { bavail, bsize } = await statfs(tmpdir());
  expect(gauge.reading?.freeBytes).toBeGreaterThan((bavail * bsize) / 2);
  await clock.advance(299_000);
  await gauge.sample();
  expect(gauge.reading?.fillsBytesPerHour).toBeNull();
  await clock.advance(1_000);
  await gauge.sample();
  expect(gauge.reading?.fillsBytesPerHour).toEqual(expect.any(Number));
  // Of a long time only the last hour counts.
  await clock.advance(7_200_000);
  await gauge.sample();
  expect(gauge.reading).toMatchObject({ fillsBytesPerHour: null, measuredSeconds: 0 });
});

test('a folder that is not there is an error of the system', async () => {
  await expect(new DiskGauge('/no/such/folder', new ManualClock()).sample()).rejects.toMatchObject({
    code: 'ENOENT',
  });
});
