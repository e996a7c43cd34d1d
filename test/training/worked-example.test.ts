import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { ADAM_DEFAULTS, Adam } from '../../src/training/adam.ts';
import { GradientRunner } from '../../src/training/gradient-runner.ts';
import { INPUT_NAME, inferenceModel, OUTPUT_NAME } from '../../src/training/inference-graph.ts';
import { elementCount, type Layer, type Network, planNetwork } from '../../src/training/network.ts';
import type { Parameters } from '../../src/training/parameters.ts';

/** The original's forward pass, worked by hand on two 10x10 pictures; `exact` is float64. */
const worked = JSON.parse(await readFile(new URL('./worked-example.json', import.meta.url), 'utf8'));

const conv: Layer = { kind: 'conv', filters: 1, kernel: 3, stride: 1, padding: 0 };
const relu: Layer = { kind: 'relu' };
const pool: Layer = { kind: 'maxPool', size: 2, stride: 1 };
const STEPS: [string, Layer][] = [
  ['conv1', conv],
  ['relu1', relu],
  ['pool1', pool],
  ['conv2', conv],
  ['relu2', relu],
  ['pool2', pool],
];

/** The first layers, then a dense layer that changes nothing, so that their output can be read. */
function upTo(count: number): { net: Network; parameters: Parameters } {
  const layers = STEPS.slice(0, count).map(([, layer]) => layer);
  const open: Network = {
    name: 'worked',
    input: { channels: 1, height: 10, width: 10 },
    layers: [...layers, { kind: 'flatten' }, { kind: 'dense', units: 1 }],
    output: { kind: 'sigmoid', units: 1 },
  };
  const units = elementCount(planNetwork(open)[count].output);
  const identity = new Float32Array(units * units);
  for (let i = 0; i < units; i++) identity[i * units + i] = 1;
  const net: Network = {
    ...open,
    layers: [...layers, { kind: 'flatten' }, { kind: 'dense', units }],
    output: { kind: 'sigmoid', units },
  };
  const parameters = new Map([
    ['conv1.weight', Float32Array.from(worked.kernel1.flat())],
    ['conv1.bias', new Float32Array(1)],
    ['conv2.weight', Float32Array.from(worked.kernel2.flat())],
    ['conv2.bias', new Float32Array(1)],
    ['dense1.weight', identity],
    ['dense1.bias', new Float32Array(units)],
  ]);
  return { net, parameters };
}

function pixelsOf(name: string): Float32Array<ArrayBuffer> {
  return Float32Array.from(worked.cases[name].pixels.flat(), (value: number) => value / 255);
}

async function outputs(net: Network, parameters: Parameters, input: Float32Array): Promise<number[]> {
  const session = await InferenceSession.create(inferenceModel(net, parameters));
  const results = await session.run({ [INPUT_NAME]: new Tensor('float32', input, [1, 1, 10, 10]) });
  await session.release();
  return Array.from(results[OUTPUT_NAME]?.data as Float32Array);
}

test.each([
  'corrosion',
  'crack',
])('the worked forward pass of the %s picture comes out layer by layer', async (name) => {
  const { exact } = worked.cases[name];
  for (const [index, [step]] of STEPS.entries()) {
    const { net, parameters } = upTo(index + 1);
    const found = await outputs(net, parameters, pixelsOf(name));
    const expected: number[] = exact[step].flat();
    expect(found, step).toHaveLength(expected.length);
    expected.forEach((value, i) => {
      expect(Math.abs(found[i] - value), `${step} ${i}`).toBeLessThan(1e-6);
    });
  }
  const { net, parameters } = upTo(STEPS.length);
  const logits = await outputs(net, parameters, pixelsOf(name));
  logits.forEach((z, i) => {
    expect(Math.abs(1 / (1 + Math.exp(-z)) - exact.sigmoid[i])).toBeLessThan(1e-6);
  });
});

test('one step of gradient descent on the worked example lowers the loss by what the gradient says', async () => {
  const { net, parameters } = upTo(STEPS.length);
  // With bias 0 many values stand exactly at ReLU's kink, where there is no one derivative.
  parameters.get('conv1.bias')?.fill(0.3);
  parameters.get('conv2.bias')?.fill(0.1);
  const runner = await GradientRunner.create(net, { batch: 1, threads: 1 });
  const { units } = net.output;
  const batch = {
    input: pixelsOf('crack'),
    targets: new Float32Array(units).fill(1),
    weights: new Float32Array(units).fill(1),
  };
  const rate = 0.0001;
  const before = await runner.run(parameters, batch);
  const stepped = new Map(
    [...parameters].map(([name, values]) => [
      name,
      values.map((weight, i) => weight - rate * (before.byParameter.get(name)?.[i] ?? 0)),
    ]),
  );
  const after = await runner.run(stepped, batch);
  await runner.close();
  const squares = [...before.byParameter.values()].flatMap((values) =>
    [...values].map((value) => value ** 2),
  );
  const expected = rate * squares.reduce((sum, value) => sum + value, 0);
  expect(expected).toBeGreaterThan(0);
  expect((before.loss - after.loss) / expected).toBeCloseTo(1, 2);
});

test("the lecture's kernel gives 9, 32, 14 and 26", async () => {
  const net: Network = {
    name: 'lecture',
    input: { channels: 1, height: 3, width: 3 },
    layers: [
      { kind: 'conv', filters: 1, kernel: 2, stride: 1, padding: 0, bias: false },
      { kind: 'flatten' },
      { kind: 'dense', units: 4, bias: false },
    ],
    output: { kind: 'sigmoid', units: 4 },
  };
  const parameters = new Map([
    ['conv1.weight', Float32Array.of(1, 1, 0, 1)],
    ['dense1.weight', Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)],
  ]);
  const session = await InferenceSession.create(inferenceModel(net, parameters));
  const input = new Tensor('float32', Float32Array.of(1, 7, 2, 11, 1, 23, 2, 2, 2), [1, 1, 3, 3]);
  const results = await session.run({ [INPUT_NAME]: input });
  await session.release();
  expect([...(results[OUTPUT_NAME]?.data as Float32Array)]).toEqual([9, 32, 14, 26]);
});

test("Adam's first step is the learning rate against the gradient's sign, and its state goes on where it was", () => {
  const start = (): Parameters => new Map([['w', Float32Array.of(1, 1)]]);
  const gradients = new Map([['w', Float32Array.of(3, -0.5)]]);
  const [whole, first] = [start(), start()];
  const adam = new Adam({ ...ADAM_DEFAULTS, learningRate: 0.1 });
  adam.step(whole, gradients);
  expect(whole.get('w')?.[0]).toBeCloseTo(0.9, 5);
  expect(whole.get('w')?.[1]).toBeCloseTo(1.1, 5);
  adam.step(whole, gradients);
  const cut = new Adam({ ...ADAM_DEFAULTS, learningRate: 0.1 });
  cut.step(first, gradients);
  new Adam({ ...ADAM_DEFAULTS, learningRate: 0.1 }, cut.state()).step(first, gradients);
  expect(first).toEqual(whole);
});
