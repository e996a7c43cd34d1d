import { expect, test } from 'vitest';
import {
  elementCount,
  type Network,
  networkParameters,
  parameterCount,
  planNetwork,
  windowOutput,
} from '../../src/training/network.ts';
import { DEFECT_HEAD, presetNetwork } from '../../src/training/network-presets.ts';

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
