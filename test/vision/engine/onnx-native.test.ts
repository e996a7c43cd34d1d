import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EngineOptions } from '../../../src/vision/engine/engine.ts';
import {
  type NativeRequest,
  openNativeSession,
  withEngineCache,
} from '../../../src/vision/engine/native-session.ts';
import { createNativeEngine } from '../../../src/vision/engine/onnx-native.ts';
import { OrtLibrary } from '../../../src/vision/engine/ort-library.ts';
import { ORT_TABLE } from '../../../src/vision/engine/ort-table.ts';
import { ODD_NETWORKS } from '../../fixtures/odd-networks.ts';
import { ONNX_LIBRARY } from '../../fixtures/onnx-library.ts';
import { tinyNetwork } from '../../fixtures/tiny-bundle.ts';
import { engineSuite } from '../../suites/engine.ts';

let folder = '';
let modelFile = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-native-'));
  modelFile = join(folder, 'model.onnx');
  await writeFile(modelFile, tinyNetwork());
});

afterAll(() => rm(folder, { recursive: true }));

function open(options: Partial<EngineOptions> = {}) {
  return createNativeEngine({ modelFile, provider: 'cpu', threads: 1, library: ONNX_LIBRARY, ...options });
}

function request(options: Partial<NativeRequest> = {}): NativeRequest {
  return {
    ...{ modelFile, provider: 'cpu', providerOptions: {}, threads: 1 },
    ...{ cacheFolder: null, modelDigest: 'ab'.repeat(32) },
    ...options,
  };
}

engineSuite('onnx-native', () => open());

