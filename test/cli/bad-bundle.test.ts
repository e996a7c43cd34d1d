import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { crackPicture } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import { contentOf, expectedError, specta } from './specta.ts';
import { place, workshop } from './workshop.ts';

const folder = workshop();
const whole = join(folder, 'whole');
const picture = join(folder, 'crack.jpg');

beforeAll(async () => {
  await makeTinyBundle(whole);
  place(folder, { 'crack.jpg': crackPicture() });
});

/** A copy of the whole bundle with something done to it. */
function spoilt(name: string, spoil: (bundle: string) => void): string {
  const bundle = join(folder, name);
  cpSync(whole, bundle, { recursive: true });
  spoil(bundle);
  return bundle;
}

function edit(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

const CASES: readonly { name: string; code: string; spoil: (bundle: string) => void }[] = [
  {
    name: 'no manifest',
    code: 'BUNDLE_MISSING',
    spoil: (bundle) => rmSync(join(bundle, 'manifest.json')),
  },
  {
    name: 'a manifest that is no JSON',
    code: 'BUNDLE_MANIFEST_INVALID',
    spoil: (bundle) => edit(join(bundle, 'manifest.json'), (text) => text.slice(0, 300)),
  },
  {
    name: 'the weights missing',
    code: 'BUNDLE_FILE_MISSING',
    spoil: (bundle) => rmSync(join(bundle, 'model.onnx')),
  },
  {
    name: 'one bit of the weights flipped',
    code: 'BUNDLE_FILE_ALTERED',
    spoil(bundle) {
      const file = join(bundle, 'model.onnx');
      const bytes = readFileSync(file);
      bytes[bytes.length >> 1] ^= 1;
      writeFileSync(file, bytes);
    },
  },
  {
    name: 'a file that nobody lists',
    code: 'BUNDLE_FILE_ALTERED',
    spoil: (bundle) => writeFileSync(join(bundle, 'golden/stranger.jpg'), crackPicture()),
  },
];

test.each(CASES)('a bundle with $name: $code', async ({ name, code, spoil }) => {
  const bundle = spoilt(name, spoil);
  const before = contentOf(folder);
  const { status, stdout, stderr } = await specta(['classify', picture, '--json', '--model', bundle]);
  expect(stderr).toMatch(expectedError(code));
  expect(status).toBe(65);
  expect(stdout).toBe('');
  expect(contentOf(folder)).toEqual(before);
});

test('a name of which there is no bundle is told with those there are; the same holds for every command', async () => {
  const state = join(folder, 'state');
  const config = JSON.stringify({
    stateFolder: state,
    camera: { uri: `replay:${folder}` },
    model: { bundle: 'specta-64' },
  });
  place(folder, { 'unknown-bundle.yaml': config });
  const ended = await Promise.all([
    specta(['classify', picture, '--model', 'specta-64']),
    specta(['bench', '--frames', folder, '--model', 'specta-64']),
    specta(['demo', '--footage', folder, '--model', 'specta-64', '--folder', state]),
    specta(['run', '--config', join(folder, 'unknown-bundle.yaml')]),
  ]);
  for (const { status, stdout, stderr } of ended) {
    expect(stderr).toMatch(expectedError('BUNDLE_MISSING'));
    expect(stderr).toContain('specta-32x2@');
    expect(status).toBe(65);
    expect(stdout).toBe('');
  }
  expect(Object.keys(contentOf(folder)).filter((name) => name.startsWith('state'))).toEqual([]);
});
