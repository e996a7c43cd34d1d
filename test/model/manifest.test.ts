import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseManifest } from '../../src/model/manifest.ts';
import { SpectaError } from '../../src/platform/errors.ts';
import { tinyManifest } from '../fixtures/tiny-bundle.ts';

const digest = 'a'.repeat(64);
const whole = {
  ...tinyManifest(),
  golden: [{ file: 'golden/one.jpg', expected: { corrosion: 0.1, crack: 0.2, intact: 0.7 } }],
  files: [
    { path: 'golden/one.jpg', bytes: 1, sha256: digest },
    { path: 'model.onnx', bytes: 2, sha256: digest },
  ],
};

/** The message of the refusal; null when the manifest was taken. */
function refusal(value: unknown): string | null {
  try {
    parseManifest(typeof value === 'string' ? value : JSON.stringify(value), 'manifest.json');
    return null;
  } catch (error) {
    if (!(error instanceof SpectaError)) throw error;
    expect(error.code).toBe('BUNDLE_MANIFEST_INVALID');
    return error.message;
  }
}

test('a whole manifest is read as it stands', () => {
  expect(parseManifest(JSON.stringify(whole), 'manifest.json')).toEqual(whole);
});

test('every mistake is told at once, with its place', () => {
  const message = refusal({
    ...whole,
    version: '1.0',
    calibration: { temperature: 0 },
    gates: { ...whole.gates, minMean: 'dark' },
    colour: 'red',
  });
  for (const part of ['version', 'calibration.temperature', 'gates.minMean', 'colour']) {
    expect(message).toContain(part);
  }
});

test.each([
  ['not JSON', '{"schema": 1,', 'not JSON'],
  ['another schema', { ...whole, schema: 2 }, 'schema'],
  ['an unknown class', { ...whole, classes: ['corrosion', 'crack', 'barnacle'] }, 'classes.2'],
  ['a class twice', { ...whole, classes: ['crack', 'crack', 'corrosion', 'intact'] }, 'crack stands twice'],
  ['a defect without rule', { ...whole, defects: { crack: whole.defects.crack } }, 'corrosion has no rule'],
  ['a rule for no class', { ...whole, classes: ['crack', 'intact'] }, 'corrosion is not among the classes'],
  [
    'off above on',
    { ...whole, defects: { ...whole.defects, crack: { ...whole.defects.crack, off: 0.9 } } },
    'off is above on',
  ],
  ['an intact threshold without intact', { ...whole, classes: ['corrosion', 'crack'] }, 'intactThreshold'],
  [
    'intact as a sigmoid output',
    { ...whole, output: { kind: 'sigmoid', classes: ['corrosion', 'crack', 'intact'] } },
    'intact is no sigmoid output',
  ],
  [
    'a softmax without an output for a class',
    { ...whole, output: { kind: 'softmax', classes: ['corrosion', 'crack'] } },
    'intact has no output',
  ],
  ['no golden input', { ...whole, golden: [] }, 'golden'],
  [
    'a golden input that is no file of it',
    { ...whole, golden: [{ ...whole.golden[0], file: 'golden/two.jpg' }] },
    'golden/two.jpg is not among the files',
  ],
  [
    'a golden input without a class',
    { ...whole, golden: [{ ...whole.golden[0], expected: { crack: 1 } }] },
    'corrosion is missing',
  ],
  ['no network', { ...whole, files: [whole.files[0]] }, 'model.onnx is missing'],
  ['a file twice', { ...whole, files: [...whole.files, whole.files[1]] }, 'model.onnx stands twice'],
  ['a digest in capitals', { ...whole, files: [{ ...whole.files[0], sha256: 'A'.repeat(64) }] }, 'sha256'],
])('%s is refused', (_, value, part) => {
  expect(refusal(value)).toContain(part);
});

test.each([
  '/etc/passwd',
  '../model.onnx',
  'golden/../../x',
  'a//b',
  './a',
  'a\\b',
  'C:x',
  '',
  'a/',
  'a\nb',
  'é',
])('the path %j is refused', (path) => {
  expect(refusal({ ...whole, files: [...whole.files, { path, bytes: 1, sha256: digest }] })).toContain(
    'path',
  );
});

test('whatever stands in the file: a manifest or BUNDLE_MANIFEST_INVALID, nothing else', () => {
  fc.assert(fc.property(fc.string(), (text) => void refusal(text)));
  fc.assert(fc.property(fc.json(), (text) => void refusal(text)));
  const keys = Object.keys(whole);
  fc.assert(
    fc.property(
      fc.constantFrom(...keys),
      fc.jsonValue(),
      (key, value) => void refusal({ ...whole, [key]: value }),
    ),
    { numRuns: 500 },
  );
});
