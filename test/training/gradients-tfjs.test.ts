import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { blockOfRuntime } from '../../src/training/blocked-layout.ts';
import { GradientRunner, type TrainingBatch } from '../../src/training/gradient-runner.ts';
import { type Layer, type Network, planNetwork } from '../../src/training/network.ts';
import { initialParameters, type Parameters } from '../../src/training/parameters.ts';
import { createRandom, type Random } from '../../src/training/random.ts';
import { FULL_TESTS } from '../fixtures/full-tests.ts';
import { tfjsGradients } from './tfjs-oracle.ts';

// TensorFlow.js' plain JavaScript backend is slow, and other work may share the processor.
vi.setConfig({ testTimeout: 120_000 });

const UNITS = 3;
const RANDOM_NETWORKS = FULL_TESTS ? 200 : 16;

function network(
  layers: readonly Layer[],
  kind: 'softmax' | 'sigmoid',
  side: number,
  channels: number,
): Network {
  return {
    name: 'small',
    input: { channels, height: side, width: side + 1 },
    layers,
    output: { kind, units: UNITS },
  };
}

function randomBatch(net: Network, batch: number, random: Random): TrainingBatch {
  const { channels, height, width } = net.input;
  const input = Float32Array.from({ length: batch * channels * height * width }, () => random.normal());
  const targets = new Float32Array(batch * UNITS);
  for (let b = 0; b < batch; b++) {
    if (net.output.kind === 'softmax') targets[b * UNITS + random.integer(UNITS)] = 1;
    else for (let u = 0; u < UNITS; u++) targets[b * UNITS + u] = random.integer(2);
  }
  return { input, targets, weights: Float32Array.from(targets, () => random.between(0.2, 2)) };
}

function randomParameters(net: Network, random: Random): Parameters {
  const parameters = initialParameters(net, random);
  for (const [name, values] of parameters) {
    if (name.endsWith('.weight')) continue;
    for (let i = 0; i < values.length; i++) values[i] += random.between(-0.3, 0.3);
  }
  return parameters;
}

/** Largest difference of any gradient, as a share of the largest gradient of its tensor (at least 1). */
async function differenceFromTfjs(
  net: Network,
  seed: number,
  batch: number,
  block?: number,
): Promise<number> {
  const random = createRandom(seed);
  const given = randomBatch(net, batch, random);
  const parameters = randomParameters(net, random);
  const runner = await GradientRunner.create(net, {
    batch,
    threads: 1,
    ...(block !== undefined && { block }),
  });
  const ours = await runner.run(parameters, given);
  await runner.close();
  const theirs = await tfjsGradients(net, parameters, given);
  let worst = Math.abs(ours.loss - theirs.loss) / Math.max(1, Math.abs(theirs.loss));
  expect([...ours.byParameter.keys()]).toEqual([...theirs.gradients.keys()]);
  for (const [name, expected] of theirs.gradients) {
    const found = ours.byParameter.get(name) ?? new Float32Array();
    expect(found.length, name).toBe(expected.length);
    const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    expected.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - found[i]) / size);
    });
  }
  return worst;
}

const conv = (filters: number, kernel: number, stride = 1, padding = 0, bias = true): Layer => ({
  kind: 'conv',
  filters,
  kernel,
  stride,
  padding,
  bias,
});
const depthwise = (kernel: number, stride = 1, padding = 0, bias = true): Layer => ({
  kind: 'depthwise',
  kernel,
  stride,
  padding,
  bias,
});
const relu: Layer = { kind: 'relu' };
const norm: Layer = { kind: 'batchNorm' };
const end: Layer[] = [{ kind: 'flatten' }, { kind: 'dense', units: UNITS }];

