import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inferenceModel } from '../../src/training/inference-graph.ts';
import {
  type Layer,
  type Network,
  networkParameters,
  networkStatistics,
  planNetwork,
} from '../../src/training/network.ts';
import { initialParameters, type Parameters } from '../../src/training/parameters.ts';
import { createRandom } from '../../src/training/random.ts';
import { layersModel, WEIGHTS_FILE } from '../../src/training/tfjs-layers.ts';
import { createOnnxEngine } from '../../src/vision/engine/onnx.ts';
import { createTfjsEngine } from '../../src/vision/engine/tfjs.ts';
import { FULL_TESTS } from '../fixtures/full-tests.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-layers-'));
  await mkdir(join(folder, 'tfjs'));
});
afterAll(() => rm(folder, { recursive: true }));

const EVERY_LAYER = [
  'averagePool',
  'batchNorm',
  'conv',
  'dense',
  'depthwise',
  'dropout',
  'flatten',
  'globalPool',
  'maxPool',
  'relu',
];

/** Small networks of every layer, in the orders that fit. */
const networks: fc.Arbitrary<Network> = fc
  .record({
    channels: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 9, max: 14 }),
    width: fc.integer({ min: 9, max: 14 }),
    blocks: fc.array(
      fc.record({
        // Depthwise where 0.
        filters: fc.integer({ min: 0, max: 4 }),
        kernel: fc.integer({ min: 1, max: 3 }),
        stride: fc.integer({ min: 1, max: 2 }),
        padding: fc.integer({ min: 0, max: 2 }),
        bias: fc.boolean(),
        norm: fc.boolean(),
        relu: fc.boolean(),
        pool: fc.constantFrom(null, 'maxPool' as const, 'averagePool' as const),
        size: fc.integer({ min: 2, max: 3 }),
        step: fc.integer({ min: 1, max: 3 }),
      }),
      { maxLength: 3 },
    ),
    last: fc.constantFrom('flatten' as const, 'globalPool' as const),
    hidden: fc.option(
      fc.record({ units: fc.integer({ min: 1, max: 5 }), bias: fc.boolean(), norm: fc.boolean() }),
      { nil: null },
    ),
    dropout: fc.boolean(),
    units: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ channels, height, width, blocks, last, hidden, dropout, units }) => {
    const layers: Layer[] = blocks.flatMap(
      ({ filters, kernel, stride, padding, bias, norm, relu, pool, size, step }): Layer[] => [
        filters === 0
          ? { kind: 'depthwise', kernel, stride, padding, bias }
          : { kind: 'conv', filters, kernel, stride, padding, bias },
        ...(norm ? [{ kind: 'batchNorm' } as const] : []),
        ...(relu ? [{ kind: 'relu' } as const] : []),
        ...(pool ? [{ kind: pool, size, stride: step }] : []),
      ],
    );
    layers.push({ kind: last });
    if (dropout) layers.push({ kind: 'dropout', rate: 0.3 });
    if (hidden !== null) {
      layers.push({ kind: 'dense', units: hidden.units, bias: hidden.bias });
      if (hidden.norm) layers.push({ kind: 'batchNorm' });
      layers.push({ kind: 'relu' });
    }
    layers.push({ kind: 'dense', units });
    return {
      name: 'random',
      input: { channels, height, width },
      layers,
      output: { kind: 'sigmoid', units },
    } as const;
  })
  .filter(fits);

/** Not where windows are larger than what is left of the picture. */
function fits(network: Network): boolean {
  try {
    return planNetwork(network).length > 0;
  } catch {
    return false; // Says why, which does not matter here.
  }
}

/** Fresh weights, with everything else moved away from where it starts: a value in the wrong place must show. */
function parametersOf(network: Network, seed: number): Parameters {
  const random = createRandom(seed);
  const weights = initialParameters(network, random);
  return new Map(
    [...networkParameters(network), ...networkStatistics(network)].map(({ name, fanIn }) => {
      const values = weights.get(name) ?? new Float32Array();
      return [name, fanIn > 0 ? values : values.map((value) => value + random.between(-0.5, 0.5))];
    }),
  );
}

test('the layers model computes what the inference graph computes, for any network', async () => {
  const met = new Set<string>();
  await fc.assert(
    fc.asyncProperty(networks, fc.integer({ min: 1, max: 1e6 }), async (network, seed) => {
      for (const { kind } of network.layers) met.add(kind);
      const parameters = parametersOf(network, seed);
      const { model, weights } = layersModel(network, parameters);
      const modelFile = join(folder, 'model.onnx');
      await writeFile(modelFile, inferenceModel(network, parameters));
      await writeFile(join(folder, 'tfjs/model.json'), model);
      await writeFile(join(folder, 'tfjs', WEIGHTS_FILE), weights);
      const onnx = await createOnnxEngine({ modelFile, provider: 'cpu', threads: 1 });
      const tfjs = await createTfjsEngine({ folder, provider: 'wasm', packages: null });
      try {
        expect(tfjs.input).toEqual(onnx.input);
        const random = createRandom(seed + 1);
        const { channels, height, width } = network.input;
        const input = new Float32Array(channels * height * width).map(() => random.next() * 2 - 1);
        const expected = await onnx.run(input);
        const found = await tfjs.run(input);
        expect(found).toHaveLength(expected.length);
        found.forEach((value, index) => {
          expect(Math.abs(value - expected[index])).toBeLessThan(1e-5 * (1 + Math.abs(expected[index])));
        });
      } finally {
        await onnx.close();
        await tfjs.close();
      }
    }),
    { numRuns: FULL_TESTS ? 400 : 40 },
  );
  expect([...met].sort()).toEqual(EVERY_LAYER);
});

test('the same network gives the same bytes', () => {
  const [network] = fc.sample(networks, { numRuns: 1, seed: 7 });
  const parameters = parametersOf(network, 3);
  expect(layersModel(network, parameters)).toEqual(layersModel(network, parameters));
});

test('a parameter that is missing is DATA_INVALID', () => {
  const [network] = fc.sample(networks, { numRuns: 1, seed: 7 });
  expect(() => layersModel(network, new Map())).toThrow(expect.objectContaining({ code: 'DATA_INVALID' }));
});
