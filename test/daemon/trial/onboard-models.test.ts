import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { type EngineState, SupervisedVision } from '../../../src/daemon/supervised-vision.ts';
import { OnboardModels } from '../../../src/daemon/trial/onboard-models.ts';
import { startServing } from '../../../src/daemon/trial/start-serving.ts';
import { Tryout } from '../../../src/daemon/trial/tryout.ts';
import type { Frame } from '../../../src/domain/frame.ts';
import type { Bundle } from '../../../src/domain/manifest.ts';
import type { Verdict } from '../../../src/domain/verdict.ts';
import type { ModelStore } from '../../../src/model/model-store.ts';
import { TRIAL_RULES } from '../../../src/model/trial.ts';
import { silentLog } from '../../../src/platform/log.ts';
import type { Vision } from '../../../src/vision/vision.ts';
import { GOOD, VENDOR, Vehicle } from '../../faults/hostile-vehicle.ts';
import { archiveOfBundle, smallBundle } from '../../fixtures/small-bundle.ts';
import { makeTinyBundle } from '../../fixtures/tiny-bundle.ts';
import { until } from '../../scenarios/until.ts';

const log = silentLog();
const BOOT = 'this-boot';

/** A vehicle on which 1.1.0 serves, 1.0.0 served before, and 1.2.0 is on board. */
async function flashedTwice(): Promise<Vehicle> {
  const vehicle = await Vehicle.ready();
  for (const version of ['1.1.0', '1.2.0']) {
    await vehicle.fs.writeFile(`/stick/${version}`, archiveOfBundle(smallBundle(version), VENDOR));
    await vehicle.store.install(`/stick/${version}`);
  }
  await vehicle.store.activate('small@1.1.0');
  return vehicle;
}

/** The models of a daemon on that vehicle; its vision is as `vision` says. */
async function modelsOf(
  vehicle: Vehicle,
  store: ModelStore = vehicle.store,
  Supervised: typeof SupervisedVision = SupervisedVision,
  shipped: () => Promise<Bundle> = () => Promise.reject(new Error('not asked for')),
): Promise<{ models: OnboardModels; vision: SupervisedVision }> {
  const bundle = await vehicle.store.shelf.open(smallBundle('1.1.0').id);
  const engine = { bundle, provider: 'cpu', threads: 1 } as const;
  const vision = new Supervised(engine, vehicle.clock, log);
  const models = new OnboardModels({
    store,
    shipped,
    serving: { bundle, slot: 'current', signature: 'trusted' },
    boot: BOOT,
    clock: vehicle.clock,
    log,
    fs: vehicle.fs,
    engine,
    trial: { rules: TRIAL_RULES, limits: { inferMs: 100, memoryBytes: 1e9 }, everyNth: 1 },
    recordFolder: '/state/trials',
    vision,
    onSwap: () => undefined,
  });
  return { models, vision };
}

/** A verdict as far as it is looked at here. */
const verdict = { model: { digest: 'of the model that serves' } } as unknown as Verdict;
const frame = {} as Frame;

test('rollback while the bundle on trial is still being read ends that trial, and goes back from nothing', async () => {
  const vehicle = await flashedTwice();
  const reading = Promise.withResolvers<void>();
  const isRead = Promise.withResolvers<void>();
  let reads = 0;
  const slow = vehicle.storeWith({
    fs: {
      ...vehicle.fs,
      openFile: async (path) => {
        // The first reading is that of the request; the second one is the trial's.
        if (path.includes('small@1.2.0@') && path.endsWith('model.onnx') && ++reads === 2) {
          isRead.resolve();
          await reading.promise;
        }
        return vehicle.fs.openFile(path);
      },
    },
  });
  const { models } = await modelsOf(vehicle, slow);
  models.see(verdict, frame);
  await models.activate('small@1.2.0', {});
  await isRead.promise;
  const asked = models.rollback();
  reading.resolve();
  expect(await asked).toMatchObject({ current: { version: '1.1.0' }, previous: { version: '1.0.0' } });
  expect(models.facts).toMatchObject({
    trial: null,
    lastTrial: { version: '1.2.0', passed: false, reason: 'ended by hand' },
  });
  await models.stop();
});