const LAYERS: [string, Layer[]][] = [
  ['dense', []],
  ['convolution', [conv(8, 3)]],
  ['convolution of 5x5 with padding', [conv(4, 5, 1, 2), conv(12, 5, 1, 1)]],
  ['convolution with a stride', [conv(8, 3, 2, 1), conv(16, 3, 2, 0), conv(8, 2, 2, 0)]],
  ['convolution whose stride leaves edge pixels out', [conv(4, 3), conv(4, 2, 3)]],
  ['convolution of odd channel counts', [conv(6, 3), conv(5, 3, 1, 1)]],
  ['convolution over many channels', [conv(20, 3, 2, 1), conv(36, 3)]],
  ['pointwise convolution', [conv(8, 1), conv(12, 1)]],
  ['pointwise convolution with a stride', [conv(8, 1, 2), conv(12, 1, 2)]],
  ['depthwise convolution', [conv(8, 3), depthwise(3)]],
  ['depthwise convolution with padding', [conv(12, 3), depthwise(3, 1, 1), depthwise(5, 1, 2, false)]],
  ['depthwise convolution with a stride', [conv(8, 3), depthwise(3, 2, 1), conv(20, 1), depthwise(3, 2, 1)]],
  ['depthwise convolution of odd channel counts', [conv(7, 1), depthwise(3, 1, 1), depthwise(2, 2)]],
  ['depthwise convolution of the input', [depthwise(3, 1, 1)]],
  ['batch normalisation', [conv(8, 3, 1, 0, false), norm, relu]],
  [
    'batch normalisation of a vector',
    [{ kind: 'flatten' }, { kind: 'dense', units: 6, bias: false }, norm, relu],
  ],
  ['max pooling', [conv(8, 3), { kind: 'maxPool', size: 2, stride: 2 }, relu]],
  ['max pooling of 3', [conv(4, 3, 1, 1), relu, { kind: 'maxPool', size: 3, stride: 3 }]],
  ['max pooling whose windows overlap', [conv(4, 3), { kind: 'maxPool', size: 3, stride: 2 }]],
  ['max pooling that leaves gaps', [conv(4, 3), { kind: 'maxPool', size: 2, stride: 3 }]],
  ['average pooling', [conv(8, 3), { kind: 'averagePool', size: 2, stride: 2 }]],
  ['average pooling whose windows overlap', [conv(4, 3), { kind: 'averagePool', size: 3, stride: 2 }]],
  ['average pooling that leaves gaps', [conv(4, 3), { kind: 'averagePool', size: 2, stride: 3 }]],
  ['dropout', [conv(4, 3), { kind: 'dropout', rate: 0.3 }]],
];
/** With each output kind one layout, so that both meet every layer; in full every pair of them. */
const HEADS_AND_BLOCKS = [
  ['softmax', undefined],
  ['sigmoid', 1],
  ...(FULL_TESTS
    ? ([
        ['softmax', 1],
        ['sigmoid', undefined],
      ] as const)
    : []),
] as const;

test.each(
  LAYERS,
)('%s has the gradients of TensorFlow.js, in the blocked layout and without', async (_, layers) => {
  for (const [kind, block] of HEADS_AND_BLOCKS) {
    const net = network([...layers, ...end], kind, 12, kind === 'softmax' ? 3 : 1);
    expect(await differenceFromTfjs(net, 5, 3, block)).toBeLessThan(1e-5);
  }
});

test('global pooling and a batch of more than one block have the gradients of TensorFlow.js', async () => {
  const layers: Layer[] = [
    conv(8, 3, 2, 1, false),
    norm,
    relu,
    depthwise(3, 1, 1, false),
    norm,
    conv(16, 1),
    relu,
  ];
  const net = network([...layers, { kind: 'globalPool' }, { kind: 'dense', units: UNITS }], 'sigmoid', 12, 1);
  for (const block of [undefined, 1]) expect(await differenceFromTfjs(net, 8, 19, block)).toBeLessThan(1e-5);
});

test('the processor is asked for its block, and this one has an answer', async () => {
  expect([1, 8, 16]).toContain(await blockOfRuntime());
});

test('random small networks have the gradients of TensorFlow.js', async () => {
  const window = {
    kernel: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 3 }),
    padding: fc.integer({ min: 0, max: 2 }),
    bias: fc.boolean(),
  };
  const pool = { size: fc.integer({ min: 1, max: 3 }), stride: fc.integer({ min: 1, max: 3 }) };
  const layer: fc.Arbitrary<Layer[]> = fc.oneof(
    fc
      .record({ filters: fc.integer({ min: 1, max: 18 }), ...window })
      .map((values): Layer[] => [{ kind: 'conv', ...values }]),
    fc.record(window).map((values): Layer[] => [{ kind: 'depthwise', ...values }]),
    fc
      .record({ filters: fc.constantFrom(4, 8, 16, 24), kernel: fc.constantFrom(1, 3) })
      .map(({ filters, kernel }): Layer[] => [conv(filters, kernel, 1, kernel >> 1, false), norm, relu]),
    fc.constant<Layer[]>([relu]),
    fc.record(pool).map((values): Layer[] => [{ kind: 'maxPool', ...values }]),
    fc.record(pool).map((values): Layer[] => [{ kind: 'averagePool', ...values }]),
  );
  let ran = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(layer, { minLength: 1, maxLength: 4 }),
      fc.constantFrom<Layer>({ kind: 'flatten' }, { kind: 'globalPool' }),
      fc.constantFrom('softmax' as const, 'sigmoid' as const),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 2, max: 10 }),
      fc.constantFrom(undefined, 1),
      fc.integer(),
      async (layers, last, kind, channels, batch, block, seed) => {
        const net = network([...layers.flat(), last, { kind: 'dense', units: UNITS }], kind, 11, channels);
        try {
          planNetwork(net);
        } catch {
          return; // Windows larger than what is left of the picture: not a network.
        }
        ran++;
        expect(await differenceFromTfjs(net, seed, batch, block)).toBeLessThan(1e-5);
      },
    ),
    { numRuns: RANDOM_NETWORKS, seed: 4 },
  );
  expect(ran).toBeGreaterThan(RANDOM_NETWORKS / 2);
});
