import { expect, test } from 'vitest';
import { SpectaError } from '../../src/platform/errors.ts';
import { archiveOfBundle, smallBundle } from '../fixtures/small-bundle.ts';
import { Dice } from './dice.ts';
import { TAR_TRICKS, TUF_ATTACKS } from './hostile-bundles.ts';
import { fuzz, hostileArchive, hostileManifest } from './hostile-fuzz.ts';
import { GOOD, NEXT_VENDOR, STRANGER, VENDOR, Vehicle } from './hostile-vehicle.ts';

test.each([...TUF_ATTACKS, ...TAR_TRICKS])('$name: $code', async ({ code, archive }) => {
  const vehicle = await Vehicle.ready();
  const bytes = archive();
  const outcome = await vehicle.attack(bytes);
  expect(outcome.message).not.toBe('');
  expect(outcome).toMatchObject({ code, harm: [] });
  expect(outcome.read).toBeLessThanOrEqual(bytes.byteLength);
});

test('what is not the vendor’s is refused before one byte of it is written', async () => {
  for (const { archive, code } of TUF_ATTACKS) {
    if (code === 'BUNDLE_FILE_ALTERED') continue;
    const vehicle = await Vehicle.ready();
    expect((await vehicle.attack(archive())).written).toBe(0);
  }
});

test('truncated at every block, and in the middle of each: refused', async () => {
  const vehicle = await Vehicle.ready();
  const whole = archiveOfBundle(smallBundle('2.0.0'), VENDOR);
  for (let length = 0; length < whole.byteLength; length += 256) {
    const { code, harm } = await vehicle.attack(whole.slice(0, length));
    expect({ length, code, harm }).toEqual({ length, code: 'BUNDLE_ARCHIVE_INVALID', harm: [] });
  }
});

test('endless data: a file that gives more than its size says is not read to its end', async () => {
  const vehicle = await Vehicle.ready();
  const archive = archiveOfBundle(smallBundle('2.0.0'), VENDOR);
  let given = 0;
  const endless = {
    ...vehicle.fs,
    openFile: async () => ({
      bytes: archive.byteLength,
      read: async (into: Uint8Array) => {
        into.set(archive.subarray(given, given + into.byteLength));
        given += into.byteLength;
        return into.byteLength;
      },
      close: async () => undefined,
    }),
  };
  const outcome = await vehicle.attempt(() => vehicle.storeWith({ fs: endless }).install('/stick/endless'));
  expect(outcome).toMatchObject({ code: 'BUNDLE_ARCHIVE_INVALID', harm: [] });
  expect(given).toBe(archive.byteLength + 1);
});

test('endless data: a file that never comes ends at the time limit', async () => {
  const vehicle = await Vehicle.ready();
  const never = new Promise<never>(() => undefined);
  const stuck = {
    ...vehicle.fs,
    openFile: async () => ({ bytes: 1e6, read: () => never, close: () => never }),
  };
  const waiting = vehicle.attempt(() => vehicle.storeWith({ fs: stuck }).install('/stick/stuck'));
  for (let minute = 0; minute < 16; minute++) await vehicle.clock.advance(60_000);
  expect(await waiting).toMatchObject({ code: 'BUNDLE_TOO_SLOW', harm: [] });
});

test('rollback: an older bundle that is on board is not activated either, unless that is asked for', async () => {
  const vehicle = await Vehicle.ready();
  await vehicle.fs.writeFile('/stick/new', archiveOfBundle(smallBundle('1.5.0'), VENDOR));
  await vehicle.store.install('/stick/new');
  await vehicle.store.activate('small@1.5.0');
  for (const act of [vehicle.store.activate, vehicle.store.requestTrial]) {
    await expect(act.call(vehicle.store, 'small@1.0.0')).rejects.toMatchObject({ code: 'BUNDLE_DOWNGRADE' });
  }
  const { current } = await vehicle.store.activate('small@1.0.0', { downgrade: true });
  expect(current).toMatchObject({ version: '1.0.0' });
  // The way back up is no downgrade, and what lies between is still one.
  await vehicle.fs.writeFile('/stick/between', archiveOfBundle(smallBundle('1.4.0'), VENDOR));
  await expect(vehicle.store.install('/stick/between')).rejects.toMatchObject({ code: 'BUNDLE_DOWNGRADE' });
  expect((await vehicle.store.activate('small@1.5.0')).current).toMatchObject({ version: '1.5.0' });
});

