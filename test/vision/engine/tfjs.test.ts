import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTfjsEngine } from '../../../src/vision/engine/tfjs.ts';
import { writeTinyNetwork } from '../../fixtures/tiny-bundle.ts';
import { engineSuite } from '../../suites/engine.ts';

let root = '';
let folder = '';

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'specta-tfjs-'));
  folder = join(root, 'tiny');
  await writeTinyNetwork(folder);
});

afterAll(() => rm(root, { recursive: true }));

engineSuite('tfjs', () => createTfjsEngine({ folder, provider: 'wasm', packages: null }));

test.each([
  'cuda',
  'cpu',
])('%s, whose package is not installed, is PROVIDER_ABSENT, never WebAssembly', async (provider) => {
  await expect(createTfjsEngine({ folder, provider, packages: null })).rejects.toMatchObject({
    code: 'PROVIDER_ABSENT',
    message: expect.stringContaining(`does not run on ${provider} (@tensorflow/tfjs-node`),
    help: expect.stringContaining('install-tfjs-gpu.sh'),
  });
});

test('a provider that TensorFlow.js has not is PROVIDER_ABSENT', async () => {
  await expect(createTfjsEngine({ folder, provider: 'tensorrt', packages: null })).rejects.toMatchObject({
    code: 'PROVIDER_ABSENT',
  });
});

/** The tiny bundle with its layers model changed. */
async function spoilt(name: string, change: (text: string) => string | null): Promise<string> {
  const copy = join(root, name);
  await writeTinyNetwork(copy);
  const file = join(copy, 'tfjs/model.json');
  const text = change(await readFile(file, 'utf8'));
  if (text === null) await rm(join(copy, 'tfjs'), { recursive: true });
  else await writeFile(file, text);
  return copy;
}

