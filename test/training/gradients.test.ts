import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, expect, test } from 'vitest';
import { GradientRunner, type TrainingBatch } from '../../src/training/gradient-runner.ts';
import { INPUT_NAME, inferenceModel, OUTPUT_NAME } from '../../src/training/inference-graph.ts';
import { type Layer, type Network, planNetwork } from '../../src/training/network.ts';
import { parametersOfModel } from '../../src/training/onnx-weights.ts';
import { copyParameters, initialParameters, type Parameters } from '../../src/training/parameters.ts';
import { createRandom, type Random } from '../../src/training/random.ts';

const BATCH = 2;
const runners: GradientRunner[] = [];
afterAll(async () => {
  for (const runner of runners) await runner.close();
});

function network(layers: readonly Layer[], kind: 'softmax' | 'sigmoid', side: number, channels = 1): Network {
  return {
    name: 'small',
    input: { channels, height: side, width: side + 1 },
    layers: [...layers, { kind: 'flatten' }, { kind: 'dense', units: 3 }],
    output: { kind, units: 3 },
  };
}

function randomBatch(net: Network, random: Random): TrainingBatch {
  const { channels, height, width } = net.input;
  const input = Float32Array.from({ length: BATCH * channels * height * width }, () => random.normal());
  const targets = new Float32Array(BATCH * 3);
  for (let b = 0; b < BATCH; b++) {
    if (net.output.kind === 'softmax') targets[b * 3 + random.integer(3)] = 1;
    else for (let u = 0; u < 3; u++) targets[b * 3 + u] = random.integer(2);
  }
  const weights = Float32Array.from(targets, () => random.between(0.2, 2));
  return { input, targets, weights };
}

/** The same network and loss in plain double precision, written from the definitions. */
function lossByDefinition(net: Network, parameters: Map<string, number[]>, batch: TrainingBatch): number {
  const plan = planNetwork(net);
  const { channels, height, width } = net.input;
  const size = channels * height * width;
  let loss = 0;
  for (let b = 0; b < BATCH; b++) {
    let values = Array.from(batch.input.subarray(b * size, (b + 1) * size));
    for (const { name, layer, input, output } of plan) {
      const weight = parameters.get(`${name}.weight`) ?? [];
      const bias = parameters.get(`${name}.bias`) ?? [];
      const [inChannels, inHeight = 1, inWidth = 1] = input;
      const [outChannels, outHeight = 1, outWidth = 1] = output;
      const before = values;
      const at = (c: number, y: number, x: number): number =>
        y < 0 || x < 0 || y >= inHeight || x >= inWidth ? 0 : before[(c * inHeight + y) * inWidth + x];
      if (layer.kind === 'relu') values = before.map((value) => Math.max(0, value));
      if (layer.kind === 'dropout') values = before.map((value) => value / (1 - layer.rate));
      if (layer.kind === 'dense') {
        values = bias.map((offset, unit) =>
          before.reduce((sum, value, i) => sum + value * weight[unit * before.length + i], offset),
        );
      }
      if (layer.kind !== 'conv' && layer.kind !== 'maxPool') continue;
      values = [];
      for (let c = 0; c < outChannels; c++) {
        for (let y = 0; y < outHeight; y++) {
          for (let x = 0; x < outWidth; x++) {
            if (layer.kind === 'maxPool') {
              let most = Number.NEGATIVE_INFINITY;
              for (let i = 0; i < layer.size; i++) {
                for (let j = 0; j < layer.size; j++) {
                  most = Math.max(most, at(c, y * layer.stride + i, x * layer.stride + j));
                }
              }
              values.push(most);
              continue;
            }
            let sum = bias[c];
            for (let k = 0; k < inChannels; k++) {
              for (let i = 0; i < layer.kernel; i++) {
                for (let j = 0; j < layer.kernel; j++) {
                  sum +=
                    weight[((c * inChannels + k) * layer.kernel + i) * layer.kernel + j] *
                    at(k, y * layer.stride + i - layer.padding, x * layer.stride + j - layer.padding);
                }
              }
            }
            values.push(sum);
          }
        }
      }
    }
    const total = values.reduce((sum, value) => sum + Math.exp(value), 0);
    values.forEach((z, u) => {
      const y = batch.targets[b * 3 + u];
      const p = net.output.kind === 'softmax' ? Math.exp(z) / total : 1 / (1 + Math.exp(-z));
      const term =
        net.output.kind === 'softmax' ? y * Math.log(p) : y * Math.log(p) + (1 - y) * Math.log(1 - p);
      loss -= batch.weights[b * 3 + u] * term;
    });
  }
  return loss;
}

