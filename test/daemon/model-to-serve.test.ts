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