test.each<[string, (text: string) => string | null, RegExp]>([
  ['without a layers model', () => null, /the bundle has no TensorFlow\.js model/],
  ['whose model is no JSON', (text) => text.slice(0, 200), /it is not JSON/],
  ['whose model is a list', () => '[]', /no layers model/],
  ['whose weights are of another type', (text) => text.replaceAll('"float32"', '"int32"'), /no layers model/],
  [
    'whose weights lie elsewhere',
    (text) => text.replace('weights.bin', '../../etc/passwd'),
    /no layers model/,
  ],
  [
    'whose weights are missing',
    (text) => text.replace('weights.bin', 'other.bin'),
    /other\.bin.*cannot be read/,
  ],
  [
    'whose weights are too few',
    (text) => text.replace(/("shape": \[\s*)2,/, '$13,'),
    /its weights have \d+ bytes/,
  ],
  ['with a layer nobody knows', (text) => text.replace('"ReLU"', '"Sorcery"'), /Unknown layer: Sorcery/],
  ['with a free picture size', (text) => text.replaceAll('64,', 'null,'), /cannot be served/],
])('a bundle %s is BUNDLE_NOT_SERVABLE', async (name, change, reason) => {
  const copy = await spoilt(name.replaceAll(' ', '-').replaceAll('/', ''), change);
  await expect(createTfjsEngine({ folder: copy, provider: 'wasm', packages: null })).rejects.toMatchObject({
    code: 'BUNDLE_NOT_SERVABLE',
    message: expect.stringMatching(reason),
  });
});

/**
 * What stands for tfjs-node where the real one cannot be installed: the same package's shape around a backend that is
 * called `tensorflow` and computes in JavaScript. It throws without the function that Node 23 took away, as the real one.
 */
const STAND_IN = (gpu: boolean | null): string => `
  if (!require('node:util').isNullOrUndefined(null)) throw new Error('no shim');
  const modules = ${JSON.stringify(resolve(import.meta.dirname, '../../../package.json'))};
  const at = require('node:module').createRequire(modules);
  if (${gpu === null}) throw new Error('The Node.js native addon module (tfjs_binding.node) can not be found');
  const core = at('@tensorflow/tfjs-core');
  const { MathBackendCPU } = at('@tensorflow/tfjs-backend-cpu');
  core.registerBackend('tensorflow', () => Object.assign(new MathBackendCPU(), { isUsingGpuDevice: ${gpu} }));
  for (const { kernelName, kernelFunc } of core.getKernelsForBackend('cpu'))
    core.registerKernel({ kernelName, kernelFunc, backendName: 'tensorflow' });
  core.setBackend('tensorflow');
  module.exports = { ...core, loadLayersModel: at('@tensorflow/tfjs-layers').loadLayersModel };`;

async function standIn(folder: string, name: string, gpu: boolean | null): Promise<void> {
  const package_ = join(folder, 'node_modules/@tensorflow', name);
  await mkdir(package_, { recursive: true });
  await writeFile(
    join(package_, 'package.json'),
    JSON.stringify({ name, version: '4.22.0', main: 'index.js' }),
  );
  await writeFile(join(package_, 'index.js'), STAND_IN(gpu));
}

/** Opens the engine in a process that finds these packages; gives what it says. */
async function openWith(packages: string, provider: string | null): Promise<string> {
  const engine = pathToFileURL(resolve(import.meta.dirname, '../../../src/vision/engine/tfjs.ts'));
  const program = `
    const { createTfjsEngine } = await import(${JSON.stringify(engine.href)});
    try {
      const engine = await createTfjsEngine(${JSON.stringify({ folder, provider, packages })});
      const [corrosion] = await engine.run(new Float32Array(64 * 64).fill(0.1));
      console.log(engine.kind, engine.provider, engine.runtime, corrosion.toFixed(2));
    } catch (error) { console.log(error.code, error.message); }`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  return stdout.trim();
}

test('the first that works is taken, and named for what it really computes on', async () => {
  const [both, broken, cpuOnly] = ['both', 'broken', 'cpu-only'].map((name) => join(root, name));
  await standIn(both, 'tfjs-node-gpu', true);
  await standIn(both, 'tfjs-node', false);
  await standIn(broken, 'tfjs-node-gpu', null);
  await standIn(broken, 'tfjs-node', false);
  await standIn(cpuOnly, 'tfjs-node-gpu', false);
  const said = await Promise.all([
    openWith(both, null),
    openWith(broken, null),
    openWith(broken, 'cuda'),
    openWith(cpuOnly, null),
    openWith(cpuOnly, 'cuda'),
  ]);
  expect(said).toEqual([
    'tfjs cuda @tensorflow/tfjs-node-gpu 4.22.0 11.75',
    'tfjs cpu @tensorflow/tfjs-node 4.22.0 11.75',
    expect.stringMatching(/^PROVIDER_ABSENT .*native addon module \(tfjs_binding\.node\) can not be found/),
    // The package for the GPU on a machine without one computes on the CPU, and says so.
    'tfjs cpu @tensorflow/tfjs-node-gpu 4.22.0 11.75',
    expect.stringMatching(/^PROVIDER_ABSENT .*@tensorflow\/tfjs-node-gpu: it runs on cpu/),
  ]);
});

test('without either package WebAssembly computes', async () => {
  const engine = await createTfjsEngine({ folder, provider: null, packages: null });
  expect(engine).toMatchObject({ kind: 'tfjs', provider: 'wasm' });
  expect(engine.runtime).toMatch(/^@tensorflow\/tfjs-backend-wasm 4\.\d+\.\d+$/);
  await engine.close();
});

test('many runs and many models leave no memory behind', async () => {
  const input = new Float32Array(64 * 64).fill(0.1);
  const cycle = async (): Promise<void> => {
    const engine = await createTfjsEngine({ folder, provider: 'wasm', packages: null });
    for (let run = 0; run < 20; run++) await engine.run(input);
    await engine.close();
  };
  for (let warm = 0; warm < 10; warm++) await cycle();
  const { memory } = await import('@tensorflow/tfjs-core');
  const tensors = memory().numTensors;
  const before = process.memoryUsage.rss();
  for (let round = 0; round < 40; round++) await cycle();
  expect(memory().numTensors).toBe(tensors);
  expect(process.memoryUsage.rss() - before).toBeLessThan(30e6);
});
