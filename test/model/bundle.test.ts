import { appendFile, cp, mkdir, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Bundle } from '../../src/domain/manifest.ts';
import { openBundle, resolveBundle, sealBundle } from '../../src/model/bundle.ts';
import { compareVersions } from '../../src/model/bundle-versions.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';

let root = '';
let whole: Bundle;
let copy = '';
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'specta-bundle-'));
  whole = await makeTinyBundle(join(root, 'whole'));
});

beforeEach(async () => {
  copy = join(root, `copy-${count++}`);
  await cp(whole.folder, copy, { recursive: true });
});

afterAll(() => rm(root, { recursive: true }));

test('a whole bundle opens: its manifest, and the digest of the exact bytes', async () => {
  const bundle = await openBundle(copy);
  expect(bundle.folder).toBe(copy);
  expect(bundle.manifest).toEqual(whole.manifest);
  expect(bundle.digest).toBe(whole.digest);
  expect(bundle.digest).toMatch(/^[0-9a-f]{64}$/);
});

test('sealing the same files again gives the same bytes', async () => {
  const before = await readFile(join(copy, 'manifest.json'), 'utf8');
  const { files: _, ...manifest } = whole.manifest;
  const reversed = Object.fromEntries(Object.entries(manifest).reverse()) as typeof manifest;
  const bundle = await sealBundle(copy, reversed);
  expect(await readFile(join(copy, 'manifest.json'), 'utf8')).toBe(before);
  expect(bundle.digest).toBe(whole.digest);
});

test('a bundle that would not open is not sealed', async () => {
  const { files: _, ...manifest } = whole.manifest;
  await rm(join(copy, 'manifest.json'));
  await expect(sealBundle(copy, { ...manifest, version: 'one' })).rejects.toMatchObject({
    code: 'BUNDLE_MANIFEST_INVALID',
  });
  await expect(readFile(join(copy, 'manifest.json'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('no folder, an empty folder, a file: BUNDLE_MISSING', async () => {
  await mkdir(join(copy, 'empty'));
  for (const folder of [join(root, 'nowhere'), join(copy, 'empty'), join(copy, 'model.onnx')]) {
    await expect(openBundle(folder)).rejects.toMatchObject({ code: 'BUNDLE_MISSING' });
  }
});

test('a missing file is BUNDLE_FILE_MISSING and named', async () => {
  await rm(join(copy, 'golden', 'rust.jpg'));
  await expect(openBundle(copy)).rejects.toMatchObject({
    code: 'BUNDLE_FILE_MISSING',
    message: expect.stringContaining('golden/rust.jpg'),
  });
});

const tamperings: [string, (folder: string) => Promise<void>, string][] = [
  ['a byte more', (folder) => appendFile(join(folder, 'model.onnx'), 'x'), 'bytes'],
  ['a byte less', (folder) => truncate(join(folder, 'model.onnx'), 10), 'bytes'],
  [
    'one bit turned',
    async (folder) => {
      const bytes = await readFile(join(folder, 'model.onnx'));
      bytes[bytes.length >> 1] ^= 1;
      await writeFile(join(folder, 'model.onnx'), bytes);
    },
    'sha256',
  ],
  [
    'a link in a file’s place',
    async (folder) => {
      await cp(join(folder, 'model.onnx'), join(root, 'elsewhere.onnx'));
      await rm(join(folder, 'model.onnx'));
      await symlink(join(root, 'elsewhere.onnx'), join(folder, 'model.onnx'));
    },
    'no plain file',
  ],
  [
    'a folder in a file’s place',
    async (folder) => {
      await rm(join(folder, 'model.onnx'));
      await mkdir(join(folder, 'model.onnx'));
    },
    'no plain file',
  ],
  [
    'a file that is not listed',
    (folder) => writeFile(join(folder, 'golden', 'more.jpg'), 'x'),
    'golden/more.jpg',
  ],
  ['a link that is not listed', (folder) => symlink('/', join(folder, 'away')), 'away'],
];

test.each(tamperings)('%s: BUNDLE_FILE_ALTERED', async (_, tamper, part) => {
  await tamper(copy);
  await expect(openBundle(copy)).rejects.toMatchObject({
    code: 'BUNDLE_FILE_ALTERED',
    message: expect.stringContaining(part),
  });
});

test('a changed manifest is another bundle', async () => {
  const path = join(copy, 'manifest.json');
  await writeFile(path, (await readFile(path, 'utf8')).replace('"seed": 0', '"seed": 1'));
  expect((await openBundle(copy)).digest).not.toBe(whole.digest);
});

test('a manifest of endless size is not read', async () => {
  await writeFile(join(copy, 'manifest.json'), ' '.repeat(1_000_001));
  await expect(openBundle(copy)).rejects.toMatchObject({ code: 'BUNDLE_MANIFEST_INVALID' });
});

test('a bundle is found by folder, by name and version, or by name: the highest version', async () => {
  const models = join(copy, 'models');
  const { files: _, ...manifest } = whole.manifest;
  for (const version of ['0.9.0', '0.10.0', '0.2.30']) {
    const folder = join(models, 'tiny', version);
    await cp(whole.folder, folder, { recursive: true });
    await sealBundle(folder, { ...manifest, version });
  }
  await mkdir(join(models, 'tiny', 'unfinished'));
  expect((await resolveBundle('tiny', models)).manifest.version).toBe('0.10.0');
  expect((await resolveBundle('tiny@0.9.0', models)).manifest.version).toBe('0.9.0');
  expect((await resolveBundle(join(models, 'tiny', '0.2.30'), models)).manifest.version).toBe('0.2.30');
  for (const name of ['tiny@3.0.0', 'other', './nowhere', '']) {
    await expect(resolveBundle(name, models)).rejects.toMatchObject({
      code: 'BUNDLE_MISSING',
      message: expect.stringContaining('tiny@0.10.0'),
    });
  }
});

test('an altered bundle that was named is told as altered, not as missing', async () => {
  await appendFile(join(copy, 'model.onnx'), 'x');
  await expect(resolveBundle(copy, join(root, 'models'))).rejects.toMatchObject({
    code: 'BUNDLE_FILE_ALTERED',
  });
});

test('versions are compared as numbers', () => {
  expect(['1.0.0', '0.10.0', '0.9.9', '0.9.10'].sort(compareVersions)).toEqual([
    '0.9.9',
    '0.9.10',
    '0.10.0',
    '1.0.0',
  ]);
  expect(compareVersions('1.2.3', '1.2.3')).toBe(0);
});
