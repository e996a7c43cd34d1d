import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ModelStore } from '../../src/model/model-store.ts';
import { chooseServing } from '../../src/model/serving.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { diskError, type FileSystem, nodeFiles } from '../../src/platform/files.ts';
import {
  archiveOf,
  archiveOfBundle,
  partsOf,
  RUNTIME,
  smallBundle,
  testKey,
} from '../fixtures/small-bundle.ts';

const key = testKey();
const folder = mkdtempSync(join(tmpdir(), 'specta-store-'));
const at = (name: string): string => join(folder, name);
const shippedBundle = { folder: 'shipped', manifest: {} as never, digest: 'shipped' };

function storeIn(state: string, patienceMs = 0, fs: FileSystem = nodeFiles): ModelStore {
  mkdirSync(at(state), { recursive: true });
  return new ModelStore({
    folder: join(at(state), 'models'),
    fs,
    clock: systemClock,
    trust: { keys: [key.trusted], allowUnsigned: false },
    runtime: RUNTIME,
    shipped: null,
    patienceMs,
  });
}

beforeAll(() => {
  for (const version of ['1.0.0', '1.1.0'])
    writeFileSync(at(version), archiveOfBundle(smallBundle(version), key));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('install, activate, roll back on a real disk: what is to serve is whole each time', async () => {
  const store = storeIn('deck');
  const serving = async (): Promise<string> => {
    const { slots } = await store.recover('boot');
    const { bundle, passedOver } = await chooseServing(slots, store.shelf, async () => shippedBundle);
    expect(passedOver).toEqual([]);
    return bundle.digest;
  };
  expect(await serving()).toBe('shipped');
  for (const version of ['1.0.0', '1.1.0']) {
    expect(await store.install(at(version))).toMatchObject({ placed: 'installed' });
    await store.activate(`small@${version}`);
    expect(await serving()).toBe(smallBundle(version).id.digest);
  }
  expect(await store.gc()).toEqual([]);
  await store.rollback();
  expect(await serving()).toBe(smallBundle('1.0.0').id.digest);
  expect(await store.gc()).toMatchObject([{ version: '1.1.0' }]);
});

test('a damaged current is passed over, told, and mended by the same file', async () => {
  const store = storeIn('damaged');
  for (const version of ['1.0.0', '1.1.0']) {
    await store.install(at(version));
    await store.activate(`small@${version}`);
  }
  const { id } = smallBundle('1.1.0');
  truncateSync(join(store.shelf.folderOf(id), 'model.onnx'), 7);
  const shipped = async () => shippedBundle;
  expect(await chooseServing(await store.slots(), store.shelf, shipped)).toMatchObject({
    slot: 'previous',
    passedOver: [{ slot: 'current', error: { code: 'BUNDLE_FILE_ALTERED' } }],
  });
  expect((await store.list(true)).map(({ fault }) => fault?.code ?? null)).toEqual([
    null,
    'BUNDLE_FILE_ALTERED',
  ]);
  expect(await store.install(at('1.1.0'))).toMatchObject({ placed: 'repaired' });
  expect(await chooseServing(await store.slots(), store.shelf, shipped)).toMatchObject({ slot: 'current' });
});

test('a current one that the disk cannot read any more is mended by the same file', async () => {
  const store = storeIn('unreadable');
  await store.install(at('1.0.0'));
  await store.activate('small@1.0.0');
  const { id } = smallBundle('1.0.0');
  const weights = join(store.shelf.folderOf(id), 'model.onnx');
  const failing = storeIn('unreadable', 0, {
    ...nodeFiles,
    openFile: async (path) => {
      const file = await nodeFiles.openFile(path);
      const broken = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
      return path === weights
        ? { ...file, read: () => Promise.reject(diskError(broken, 'read', path)) }
        : file;
    },
  });
  expect(await failing.install(at('1.0.0'))).toMatchObject({ placed: 'repaired' });
  expect((await store.list(true)).map(({ fault }) => fault)).toEqual([null]);
});

test('slots that say nothing: SPECTA’s own model serves, the file is kept, flashing works again', async () => {
  const store = storeIn('slots');
  await store.install(at('1.0.0'));
  await store.activate('small@1.0.0');
  writeFileSync(join(at('slots'), 'models/slots.json'), 'x');
  const { slots, damage } = await store.recover('boot');
  expect(damage).toMatchObject({ code: 'SLOTS_CORRUPT' });
  expect(slots.current).toEqual({ kind: 'shipped' });
  expect(await nodeFiles.list(join(at('slots'), 'models'))).toContain('slots.damaged.json');
  expect((await store.activate('small@1.0.0')).current).toMatchObject({ version: '1.0.0' });
});

test('a link, a folder, a pipe, a device, nothing: no bundle, told at once', async () => {
  const store = storeIn('gifts');
  symlinkSync(at('1.0.0'), at('link'));
  spawnSync('mkfifo', [at('pipe')]);
  for (const gift of [at('link'), folder, at('pipe'), '/dev/zero', at('nothing')]) {
    await expect(store.install(gift)).rejects.toMatchObject({ code: 'BUNDLE_MISSING' });
  }
});

test('a file of 64 GB with the vendor’s manifest in front is not read', async () => {
  const store = storeIn('sparse');
  writeFileSync(at('sparse-file'), archiveOf(partsOf(smallBundle('1.0.0'), key)));
  truncateSync(at('sparse-file'), 64e9);
  await expect(store.install(at('sparse-file'))).rejects.toMatchObject({ code: 'BUNDLE_ARCHIVE_INVALID' });
  expect(await nodeFiles.list(join(at('sparse'), 'models/bundles'))).toEqual([]);
});

test('two stores at once: one waits for the other, or is told', async () => {
  const one = storeIn('both', 5_000);
  const two = storeIn('both', 5_000);
  const both = await Promise.all([one.install(at('1.0.0')), two.install(at('1.0.0'))]);
  expect(both.map(({ placed }) => placed).sort()).toEqual(['already there', 'installed']);
  const held = await nodeFiles.lock(join(at('both'), 'models/lock'));
  await expect(storeIn('both').activate('small')).rejects.toMatchObject({ code: 'SLOTS_BUSY' });
  // A start waits for nobody: it serves what the slots say.
  expect(await storeIn('both').recover('boot')).toMatchObject({ slots: { current: { kind: 'shipped' } } });
  await held?.release();
});
