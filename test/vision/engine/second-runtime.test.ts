import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOnnxEngine } from '../../../src/vision/engine/onnx.ts';
import { createNativeEngine } from '../../../src/vision/engine/onnx-native.ts';
import { ONNX_LIBRARY } from '../../fixtures/onnx-library.ts';
import { tinyNetwork } from '../../fixtures/tiny-bundle.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-second-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('a second ONNX Runtime in one process is refused, and the first goes on', async () => {
  const modelFile = join(folder, 'model.onnx');
  await writeFile(modelFile, tinyNetwork());
  const library = join(folder, 'libonnxruntime.so.1');
  await copyFile(ONNX_LIBRARY, library);
  const options = { modelFile, provider: 'cpu', threads: 1 };

  const native = await createNativeEngine({ ...options, library });
  const second = { code: 'ENGINE_FAILED', message: expect.stringContaining('Another ONNX Runtime') };
  await expect(createOnnxEngine(options)).rejects.toMatchObject(second);
  await expect(createNativeEngine({ ...options, library: ONNX_LIBRARY })).rejects.toMatchObject(second);
  await expect(native.run(new Float32Array(64 * 64))).resolves.toHaveLength(2);
  await native.close();
  // It stays in the process when its engine is closed, and may be used again.
  const again = await createNativeEngine({ ...options, library });
  await again.close();
  await expect(createOnnxEngine(options)).rejects.toMatchObject(second);
});
