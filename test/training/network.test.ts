import { expect, test } from 'vitest';
import {
  elementCount,
  type Network,
  networkParameters,
  parameterCount,
  planNetwork,
  windowOutput,
} from '../../src/training/network.ts';
import { parseGrid } from '../../src/training/network-grid.ts';
import {
  DEFECT_HEAD,
  PRESET_NAMES,
  presetHead,
  presetNetwork,
  runNameOf,
} from '../../src/training/network-presets.ts';
import { summaryLines } from '../../src/training/network-summary.ts';

const original = presetNetwork('specta-32x2', { kind: 'sigmoid', units: 1 });

test('the original network has the shapes and the 316,897 parameters of its published summary', () => {
  const plan = planNetwork(original);
  expect(plan.map(({ name, output }) => [name, ...output])).toEqual([
    ['conv1', 32, 398, 398],
    ['relu1', 32, 398, 398],
    ['maxPool1', 32, 199, 199],
    ['conv2', 32, 197, 197],
    ['relu2', 32, 197, 197],
    ['maxPool2', 32, 98, 98],
    ['dropout1', 32, 98, 98],
    ['flatten1', 307_328],
    ['dense1', 1],
  ]);
  const counts = plan
    .map(({ parameters }) => parameters.reduce((sum, { dims }) => sum + elementCount(dims), 0))
    .filter((count) => count > 0);
  expect(counts).toEqual([320, 9_248, 307_329]);
  expect(parameterCount(original)).toBe(316_897);
});

test('two independent sigmoids only add a second dense unit', () => {
  expect(parameterCount(presetNetwork('specta-32x2', DEFECT_HEAD))).toBe(320 + 9_248 + 2 * 307_329);
});

test.each([
  [3, 2, 0, 1, 2],
  [32, 5, 0, 1, 28],
  [5, 3, 1, 2, 3],
  [5, 3, 1, 1, 5],
])('a side of %i under a window of %i with padding %i and stride %i gives %i', (side, window, padding, stride, out) => {
  expect(windowOutput(side, window, stride, padding)).toBe(out);
});

test.each([
  [6, 5, 1, 156],
  [16, 5, 6, 2_416],
])('%i filters of side %i over %i channels have shared weights: %i', (filters, kernel, channels, count) => {
  const network: Network = {
    name: 'one-conv',
    input: { channels, height: 14, width: 14 },
    layers: [
      { kind: 'conv', filters, kernel, stride: 1, padding: 0 },
      { kind: 'flatten' },
      { kind: 'dense', units: 1 },
    ],
    output: { kind: 'sigmoid', units: 1 },
  };
  const [weight, bias] = networkParameters(network);
  expect(elementCount(weight?.dims ?? []) + elementCount(bias?.dims ?? [])).toBe(count);
});

test('a network whose layers do not fit names the layer', () => {
  const broken = (layers: Network['layers']): Network => ({ ...original, layers });
  expect(() => planNetwork(broken([{ kind: 'dense', units: 1 }]))).toThrow(/dense1/);
  expect(() => planNetwork(broken([{ kind: 'flatten' }, { kind: 'relu' }]))).toThrow(
    /its output wants \[1\]/,
  );
  expect(() =>
    planNetwork(broken([{ kind: 'conv', filters: 1, kernel: 401, stride: 1, padding: 0 }])),
  ).toThrow(/conv1 slides a window of 401/);
  expect(() => planNetwork(broken([{ kind: 'dropout', rate: 1 }]))).toThrow(/dropout1 has rate 1/);
  expect(() => presetNetwork('none', DEFECT_HEAD)).toThrow(/no network called none/);
});

test('LeNet-5 has the shapes and the 61,706 parameters of the lecture', () => {
  const lenet = presetNetwork('lenet5', presetHead('lenet5') ?? DEFECT_HEAD);
  const plan = planNetwork(lenet);
  const counted = plan
    .filter(({ layer }) => layer.kind !== 'relu')
    .map(({ name, output, parameters }) => [
      name,
      output.join('x'),
      parameters.reduce((sum, { dims }) => sum + elementCount(dims), 0),
    ]);
  expect(counted).toEqual([
    ['conv1', '6x28x28', 156],
    ['averagePool1', '6x14x14', 0],
    ['conv2', '16x10x10', 2_416],
    ['averagePool2', '16x5x5', 0],
    ['flatten1', '400', 0],
    ['dense1', '120', 48_120],
    ['dense2', '84', 10_164],
    ['dense3', '10', 850],
  ]);
  expect(parameterCount(lenet)).toBe(61_706);
  const summary = summaryLines(lenet);
  expect(summary.at(-1)).toMatch(/^in all +61,706$/);
  expect(summary.find((line) => line.startsWith('conv2'))).toMatch(/16 x 10 x 10 +2,416$/);
});

test("the original's grid: every point has its name, its layers and its run name", () => {
  expect(parseGrid('1,2/32,64/0,1')).toEqual([
    '1-conv-32-nodes-0-dense',
    '1-conv-32-nodes-1-dense',
    '1-conv-64-nodes-0-dense',
    '1-conv-64-nodes-1-dense',
    '2-conv-32-nodes-0-dense',
    '2-conv-32-nodes-1-dense',
    '2-conv-64-nodes-0-dense',
    '2-conv-64-nodes-1-dense',
  ]);
  const point = presetNetwork('2-conv-32-nodes-0-dense', { kind: 'sigmoid', units: 1 });
  expect(point.layers).toEqual(original.layers);
  expect(runNameOf(original, 1_580_000_000_123)).toBe('2-conv-32-nodes-0-dense-1580000000');
  const deeper = presetNetwork('3-conv-64-nodes-2-dense', DEFECT_HEAD);
  expect(runNameOf(deeper, 0)).toBe('3-conv-64-nodes-2-dense-0');
  expect(deeper.layers.filter(({ kind }) => kind === 'conv')).toHaveLength(3);
  expect(deeper.layers.filter(({ kind }) => kind === 'dense')).toHaveLength(3);
  for (const wrong of ['', '1/2', '0/32/0', '1/32/x', '1/32/0/1', '1,/32/0']) {
    expect(() => parseGrid(wrong), wrong).toThrow(/is no grid/);
  }
});

test('every preset takes another picture size and any output', () => {
  for (const name of PRESET_NAMES) {
    const network = presetNetwork(
      name,
      { kind: 'softmax', units: 3 },
      { width: 96, height: 64, channels: 3 },
    );
    const plan = planNetwork(network);
    expect(plan[0].input).toEqual([3, 64, 96]);
    expect(plan.at(-1)?.output).toEqual([3]);
  }
});

test('batch normalisation stands directly behind a convolution or dense layer, or nowhere', () => {
  const broken = (layers: Network['layers']): Network => ({ ...original, layers });
  expect(() => planNetwork(broken([{ kind: 'batchNorm' }]))).toThrow(/batchNorm1 follows the input/);
  expect(() => planNetwork(broken([{ kind: 'relu' }, { kind: 'batchNorm' }]))).toThrow(/follows relu/);
});
