import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Bundle } from '../../src/domain/manifest.ts';
import { sealBundle } from '../../src/model/bundle.ts';
import { packBundle, signFolder } from '../../src/model/pack.ts';
import { newKeyPair, parsePrivateKey } from '../../src/model/signature.ts';
import { nodeFiles } from '../../src/platform/files.ts';
import { everyoneMayRead } from '../fixtures/everyone-may-read.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import { contentOf, type Ended, expectedError, ROOT, specta } from './specta.ts';
import { workshop } from './workshop.ts';

const folder = workshop();
const at = (...names: string[]): string => join(folder, ...names);
let tiny: Bundle;
let publicKey = '';

/** A folder of the tiny bundle in another version. */
async function version(number: string): Promise<string> {
  const bundle = at(`tiny-${number}`);
  cpSync(tiny.folder, bundle, { recursive: true });
  const { files: _, ...manifest } = tiny.manifest;
  await sealBundle(bundle, { ...manifest, version: number });
  return bundle;
}

/** A configuration of a vehicle of its own, whose shipped model is the tiny one. */
function vehicle(
  name: string,
  model: object = { trustedKeys: [publicKey] },
): { config: string; state: string } {
  const config = at(`${name}.yaml`);
  const state = at(name);
  mkdirSync(state);
  const settings = {
    stateFolder: state,
    camera: { uri: `replay:${folder}` },
    model: { bundle: tiny.folder, ...model },
  };
  writeFileSync(config, JSON.stringify(settings));
  return { config, state };
}

async function done(words: readonly string[]): Promise<Ended> {
  const ended = await specta(['model', ...words]);
  expect(ended.stderr).not.toMatch(/^error/m);
  expect(ended.status).toBe(0);
  return ended;
}

beforeAll(async () => {
  tiny = await makeTinyBundle(at('tiny'));
  const { privatePem, publicText } = newKeyPair();
  publicKey = publicText;
  const key = parsePrivateKey(Buffer.from(privatePem));
  for (const each of ['1.0.0', '1.1.0']) {
    await signFolder(nodeFiles, await version(each), key);
    await packBundle(nodeFiles, at(`tiny-${each}`), at(`${each}.spectamodel`));
  }
});

test('ashore: keys, a signature, a pack that is always the same, and who signed it', async () => {
  writeFileSync(at('phrase'), 'below the splash zone\n');
  const phrase = ['--passphrase-file', at('phrase')];
  await version('1.2.0');
  await done(['keygen', '--out', at('vendor'), ...phrase]);
  expect(statSync(at('vendor.key')).mode & 0o777).toBe(0o600);
  expect(readFileSync(at('vendor.key'), 'utf8')).toContain('ENCRYPTED');
  const packed = await done(['pack', at('tiny-1.2.0'), '--out', at('unsigned.spectamodel')]);
  expect(packed.stdout).toContain('not signed');
  const key = ['--key', at('vendor.key')];
  const [again, without] = await Promise.all([
    specta(['model', 'keygen', '--out', at('vendor')]),
    specta(['model', 'sign', at('tiny-1.2.0'), ...key]),
    // Both ways to a signed archive: the folder first, or the archive itself.
    done(['sign', at('tiny-1.2.0'), ...key, ...phrase]).then(() =>
      done(['pack', at('tiny-1.2.0'), '--out', at('first.spectamodel')]),
    ),
  ]);
  expect(again.stderr).toMatch(expectedError('KEY_EXISTS'));
  expect(without.stderr).toMatch(expectedError('KEY_INVALID'));
  cpSync(at('unsigned.spectamodel'), at('second.spectamodel'));
  await done(['sign', at('second.spectamodel'), ...key, ...phrase]);
  expect(readFileSync(at('second.spectamodel'))).toEqual(readFileSync(at('first.spectamodel')));
  const [mine, other] = await Promise.all([
    done(['verify', at('second.spectamodel'), '--key', at('vendor.pub'), '--json']),
    specta(['model', 'verify', at('second.spectamodel'), '--key', publicKey]),
  ]);
  expect(JSON.parse(mine.stdout)).toMatchObject({ name: 'tiny', version: '1.2.0' });
  expect(other.stderr).toMatch(expectedError('BUNDLE_SIGNATURE_INVALID'));
  expect(other.status).toBe(65);
});

test('another tar program lists the same files, and unpacks the same bytes', async (context) => {
  const { status, stdout } = spawnSync('tar', ['-tf', at('1.0.0.spectamodel')], { encoding: 'utf8' });
  if (status === null) context.skip('tar is not installed');
  const { manifest } = tiny;
  expect(stdout.trim().split('\n')).toEqual([
    'manifest.json',
    'manifest.sig',
    ...manifest.files.map(({ path }) => path),
  ]);
  mkdirSync(at('by-tar'));
  spawnSync('tar', ['-xf', at('1.0.0.spectamodel'), '-C', at('by-tar')]);
  expect(contentOf(at('by-tar'))).toEqual(contentOf(at('tiny-1.0.0')));
});