test('whoever looks between the end of a trial and the switch is told that it goes on', async () => {
  class AdoptingVision extends SupervisedVision {
    override async adopt(): Promise<void> {}
  }
  const vehicle = await flashedTwice();
  const { store, clock } = vehicle;
  const passing = vi.spyOn(Tryout.prototype, 'run').mockImplementation(async (shelf, id) => {
    return { kind: 'passed', bundle: await shelf.open(id), vision: {} as Vision };
  });
  const { models } = await modelsOf(vehicle, store, AdoptingVision);
  models.see(verdict, frame);
  await models.activate('small@1.2.0', {});
  await until('it is confirmed on disk', async () => (await store.slots()).trial === null);
  expect(models.serving.bundle.manifest.version).toBe('1.1.0');
  expect(models.facts.trial).toMatchObject({ version: '1.2.0' });
  await until('it is switched to', async () => {
    await clock.advance(1_000);
    return models.serving.bundle.manifest.version === '1.2.0';
  });
  expect(models.facts).toMatchObject({ trial: null, lastTrial: { version: '1.2.0', passed: true } });
  await models.stop();
  passing.mockRestore();
});

test('a trial that a failing disk left begun does not keep the next one out', async () => {
  const vehicle = await flashedTwice();
  await vehicle.store.requestTrial('small@1.2.0');
  await vehicle.store.beginTrial(BOOT);
  const { models } = await modelsOf(vehicle);
  expect(await models.activate('small@1.2.0', {})).toMatchObject({ current: { version: '1.1.0' } });
  expect(models.facts).toMatchObject({ trial: { phase: 'waiting' }, lastTrial: { passed: false } });
  await models.stop();
});

test('the model that serves stays counted for as long as it is being loaded', async () => {
  const loading = Promise.withResolvers<void>();
  class SlowVision extends SupervisedVision {
    override start(): Promise<void> {
      return loading.promise;
    }
  }
  const vehicle = await flashedTwice();
  const { models, vision } = await modelsOf(vehicle, vehicle.store, SlowVision);
  const starting = startServing(vision, models, log, undefined);
  const counts = async (): Promise<number> => [...(await vehicle.store.loads.read()).values()][0] ?? 0;
  await until('it is counted', async () => (await counts()) === 1);
  await vehicle.clock.advance(10 * 60_000);
  expect(await counts()).toBe(1);
  loading.resolve();
  await starting;
  expect(await counts()).toBe(1);
  await vehicle.clock.advance(60_000);
  await until('it has lived', async () => (await counts()) === 0);
  await models.stop();
});

test('a model that fails and does not come back is replaced by the next one that loads, and told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'specta-onboard-'));
  const own = await makeTinyBundle(folder);
  const adopted: Bundle[] = [];
  class FailedVision extends SupervisedVision {
    override get state(): EngineState {
      return { kind: 'recovering', reason: 'the weights cannot be read', attempt: 5 };
    }
    override async adopt(vision: Vision, bundle: Bundle): Promise<void> {
      adopted.push(bundle);
      await vision.close();
    }
  }
  const vehicle = await flashedTwice();
  // 1.0.0, which served before, is words and no network: it does not load either.
  const { models, vision } = await modelsOf(vehicle, vehicle.store, FailedVision, async () => own);
  for (const attempt of [1, 2, 3, 4]) vision.changes.emit({ kind: 'recovering', reason: 'x', attempt });
  await vehicle.clock.advance(0);
  expect(adopted).toEqual([]);
  vision.changes.emit(vision.state);
  await until('another one serves', async () => {
    await vehicle.clock.advance(1_000);
    return adopted.length > 0;
  });
  expect(adopted.map(({ digest }) => digest)).toEqual([own.digest]);
  expect(models.facts).toMatchObject({
    slot: 'shipped',
    passedOver: { name: 'small', version: '1.1.0', reason: 'the weights cannot be read' },
  });
  // The next start tries the one that is to serve again.
  expect((await vehicle.store.slots()).current).toMatchObject({ version: '1.1.0' });
  expect(await vehicle.store.loads.read()).toEqual(new Map());
  await models.stop();
  rmSync(folder, { recursive: true });
});

test('gone back to, a model is tried afresh whatever it did before', async () => {
  const { store } = await flashedTwice();
  for (const _ of [1, 2, 3]) await store.loads.begin(GOOD.id.digest);
  await store.rollback();
  expect(await store.loads.read()).toEqual(new Map());
});
