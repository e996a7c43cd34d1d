import { afterEach, beforeEach, expect, test } from 'vitest';
import { SupervisedVision } from '../../../src/daemon/supervised-vision.ts';
import { Inbox } from '../../../src/daemon/trial/inbox.ts';
import { OnboardModels } from '../../../src/daemon/trial/onboard-models.ts';
import { TRIAL_RULES } from '../../../src/model/trial.ts';
import { diskError, type FileSystem } from '../../../src/platform/files.ts';
import { silentLog } from '../../../src/platform/log.ts';
import { GOOD, VENDOR, Vehicle } from '../../faults/hostile-vehicle.ts';
import { archiveOfBundle, smallBundle } from '../../fixtures/small-bundle.ts';
import { until } from '../../scenarios/until.ts';

const log = silentLog();
const FOLDER = '/state/inbox';
let vehicle: Vehicle;
let models: OnboardModels;
let inbox: Inbox | null = null;

beforeEach(async () => {
  inbox = null;
  vehicle = await Vehicle.ready();
  await vehicle.fs.mkdir(FOLDER);
  const { store, clock, fs } = vehicle;
  const bundle = await store.shelf.open(GOOD.id);
  const engine = { bundle, provider: 'cpu', threads: 1 } as const;
  models = new OnboardModels({
    ...{ store, clock, log, fs, engine },
    shipped: () => Promise.reject(new Error('not asked for')),
    serving: { bundle, slot: 'current', signature: 'trusted' },
    boot: 'boot',
    trial: { rules: TRIAL_RULES, limits: { inferMs: 100, memoryBytes: 1e9 }, everyNth: 1 },
    recordFolder: '/state/trials',
    vision: new SupervisedVision(engine, clock, log),
    onSwap: () => undefined,
  });
});

afterEach(async () => {
  await inbox?.stop();
  await models.stop();
});

function watch(fs: FileSystem = vehicle.fs): void {
  const { store, clock } = vehicle;
  inbox = new Inbox({ folder: FOLDER, ledger: '/state/inbox.json', ...{ store, models, fs, clock, log } });
}

const put = (name: string, bytes: Uint8Array): Promise<void> =>
  vehicle.fs.writeFile(`${FOLDER}/${name}.spectamodel`, bytes);

/** What stands beside a file, waiting for it. */
function answer(name: string): Promise<string> {
  const path = `${FOLDER}/${name}.spectamodel.result.txt`;
  return until(`${name} is answered`, async () => {
    await vehicle.clock.advance(2_000);
    if ((await vehicle.fs.lstat(path)) === null) return null;
    return new TextDecoder().decode(await vehicle.fs.readFile(path));
  });
}

const good = archiveOfBundle(smallBundle('1.1.0'), VENDOR);

test('a file that cannot be read is told, and keeps no other out', async () => {
  const closed = (path: string) => path.endsWith('/a.spectamodel');
  watch({
    ...vehicle.fs,
    openFile: (path) =>
      closed(path) ? Promise.reject(diskError(new Error('EACCES'), 'open', path)) : vehicle.fs.openFile(path),
  });
  await put('a', good);
  await put('b', good);
  expect(await answer('b')).toMatch(/^WAIT\nsmall@1\.1\.0 is on trial/);
  expect(await answer('a')).toMatch(/^NO\n[\s\S]*EACCES[\s\S]*Nothing was changed/);
});

test('a copy that was damaged on its way does not stand in the way of the mended one', async () => {
  watch();
  const damaged = good.slice();
  damaged[damaged.byteLength - 1_600] ^= 1;
  await put('model', damaged);
  expect(await answer('model')).toMatch(/^NO\n[\s\S]*BUNDLE_/);
  await vehicle.fs.remove(`${FOLDER}/model.spectamodel.result.txt`);
  await vehicle.fs.remove(`${FOLDER}/model.spectamodel`);
  await vehicle.clock.advance(2_000);
  await put('model', good);
  expect(await answer('model')).toMatch(/^WAIT\nsmall@1\.1\.0 is on trial/);
});

test('the same content under another name is not taken again, and told so', async () => {
  watch();
  const nothing = new TextEncoder().encode('no bundle at all');
  await put('first', nothing);
  expect(await answer('first')).toMatch(/^NO\n/);
  await put('second', nothing);
  expect(await answer('second')).toMatch(
    /^NO\nThe same content .* as first\.spectamodel, and was answered NO\./,
  );
});

test('files that were answered long ago keep no new one out, however many lie there', async () => {
  for (let number = 10; number < 50; number += 1)
    await put(`old-${number}`, new TextEncoder().encode(`no bundle ${number}`));
  watch();
  await answer('old-49');
  await put('the-new-one', good);
  expect(await answer('the-new-one')).toMatch(/^WAIT\n/);
});

test.each([
  ['a trial that was over, and whose model serves', GOOD.id, /^YES\nsmall@1\.0\.0 is in use/],
  [
    'an installation whose trial had not begun',
    { ...GOOD.id, version: '1.1.0', digest: 'f'.repeat(64) },
    /^NO\nsmall@1\.1\.0 is not used: SPECTA ended before its trial began\. small@1\.0\.0 goes on/,
  ],
  ['a file that was not installed', null, /^NO\nSPECTA ended before it was installed/],
])('after a power cut in the middle of %s the answer says what came of it', async (_, id, expected) => {
  const { name, version, digest } = id ?? GOOD.id;
  const bundle = id && { name, version, digest };
  const path = `${FOLDER}/model.spectamodel`;
  const entries = [{ key: 'k', path, at: '2026-11-22T00:00:00.000Z', bundle, answer: null }];
  await vehicle.fs.writeFile('/state/inbox.json', new TextEncoder().encode(JSON.stringify({ entries })));
  watch();
  expect(await answer('model')).toMatch(expected);
});