test('on board: install, activate, trial, rollback, gc, and what list says', async () => {
  const { config } = vehicle('deck');
  const slots = async (): Promise<Record<string, unknown>> =>
    JSON.parse((await done(['list', '--config', config, '--check', '--json'])).stdout) as Record<
      string,
      unknown
    >;
  await done(['install', at('1.0.0.spectamodel'), '--config', config]);
  expect(await slots()).toMatchObject({
    slots: { current: { kind: 'shipped' } },
    bundles: [
      { version: '1.0.0', slots: [], fault: null, signedBy: expect.stringMatching(/^[0-9a-f]{16}$/) },
    ],
  });
  await done(['activate', 'tiny@1.0.0', '--now', '--config', config]);
  await done(['install', at('1.1.0.spectamodel'), '--config', config]);
  await done(['activate', 'tiny', '--config', config]);
  expect(await slots()).toMatchObject({
    slots: {
      current: { version: '1.0.0' },
      previous: { kind: 'shipped' },
      trial: { phase: { kind: 'waiting' } },
    },
  });
  const used = await specta(['model', 'remove', 'tiny@1.1.0', '--config', config]);
  expect(used.stderr).toMatch(expectedError('BUNDLE_IN_USE'));
  const back = await done(['rollback', '--config', config]);
  expect(back.stdout).toContain('the trial of tiny@1.1.0 is ended');
  const swept = await done(['gc', '--config', config]);
  expect(swept.stdout).toContain('1 bundle removed: tiny@1.1.0');
  const list = await done(['list', '--config', config]);
  expect(list.stdout).toMatch(/^current +tiny@1\.0\.0$/m);
  expect(list.stdout).toMatch(/^last +the trial of tiny@1\.1\.0 ended: ended by hand/m);
});

test('without a trusted key nothing is installed; unsigned only where that is set, and loud', async () => {
  const bare = vehicle('bare', {});
  const bench = vehicle('bench', { allowUnsigned: true });
  const strict = vehicle('strict');
  await version('1.3.0');
  await packBundle(nodeFiles, at('tiny-1.3.0'), at('nobodys.spectamodel'));
  const [refused, installed, unsigned] = await Promise.all([
    specta(['model', 'install', at('1.0.0.spectamodel'), '--config', bare.config]),
    done(['install', at('nobodys.spectamodel'), '--config', bench.config]),
    specta(['model', 'install', at('nobodys.spectamodel'), '--config', strict.config]),
  ]);
  expect(refused.stderr).toMatch(expectedError('BUNDLE_SIGNATURE_INVALID'));
  expect(Object.keys(contentOf(bare.state)).filter((name) => /slots|@|\/\./.test(name))).toEqual([]);
  expect(installed.stderr).toContain('never for a dive');
  expect(installed.stdout).toContain('signed by NOBODY');
  expect(unsigned.stderr).toMatch(expectedError('BUNDLE_UNSIGNED'));
});

test('under sudo everything belongs to whom the state folder belongs to', async (context) => {
  if (process.getuid?.() !== 0) context.skip('only root can take another user’s place');
  if (!everyoneMayRead(ROOT))
    context.skip('another user cannot read this clone: its folder is one user’s own');
  const { config, state } = vehicle('owned');
  // The workshop is its maker's alone; the vehicle's user must get to its own folder through it.
  chmodSync(folder, 0o755);
  chownSync(state, 12_345, 12_346);
  await done(['install', at('1.0.0.spectamodel'), '--config', config]);
  await done(['activate', 'tiny@1.0.0', '--config', config]);
  const owners = new Set(
    readdirSync(state, { recursive: true, encoding: 'utf8' }).map((name) => {
      const { uid, gid } = lstatSync(join(state, name));
      return `${uid}:${gid}`;
    }),
  );
  expect([...owners]).toEqual(['12345:12346']);
});

test('root makes no state folder: its daemon could not write there', async (context) => {
  if (process.getuid?.() !== 0) context.skip('only root is asked for the owner');
  const { config, state } = vehicle('absent');
  writeFileSync(config, readFileSync(config, 'utf8').replace(state, at('nowhere', 'state')));
  const ended = await specta(['model', 'install', at('1.0.0.spectamodel'), '--config', config]);
  expect(ended.stderr).toMatch(expectedError('DISK_FAILED'));
});