test('rollback: a failed trial does not raise the bar for what the vendor sends next', async () => {
  const vehicle = await Vehicle.ready();
  await vehicle.fs.writeFile('/stick/bad', archiveOfBundle(smallBundle('3.0.0'), VENDOR));
  await vehicle.fs.writeFile('/stick/mended', archiveOfBundle(smallBundle('2.9.0'), VENDOR));
  await vehicle.store.install('/stick/bad');
  await vehicle.store.requestTrial('small@3.0.0');
  await vehicle.store.beginTrial('boot');
  await vehicle.store.endTrial('it disagrees');
  expect(await vehicle.store.install('/stick/mended')).toMatchObject({ placed: 'installed' });
});

test('freeze: the same bundle for ever is told as already there, and changes nothing', async () => {
  const vehicle = await Vehicle.ready();
  const before = await vehicle.store.slots();
  for (let time = 0; time < 3; time++) {
    expect(await vehicle.store.install('/stick/good')).toMatchObject({ placed: 'already there' });
  }
  expect(await vehicle.store.slots()).toEqual(before);
  // How old it is, is there for everyone to see: without a clock or a network nothing can prove more.
  expect((await vehicle.store.list())[0]?.manifest?.createdAt).toBe(GOOD.manifest.createdAt);
});

test('rotation: while two keys are trusted, bundles of both are taken', async () => {
  const vehicle = await Vehicle.ready();
  const trust = { keys: [VENDOR.trusted, NEXT_VENDOR.trusted], allowUnsigned: false };
  const store = vehicle.storeWith({ trust });
  await vehicle.fs.writeFile('/stick/1', archiveOfBundle(smallBundle('1.1.0'), VENDOR));
  await vehicle.fs.writeFile('/stick/2', archiveOfBundle(smallBundle('1.2.0'), NEXT_VENDOR));
  await vehicle.fs.writeFile('/stick/3', archiveOfBundle(smallBundle('1.3.0'), STRANGER));
  expect((await store.install('/stick/1')).signedBy).toBe(VENDOR.trusted.id);
  expect((await store.install('/stick/2')).signedBy).toBe(NEXT_VENDOR.trusted.id);
  await expect(store.install('/stick/3')).rejects.toMatchObject({ code: 'BUNDLE_SIGNATURE_INVALID' });
});

test('key compromise: what only the lost key vouches for is neither installed nor activated, and listed as such', async () => {
  const vehicle = await Vehicle.ready();
  const planted = archiveOfBundle(smallBundle('1.1.0'), VENDOR);
  await vehicle.fs.writeFile('/stick/planted', planted);
  await vehicle.store.install('/stick/planted');
  const store = vehicle.storeWith({ trust: { keys: [NEXT_VENDOR.trusted], allowUnsigned: false } });
  const refused = { code: 'BUNDLE_SIGNATURE_INVALID' };
  await expect(store.install('/stick/planted')).rejects.toMatchObject(refused);
  await expect(store.activate('small@1.1.0')).rejects.toMatchObject(refused);
  await expect(store.requestTrial('small@1.1.0')).rejects.toMatchObject(refused);
  expect((await store.list()).map(({ signedBy }) => signedBy)).toEqual(['untrusted', 'untrusted']);
  // What serves goes on: a key that is retired must not take the model away.
  expect((await store.slots()).current).toMatchObject({ version: '1.0.0' });
  await vehicle.fs.writeFile('/stick/again', archiveOfBundle(smallBundle('1.1.0'), NEXT_VENDOR));
  expect(await store.install('/stick/again')).toMatchObject({ placed: 'signed anew' });
  expect((await store.activate('small@1.1.0')).current).toMatchObject({ version: '1.1.0' });
});

