import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { modelToServe } from '../../src/daemon/model-to-serve.ts';
import type { Bundle } from '../../src/domain/manifest.ts';
import { createLog } from '../../src/platform/log.ts';
import { Vehicle } from '../faults/hostile-vehicle.ts';
import { smallBundle } from '../fixtures/small-bundle.ts';

const own = smallBundle('0.9.0');
const shipped = async (): Promise<Bundle> => ({
  folder: 'shipped',
  manifest: own.manifest as unknown as Bundle['manifest'],
  digest: own.id.digest,
});

function listening(): { lines: string[]; log: ReturnType<typeof createLog> } {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  return { lines, log: createLog('info', sink) };
}

test('a start serves what the slots say, and ends a trial that died with its daemon', async () => {
  const { store } = await Vehicle.ready();
  await store.requestTrial('small@1.0.0');
  await store.beginTrial('boot-1');
  const { lines, log } = listening();
  expect((await modelToServe(store, shipped, 'boot-2', log)).bundle.manifest.version).toBe('1.0.0');
  expect(lines.join('')).toContain('SPECTA ended before the trial did');
  expect((await store.slots()).trial).toBeNull();
});

test('a damaged model is passed over loudly; the vehicle has one all the same', async () => {
  const { store, disk } = await Vehicle.ready();
  const { current } = await store.slots();
  if (current.kind !== 'installed') throw new Error('nothing is installed');
  disk.damage(`${store.shelf.folderOf(current)}/model.onnx`);
  const { lines, log } = listening();
  expect((await modelToServe(store, shipped, 'boot', log)).bundle.digest).toBe(own.id.digest);
  expect(lines.join('')).toContain('BUNDLE_FILE_ALTERED');
});

test('a disk that fails takes no model away', async () => {
  const vehicle = await Vehicle.ready();
  const failing = vehicle.storeWith({
    fs: {
      ...vehicle.fs,
      syncFolder: () => Promise.reject(new Error('EROFS')),
    },
  });
  const { lines, log } = listening();
  expect((await modelToServe(failing, shipped, 'boot', log)).bundle.manifest.version).toBe('1.0.0');
  expect(lines.join('')).toContain('EROFS');
});

test('a model that took SPECTA down three times in a row while it was being loaded is passed over, with the reason', async () => {
  const { store } = await Vehicle.ready();
  const { current } = await store.slots();
  if (current.kind !== 'installed') throw new Error('nothing is installed');
  const { log } = listening();
  const served = async () => modelToServe(store, shipped, 'boot', log);
  for (const _ of [1, 2]) await store.loads.begin(current.digest);
  expect((await served()).bundle.digest).toBe(current.digest);
  await store.loads.begin(current.digest);
  expect(await served()).toMatchObject({
    slot: 'previous',
    bundle: { digest: own.id.digest },
    passedOver: { version: '1.0.0', reason: expect.stringMatching(/ended 3 times in a row/) },
  });
  // Told to serve all the same, it is tried afresh.
  await store.activate('small@1.0.0');
  expect((await served()).bundle.digest).toBe(current.digest);
});

test('a model that was loaded in the end counts from none again', async () => {
  const { store, fs } = await Vehicle.ready();
  const [digest, other] = ['a'.repeat(64), 'b'.repeat(64)];
  for (const each of [digest, other, digest]) await store.loads.begin(each);
  await store.loads.forget(digest);
  expect(await store.loads.read()).toEqual(new Map([[other, 1]]));
  await fs.writeFile('/state/models/loads.json', new TextEncoder().encode('{"torn'));
  expect(await store.loads.read()).toEqual(new Map());
  await store.loads.begin(digest);
  expect(await store.loads.read()).toEqual(new Map([[digest, 1]]));
});
