import { expect, test } from 'vitest';
import type { ServingModel } from '../../../src/daemon/model-to-serve.ts';
import { fallbacksFor } from '../../../src/daemon/trial/fallbacks.ts';
import { LoadWatch } from '../../../src/daemon/trial/load-watch.ts';
import type { Bundle } from '../../../src/domain/manifest.ts';
import { diskError } from '../../../src/platform/files.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { GOOD, SHIPPED, Vehicle } from '../../faults/hostile-vehicle.ts';

const log = silentLog();
const shipped = async (): Promise<Bundle> => ({
  folder: 'shipped',
  manifest: SHIPPED.manifest as unknown as Bundle['manifest'],
  digest: SHIPPED.id.digest,
});

async function flashed(vehicle: Vehicle): Promise<ServingModel> {
  return { bundle: await vehicle.store.shelf.open(GOOD.id), slot: 'current', signature: 'trusted' };
}

test('a model that takes minutes to load stays counted until it is loaded and has lived for a minute', async () => {
  const vehicle = await Vehicle.ready();
  const { store, clock } = vehicle;
  const loads = new LoadWatch(store, clock, log);
  await loads.begin(await flashed(vehicle));
  // A GPU engine is built: what takes the process down now is what the count is for.
  await clock.advance(10 * 60_000);
  expect(await store.loads.read()).toEqual(new Map([[GOOD.id.digest, 1]]));
  loads.loaded();
  await clock.advance(59_000);
  await loads.settled();
  expect(await store.loads.read()).toEqual(new Map([[GOOD.id.digest, 1]]));
  await clock.advance(1_000);
  await loads.settled();
  expect(await store.loads.read()).toEqual(new Map());
});

test('a verdict of another model proves nothing; one of its own does, and so does an orderly stop', async () => {
  const vehicle = await Vehicle.ready();
  const { store, clock } = vehicle;
  const loads = new LoadWatch(store, clock, log);
  for (const survive of [() => loads.judged(GOOD.id.digest), () => loads.survived()]) {
    await loads.begin(await flashed(vehicle));
    loads.judged(SHIPPED.id.digest);
    await loads.settled();
    expect((await store.loads.read()).get(GOOD.id.digest)).toBe(1);
    survive();
    await loads.settled();
    expect(await store.loads.read()).toEqual(new Map());
  }
});

test('what came with SPECTA is not counted, and a disk that takes no count does not hold the loading up', async () => {
  const vehicle = await Vehicle.ready();
  const { store, clock, fs } = vehicle;
  const own = new LoadWatch(store, clock, log);
  await own.begin({ ...(await flashed(vehicle)), signature: 'shipped' });
  expect(await store.loads.read()).toEqual(new Map());
  const full = vehicle.storeWith({
    fs: { ...fs, writeFile: async (path) => Promise.reject(diskError(new Error('full'), 'write', path)) },
  });
  const loads = new LoadWatch(full, clock, log);
  await loads.begin(await flashed(vehicle));
  loads.survived();
  await loads.settled();
});

test('a disk that cannot be read leaves the model that came with SPECTA to fall back on', async () => {
  const vehicle = await Vehicle.ready();
  const failing = vehicle.storeWith({
    fs: {
      ...vehicle.fs,
      lstat: async (path) => Promise.reject(diskError(new Error('EIO'), 'look at', path)),
    },
  });
  const found = await fallbacksFor(await flashed(vehicle), { store: failing, shipped, log });
  expect(found).toMatchObject([{ slot: 'shipped', bundle: { digest: SHIPPED.id.digest } }]);
});
