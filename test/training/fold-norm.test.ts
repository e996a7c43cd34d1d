import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { foldBatchNorm, withoutNorm } from '../../src/training/fold-norm.ts';
import { GradientRunner } from '../../src/training/gradient-runner.ts';
import { INPUT_NAME, inferenceModel, OUTPUT_NAME } from '../../src/training/inference-graph.ts';
import { type Network, networkParameters } from '../../src/training/network.ts';
import { gatherStatistics } from '../../src/training/norm-statistics.ts';
import { parametersOfModel } from '../../src/training/onnx-weights.ts';
import { initialParameters } from '../../src/training/parameters.ts';
import { createRandom } from '../../src/training/random.ts';

const network: Network = {
  name: 'normed',
  input: { channels: 1, height: 14, width: 12 },
  layers: [
    { kind: 'conv', filters: 8, kernel: 3, stride: 2, padding: 1, bias: false },
    { kind: 'batchNorm' },
    { kind: 'relu' },
    { kind: 'depthwise', kernel: 3, stride: 1, padding: 1 },
    { kind: 'batchNorm' },
    { kind: 'conv', filters: 12, kernel: 1, stride: 1, padding: 0, bias: false },
    { kind: 'batchNorm' },
    { kind: 'averagePool', size: 2, stride: 2 },
    { kind: 'globalPool' },
    { kind: 'dense', units: 5, bias: false },
    { kind: 'batchNorm' },
    { kind: 'relu' },
    { kind: 'dropout', rate: 0.4 },
    { kind: 'dense', units: 3 },
  ],
  output: { kind: 'softmax', units: 3 },
};

test('the exported network, folded, says what training said of a batch with the statistics of that batch', async () => {
  const batch = 6;
  const random = createRandom(4);
  const parameters = initialParameters(network, random);
  for (const [name, values] of parameters) {
    if (name.endsWith('.weight')) continue;
    for (let i = 0; i < values.length; i++) values[i] += random.between(0, 0.5);
  }
  const input = Float32Array.from({ length: batch * 14 * 12 }, () => random.normal());
  const undropped = { ...network, layers: network.layers.filter(({ kind }) => kind !== 'dropout') };
  const runner = await GradientRunner.create(undropped, { batch, threads: 1 });
  const units = { targets: new Float32Array(batch * 3), weights: new Float32Array(batch * 3) };
  const { logits, seen } = await runner.run(parameters, { input, ...units });
  await runner.close();
  expect([...seen.keys()]).toHaveLength(8);
  // The first micro-batch of all: its statistics are taken over as they are.
  gatherStatistics(
    parameters,
    [...seen.keys()].filter((name) => name.endsWith('.mean')),
    seen,
    0,
  );
  const file = inferenceModel(network, parameters, batch);
  const session = await InferenceSession.create(file);
  const results = await session.run({ [INPUT_NAME]: new Tensor('float32', input, [batch, 1, 14, 12]) });
  await session.release();
  const served = results[OUTPUT_NAME]?.data as Float32Array;
  served.forEach((value, i) => {
    expect(Math.abs(value - logits[i])).toBeLessThan(1e-5);
  });
  const folded = foldBatchNorm(network, parameters);
  expect(folded.network).toEqual(withoutNorm(network));
  expect(networkParameters(folded.network).map(({ name }) => name)).not.toContain('batchNorm1.scale');
  const read = parametersOfModel(file, folded.network);
  for (const { name } of networkParameters(folded.network)) {
    expect(read.get(name)).toEqual(folded.parameters.get(name));
  }
});

test('running statistics come to the mean and variance of all that was seen', () => {
  const random = createRandom(1);
  const parameters = new Map([
    ['batchNorm1.mean', new Float32Array(1)],
    ['batchNorm1.variance', Float32Array.of(1)],
  ]);
  for (let step = 0; step < 4_000; step++) {
    // Batches whose means differ with variance 4, each of variance 9: 13 in all.
    const seen = new Map([
      ['batchNorm1.mean', Float32Array.of(5 + 2 * random.normal())],
      ['batchNorm1.variance', Float32Array.of(9)],
    ]);
    gatherStatistics(parameters, ['batchNorm1.mean'], seen, step);
  }
  expect(Math.abs((parameters.get('batchNorm1.mean')?.[0] ?? 0) - 5)).toBeLessThan(1.5);
  expect(Math.abs((parameters.get('batchNorm1.variance')?.[0] ?? 0) - 13)).toBeLessThan(4);
});