async function expectTrueGradients(net: Network, seed: number): Promise<void> {
  const random = createRandom(seed);
  const batch = randomBatch(net, random);
  const parameters = initialParameters(net, random);
  for (const [name, values] of parameters) {
    if (name.endsWith('.bias')) for (let i = 0; i < values.length; i++) values[i] = random.between(-0.3, 0.3);
  }
  const runner = await GradientRunner.create(net, { batch: BATCH, threads: 1 });
  runners.push(runner);
  const { loss, byParameter } = await runner.run(parameters, batch);
  const doubles = new Map([...parameters].map(([name, values]) => [name, Array.from(values)]));
  const truth = lossByDefinition(net, doubles, batch);
  expect(Math.abs(loss - truth)).toBeLessThan(1e-4 * Math.max(1, truth));
  // Small enough that no ReLU and no maximum changes its mind on the way, but for one value in a great many.
  const step = 1e-6;
  let checked = 0;
  let wrong = 0;
  for (const [name, values] of doubles) {
    const gradient = byParameter.get(name);
    const stride = Math.max(1, Math.floor(values.length / 12));
    for (let i = 0; i < values.length; i += stride) {
      const kept = values[i];
      values[i] = kept + step;
      const above = lossByDefinition(net, doubles, batch);
      values[i] = kept - step;
      const below = lossByDefinition(net, doubles, batch);
      values[i] = kept;
      const slope = (above - below) / (2 * step);
      checked++;
      // Asked this way round, a gradient that is missing or no number is wrong too.
      if (!(Math.abs((gradient?.[i] ?? Number.NaN) - slope) <= 1e-4 * Math.max(1, Math.abs(slope)))) wrong++;
    }
  }
  expect(checked).toBeGreaterThan(0);
  expect(wrong).toBe(0);
}

const conv = (filters: number, kernel: number, stride = 1, padding = 0): Layer => ({
  kind: 'conv',
  filters,
  kernel,
  stride,
  padding,
});
const pool = (size: number, stride = size): Layer => ({ kind: 'maxPool', size, stride });
const relu: Layer = { kind: 'relu' };

test.each([
  ['dense alone', []],
  ['convolution', [conv(2, 3)]],
  ['convolution with stride and padding', [conv(2, 3, 2, 1), conv(3, 2, 2, 0)]],
  ['convolution whose stride leaves edge pixels out', [conv(2, 3), conv(2, 2, 3, 0)]],
  ['ReLU before and after pooling', [conv(3, 3), relu, pool(2), conv(2, 3), pool(2), relu]],
  ['pooling with gaps', [conv(2, 3), pool(2, 3), relu]],
  ['dropout', [conv(2, 3), { kind: 'dropout', rate: 0.4 }]],
] as [string, Layer[]][])('the gradients of %s equal the numeric derivative', async (_name, layers) => {
  await expectTrueGradients(network(layers, 'sigmoid', 10), 5);
  await expectTrueGradients(network(layers, 'softmax', 11, 2), 6);
});

test('a hidden dense layer passes gradients on', async () => {
  const net = network(
    [conv(2, 3), relu, { kind: 'flatten' }, { kind: 'dense', units: 5 }, relu],
    'softmax',
    6,
  );
  await expectTrueGradients({ ...net, layers: net.layers.toSpliced(5, 1) }, 7);
});

test('random small networks have the gradients of their definition', async () => {
  const layer = fc.oneof(
    fc
      .record({
        filters: fc.integer({ min: 1, max: 3 }),
        stride: fc.integer({ min: 1, max: 2 }),
        padding: fc.integer({ min: 0, max: 1 }),
      })
      .map(({ filters, stride, padding }) => conv(filters, 3, stride, padding)),
    fc.constant(relu),
    fc.constant(pool(2)),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(layer, { minLength: 1, maxLength: 4 }),
      fc.constantFrom('softmax' as const, 'sigmoid' as const),
      fc.integer(),
      async (layers, kind, seed) => {
        const net = network(layers, kind, 14);
        try {
          planNetwork(net);
        } catch {
          return; // Too many poolings for the side: not a network.
        }
        await expectTrueGradients(net, seed);
      },
    ),
    { numRuns: 12, seed: 1 },
  );
});