test('unsigned bundles pass only where that is asked for, and stay marked', async () => {
  const vehicle = await Vehicle.ready();
  const store = vehicle.storeWith({ trust: { keys: [], allowUnsigned: true } });
  await vehicle.fs.writeFile('/stick/mine', archiveOfBundle(smallBundle('1.1.0')));
  await vehicle.fs.writeFile('/stick/theirs', archiveOfBundle(smallBundle('1.2.0'), STRANGER));
  expect(await store.install('/stick/mine')).toMatchObject({ placed: 'installed', signedBy: null });
  expect((await store.list()).map(({ signedBy }) => signedBy)).toEqual(['untrusted', null]);
  // A signature that is there and wrong is no development, it is a fault.
  await expect(store.install('/stick/theirs')).rejects.toMatchObject({ code: 'BUNDLE_SIGNATURE_INVALID' });
  await expect(vehicle.store.activate('small@1.1.0')).rejects.toMatchObject({ code: 'BUNDLE_UNSIGNED' });
});

test('another model is taken when that is said', async () => {
  const vehicle = await Vehicle.ready();
  await vehicle.fs.writeFile(
    '/stick/other',
    archiveOfBundle(smallBundle('0.1.0', { name: 'other' }), VENDOR),
  );
  await expect(vehicle.store.install('/stick/other')).rejects.toMatchObject({ code: 'BUNDLE_ANOTHER_MODEL' });
  expect(await vehicle.store.install('/stick/other', { anotherModel: true })).toMatchObject({
    placed: 'installed',
  });
});

test('a disk without room is told before anything is written', async () => {
  const vehicle = await Vehicle.ready();
  const full = vehicle.storeWith({ fs: { ...vehicle.fs, freeBytes: async () => 1_000 } });
  await vehicle.fs.writeFile('/stick/new', archiveOfBundle(smallBundle('1.1.0'), VENDOR));
  const outcome = await vehicle.attempt(() => full.install('/stick/new'));
  expect(outcome).toMatchObject({ code: 'DISK_FULL', harm: [], written: 0 });
});

test('a disk that fills while a bundle is unpacked leaves nothing behind', async () => {
  const vehicle = await Vehicle.ready();
  await vehicle.fs.writeFile('/stick/new', archiveOfBundle(smallBundle('1.1.0'), VENDOR));
  let writes = 0;
  const filling = {
    ...vehicle.fs,
    createFile: async (path: string, permissions?: number) => {
      const file = await vehicle.fs.createFile(path, permissions);
      return {
        ...file,
        write: async (bytes: Uint8Array) => {
          writes += 1;
          if (writes > 2) throw new SpectaError('DISK_FULL', 'full', 'free some');
          await file.write(bytes);
        },
      };
    },
  };
  const outcome = await vehicle.attempt(() => vehicle.storeWith({ fs: filling }).install('/stick/new'));
  expect(outcome).toMatchObject({ code: 'DISK_FULL', harm: [] });
});

test('two at once: the second is told to wait, and neither sees half of the other', async () => {
  const vehicle = await Vehicle.ready();
  await vehicle.fs.writeFile('/stick/new', archiveOfBundle(smallBundle('1.1.0'), VENDOR));
  const held = await vehicle.fs.lock('/state/models/lock');
  for (const act of [
    () => vehicle.store.install('/stick/new'),
    () => vehicle.store.gc(),
    () => vehicle.store.rollback(),
  ]) {
    expect(await vehicle.attempt(act)).toMatchObject({ code: 'SLOTS_BUSY', harm: [] });
  }
  await held?.release();
  expect(await vehicle.store.install('/stick/new')).toMatchObject({ placed: 'installed' });
});

/** The short form; `npm run test:hostile` throws 100,000 and more. */
test('fuzz: 500 archives of a stranger are refused, each with its code', { timeout: 60_000 }, async () => {
  const { harm, codes } = await fuzz(500, new Dice(1), hostileArchive, false);
  expect(harm).toEqual([]);
  expect(codes.BUNDLE_ARCHIVE_INVALID).toBeGreaterThan(50);
});

test('fuzz: 500 manifests with the vendor’s signature: refused, or whole', { timeout: 60_000 }, async () => {
  const { harm, codes } = await fuzz(500, new Dice(2), hostileManifest, true);
  expect(harm).toEqual([]);
  expect(codes.BUNDLE_MANIFEST_INVALID).toBeGreaterThan(50);
});
