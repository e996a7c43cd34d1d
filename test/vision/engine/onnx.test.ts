import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOnnxEngine } from '../../../src/vision/engine/onnx.ts';
import { ODD_NETWORKS } from '../../fixtures/odd-networks.ts';
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

test.each(ODD_NETWORKS)('a network file that is $name is BUNDLE_NOT_SERVABLE', async ({ name, bytes }) => {
  const file = join(folder, `${name}.onnx`);
  if (bytes) await writeFile(file, bytes);
  await expect(createOnnxEngine({ modelFile: file, provider: 'cpu', threads: 1 })).rejects.toMatchObject({
    code: 'BUNDLE_NOT_SERVABLE',
  });
});