test('a weight of 0 leaves an image out of loss and gradients', async () => {
  const net = network([conv(2, 3), relu], 'sigmoid', 6);
  const random = createRandom(3);
  const parameters = initialParameters(net, random);
  const batch = randomBatch(net, random);
  batch.weights.fill(0, 3);
  const other: TrainingBatch = { ...batch, input: batch.input.slice(), targets: batch.targets.slice() };
  other.input.fill(0.5, other.input.length / 2);
  other.targets.fill(1, 3);
  const runner = await GradientRunner.create(net, { batch: BATCH, threads: 1 });
  runners.push(runner);
  const one = await runner.run(parameters, batch);
  const two = await runner.run(parameters, other);
  expect(two.loss).toBeCloseTo(one.loss, 6);
  for (const [name, values] of one.byParameter) {
    expect(
      Math.max(...values.map((value, i) => Math.abs(value - (two.byParameter.get(name)?.[i] ?? 1)))),
    ).toBeLessThan(1e-6);
  }
});

test('the softmax gradient at the example of the lecture: p − 1 for the target, p elsewhere, error 33.93', async () => {
  const net: Network = {
    name: 'softmax',
    input: { channels: 1, height: 1, width: 1 },
    layers: [{ kind: 'flatten' }, { kind: 'dense', units: 2 }],
    output: { kind: 'softmax', units: 2 },
  };
  const runner = await GradientRunner.create(net, { batch: 1, threads: 1 });
  runners.push(runner);
  const target = 1.829901e-15;
  const parameters: Parameters = new Map([
    ['dense1.weight', Float32Array.of(0, 0)],
    ['dense1.bias', Float32Array.of(Math.log(target / (1 - target)), 0)],
  ]);
  const { loss, byParameter } = await runner.run(parameters, {
    input: Float32Array.of(1),
    targets: Float32Array.of(1, 0),
    weights: Float32Array.of(1, 1),
  });
  expect(loss).toBeCloseTo(33.93, 2);
  expect([...(byParameter.get('dense1.bias') ?? [])]).toEqual([-1, 1]);
});

test('the inference graph gives the logits that training saw', async () => {
  const net = network(
    [conv(3, 3), relu, pool(2), { kind: 'dropout', rate: 0.2 }, conv(2, 3, 2, 1)],
    'sigmoid',
    12,
  );
  const random = createRandom(11);
  const parameters = copyParameters(initialParameters(net, random));
  const batch = randomBatch(net, random);
  const undropped: Network = { ...net, layers: net.layers.filter(({ kind }) => kind !== 'dropout') };
  const runner = await GradientRunner.create(undropped, { batch: BATCH, threads: 1 });
  runners.push(runner);
  const { logits } = await runner.run(parameters, batch);
  const session = await InferenceSession.create(inferenceModel(net, parameters, BATCH));
  const results = await session.run({ [INPUT_NAME]: new Tensor('float32', batch.input, [BATCH, 1, 12, 13]) });
  await session.release();
  const served = results[OUTPUT_NAME]?.data as Float32Array;
  expect([...served].map((z, i) => Math.abs(z - logits[i])).every((difference) => difference < 1e-5)).toBe(
    true,
  );
});

test('a model file gives its parameters back, and a broken one says what is wrong', () => {
  const net = network([conv(3, 3), relu], 'softmax', 8);
  const parameters = initialParameters(net, createRandom(8));
  const file = inferenceModel(net, parameters);
  expect([...parametersOfModel(file, net)]).toEqual([...parameters]);
  expect(() => parametersOfModel(file, network([conv(4, 3), relu], 'softmax', 8))).toThrow(/conv1.weight/);
  expect(() => parametersOfModel(file.subarray(0, 100), net)).toThrow(/no ONNX model/);
});