test('the version and the path of the library are told', async () => {
  const engine = await open();
  expect(engine).toMatchObject({ kind: 'onnx-native', provider: 'cpu' });
  expect(engine.runtime).toMatch(/^ONNX Runtime 1\.\d+\.\d+ \(\/.+libonnxruntime\.so/);
  await engine.close();
});

test.each([
  'cuda',
  'tensorrt',
])('provider %s whose libraries or GPU are missing is PROVIDER_ABSENT, never a silent CPU', async (provider) => {
  await expect(open({ provider, providerOptions: { device_id: '0' } })).rejects.toMatchObject({
    code: 'PROVIDER_ABSENT',
    message: expect.stringContaining(`Provider ${provider} is not there`),
  });
});

test.each([
  'webgpu',
  'abacus',
])('provider %s, which SPECTA does not offer, is PROVIDER_ABSENT', async (provider) => {
  await expect(open({ provider })).rejects.toMatchObject({
    code: 'PROVIDER_ABSENT',
    message: expect.stringContaining('There is: cpu, cuda, tensorrt.'),
  });
});

test.each(ODD_NETWORKS)('a network file that is $name is BUNDLE_NOT_SERVABLE', async ({ name, bytes }) => {
  const file = join(folder, `${name}.onnx`);
  if (bytes) await writeFile(file, bytes);
  await expect(open({ modelFile: file })).rejects.toMatchObject({
    code: 'BUNDLE_NOT_SERVABLE',
    message: expect.stringContaining(file),
  });
});

test('no library named is told', async () => {
  await expect(open({ library: null })).rejects.toMatchObject({ code: 'RUNTIME_UNSUPPORTED' });
});

test('an aborted start rejects with the reason', async () => {
  const reason = new Error('changed my mind');
  const stopping = new AbortController();
  const options = { modelFile, provider: 'cpu', threads: 1, library: ONNX_LIBRARY };
  const starting = createNativeEngine(options, stopping.signal);
  setTimeout(() => stopping.abort(reason), 20);
  await expect(starting).rejects.toBe(reason);
});

test('no place of the table is named twice, and each lies in the version of the API that has it', () => {
  const places = Object.entries(ORT_TABLE).map(([name, { index }]) => ({ name, index }));
  expect(new Set(places.map(({ index }) => index)).size).toBe(places.length);
  // Last places of API versions 1, 4, 5, 9 and 11; what was added in which stands in the release notes.
  const addedIn: readonly [RegExp, number, number][] = [
    [/AvailableProviders$/, 125, 126],
    [/^AddSessionConfigEntry$/, 127, 149],
    [/TensorRT/, 170, 191],
    [/CUDA/, 204, 209],
  ];
  for (const { name, index } of places) {
    const [, first, last] = addedIn.find(([pattern]) => pattern.test(name)) ?? [null, 0, 101];
    expect(index, name).toBeGreaterThanOrEqual(first);
    expect(index, name).toBeLessThanOrEqual(last);
  }
});

test('every function of the table is called on the real library', () => {
  const called = new Set<string>();
  class Watched extends OrtLibrary {
    override call(...[name, ...values]: Parameters<OrtLibrary['call']>): void {
      called.add(name);
      super.call(name, ...values);
    }
    override release(...[name, handle]: Parameters<OrtLibrary['release']>): void {
      if (handle) called.add(name);
      super.release(name, handle);
    }
  }
  const library = new Watched(ONNX_LIBRARY);
  library.start();
  expect(library.providers()).toContain('cpu');
  openNativeSession(library, request()).session.close();
  for (const [provider, name] of [
    ['cuda', /CUDA/i],
    ['tensorrt', /TensorRT/i],
  ] as const) {
    expect(() =>
      openNativeSession(library, request({ provider, providerOptions: { device_id: '0' } })),
    ).toThrow(name);
  }
  library.close();
  // Called within the constructor and `call` itself, where the watch does not see them.
  const inside = ['CreateStatus', 'GetErrorCode', 'GetErrorMessage', 'ReleaseStatus'];
  const missing = Object.keys(ORT_TABLE).filter((name) => !called.has(name) && !inside.includes(name));
  expect(missing).toEqual([]);
});

test("the library's words come with an error, and the library goes on", () => {
  const library = new OrtLibrary(ONNX_LIBRARY);
  library.start();
  const missing = { modelFile: join(folder, 'nowhere.onnx') };
  expect(() => openNativeSession(library, request(missing))).toThrow(/nowhere\.onnx.*exist/i);
  const { session } = openNativeSession(library, request());
  expect(() =>
    session.bind({ name: 'input', dims: [1, 1, 64, 64] }, { name: 'nothing', dims: [1, 2] }),
  ).not.toThrow();
  expect(() => session.run(new Float32Array(64 * 64))).toThrow(/nothing/);
  session.close();
  library.close();
});

test('many runs and many sessions leave no memory behind', () => {
  const library = new OrtLibrary(ONNX_LIBRARY);
  library.start();
  const input = new Float32Array(64 * 64).fill(0.1);
  const cycle = (): void => {
    const { session } = openNativeSession(library, request());
    for (let run = 0; run < 50; run++) session.run(input);
    session.close();
  };
  for (let warm = 0; warm < 20; warm++) cycle();
  const before = process.memoryUsage.rss();
  for (let round = 0; round < 150; round++) cycle();
  library.close();
  // A session that stayed would hold its weights, its threads and its arena: far more than 0.2 MB each.
  expect(process.memoryUsage.rss() - before).toBeLessThan(30e6);
});

test("TensorRT's engines are kept by network and version, unless the options say where", () => {
  const asked = request({
    provider: 'tensorrt',
    cacheFolder: '/state/engines',
    providerOptions: { device_id: '1' },
  });
  expect(withEngineCache(asked, '1.19.0').providerOptions).toEqual({
    device_id: '1',
    trt_engine_cache_enable: '1',
    trt_engine_cache_path: '/state/engines/abababababababab-onnxruntime-1.19.0',
    trt_timing_cache_enable: '1',
  });
  const own = request({ ...asked, providerOptions: { trt_engine_cache_path: '/mine' } });
  expect(withEngineCache(own, '1.19.0')).toBe(own);
  const cuda = request({ ...asked, provider: 'cuda' });
  expect(withEngineCache(cuda, '1.19.0')).toBe(cuda);
});
