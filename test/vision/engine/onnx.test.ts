import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeOnnxModel } from '../../../src/training/onnx-file.ts';
import { createOnnxEngine } from '../../../src/vision/engine/onnx.ts';
import { tinyNetwork } from '../../fixtures/tiny-bundle.ts';
import { engineSuite } from '../../suites/engine.ts';

let folder = '';
let modelFile = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-onnx-'));
  modelFile = join(folder, 'model.onnx');
  await writeFile(modelFile, tinyNetwork());
});

afterAll(() => rm(folder, { recursive: true }));

engineSuite('onnx', () => createOnnxEngine({ modelFile, provider: 'cpu', threads: 1 }));

test('a provider that the runtime does not know is PROVIDER_ABSENT and names what is there', async () => {
  await expect(createOnnxEngine({ modelFile, provider: 'abacus', threads: 1 })).rejects.toMatchObject({
    code: 'PROVIDER_ABSENT',
    message: expect.stringContaining('There is: cpu.'),
  });
});

test('a provider whose libraries are missing is PROVIDER_ABSENT, never a silent CPU', async () => {
  await expect(createOnnxEngine({ modelFile, provider: 'tensorrt', threads: 1 })).rejects.toMatchObject({
    code: 'PROVIDER_ABSENT',
  });
});

test.each([
  ['missing', null],
  ['empty', new Uint8Array()],
  ['cut in half', tinyNetwork().subarray(0, 400)],
  ['something else', new TextEncoder().encode('not a network at all')],
  ['without logits', withOutputNamed('probabilities', [1, 1, 8, 8])],
  ['with a free picture size', withOutputNamed('logits', [1, 1, 'h', 'w'])],
  ['for three dimensions', withOutputNamed('logits', [1, 8, 8])],
])('a network file that is %s is BUNDLE_NOT_SERVABLE', async (name, bytes) => {
  const file = join(folder, `${name}.onnx`);
  if (bytes) await writeFile(file, bytes);
  await expect(createOnnxEngine({ modelFile: file, provider: 'cpu', threads: 1 })).rejects.toMatchObject({
    code: 'BUNDLE_NOT_SERVABLE',
  });
});

function withOutputNamed(name: string, dims: (number | string)[]): Uint8Array {
  return writeOnnxModel({
    name: 'odd',
    initializers: [],
    nodes: [{ operator: 'Relu', inputs: ['input'], outputs: [name] }],
    inputs: [{ name: 'input', type: 'float32', dims }],
    outputs: [{ name, type: 'float32', dims }],
  });
}
