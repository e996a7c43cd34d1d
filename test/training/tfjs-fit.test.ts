import { expect, test, vi } from 'vitest';
import type { DefectClass } from '../../src/domain/verdict.ts';
import type { AugmentOptions } from '../../src/training/augment.ts';
import { AUGMENT_DEFAULTS } from '../../src/training/augment.ts';
import { fitNetwork } from '../../src/training/fit.ts';
import { drawPicture } from '../../src/training/golden-pictures.ts';
import type { Layer, Network } from '../../src/training/network.ts';
import { initialParameters, type Parameters } from '../../src/training/parameters.ts';
import { createRandom } from '../../src/training/random.ts';
import type { Sample } from '../../src/training/samples.ts';
import { createTfjsTrainer } from '../../src/training/tfjs-fit.ts';
import { startTrainingRuntime } from '../../src/training/tfjs-training-runtime.ts';
import type { FitOptions } from '../../src/training/trainer.ts';
import { createPreprocessor } from '../../src/vision/preprocess.ts';

// TensorFlow.js' plain JavaScript backend is slow, and other work may share the processor.
vi.setConfig({ testTimeout: 120_000 });

const SIZE = { width: 32, height: 24 };
const AUGMENT: AugmentOptions = AUGMENT_DEFAULTS;
const PREPROCESSING = {
  channels: 'luma',
  resize: 'bilinear',
  normalisation: 'standard',
  scale: 1 / 255,
} as const;

const SCENES: readonly (readonly ['rust' | 'crack' | 'plain', readonly DefectClass[]])[] = [
  ['rust', ['corrosion']],
  ['crack', ['crack']],
  ['plain', []],
];

function samplesOf(count: number, seed: number): Sample[] {
  const preprocessor = createPreprocessor(PREPROCESSING, SIZE);
  return Array.from({ length: count }, (_, index) => {
    const [scene, defects] = SCENES[index % SCENES.length];
    const { width, height, luma } = drawPicture(scene, seed + index);
    const { small } = preprocessor.run({ width, height, data: luma });
    const name = `drawn_${seed}_${index}`;
    return {
      file: name,
      name,
      group: name,
      source: 'drawn',
      kind: 'still',
      defects: new Set(defects),
      luma: Uint8Array.from(small),
    };
  });
}

function networkOf(kind: 'sigmoid' | 'softmax', layers: readonly Layer[]): Network {
  const units = kind === 'softmax' ? 3 : 2;
  return {
    name: 'small',
    input: { channels: 1, ...SIZE },
    layers: [...layers, { kind: 'dense', units }],
    output: { kind, units },
  };
}

function optionsOf(kind: 'sigmoid' | 'softmax', changes: Partial<FitOptions> = {}): FitOptions {
  return {
    rules: {
      preprocessing: PREPROCESSING,
      classes: ['corrosion', 'crack', 'intact'],
      output: {
        kind,
        classes: kind === 'softmax' ? ['corrosion', 'crack', 'intact'] : ['corrosion', 'crack'],
      },
      calibration: { temperature: 1 },
    },
    augment: AUGMENT,
    epochs: 2,
    batch: 4,
    microBatch: 4,
    learningRate: 2e-3,
    threads: 1,
    seed: 3,
    now: () => performance.now(),
    ...changes,
  };
}

const LAYERS: readonly Layer[] = [
  { kind: 'conv', filters: 4, kernel: 3, stride: 1, padding: 1 },
  { kind: 'relu' },
  { kind: 'maxPool', size: 2, stride: 2 },
  { kind: 'depthwise', kernel: 3, stride: 2, padding: 1 },
  { kind: 'relu' },
  { kind: 'flatten' },
  { kind: 'dense', units: 5 },
  { kind: 'relu' },
];

const trainer = async () => createTfjsTrainer(await startTrainingRuntime('cpu', null));

function farthest(a: Parameters, b: Parameters): number {
  expect([...a.keys()]).toEqual([...b.keys()]);
  return Math.max(
    ...[...a].flatMap(([name, values]) => {
      const others = b.get(name) ?? new Float32Array();
      expect(values).toHaveLength(others.length);
      return [...values].map((value, index) => Math.abs(value - others[index]));
    }),
  );
}

test.each([
  'sigmoid',
  'softmax',
] as const)('model.fit comes to the same weights as the gradient graph, from the same seed (%s)', async (kind) => {
  const [training, validation] = [samplesOf(10, 100), samplesOf(6, 900)];
  const network = networkOf(kind, LAYERS);
  const own = await fitNetwork(network, training, validation, optionsOf(kind));
  const steps: number[] = [];
  const theirs = await (await trainer())(
    network,
    training,
    validation,
    optionsOf(kind, { onStep: ({ epoch, step }) => steps.push(epoch * 10 + step) }),
  );
  expect(steps).toEqual([11, 12, 13, 21, 22, 23]);
  expect(farthest(theirs.parameters, own.parameters)).toBeLessThan(1e-3);
  for (const [index, epoch] of theirs.epochs.entries()) {
    expect(epoch.trainingLoss).toBeCloseTo(own.epochs[index].trainingLoss, 3);
    expect(epoch.trainingAccuracy).toBeCloseTo(own.epochs[index].trainingAccuracy, 6);
    expect(epoch.validationLoss).toBeCloseTo(own.epochs[index].validationLoss, 3);
    expect(epoch.learningRate).toBeCloseTo(own.epochs[index].learningRate, 9);
    expect(epoch.best).toBe(own.epochs[index].best);
  }
});

test('batch normalisation, global pooling and dropout train; what comes out has every parameter and average', async () => {
  const network = networkOf('sigmoid', [
    { kind: 'conv', filters: 4, kernel: 3, stride: 2, padding: 1, bias: false },
    { kind: 'batchNorm' },
    { kind: 'relu' },
    { kind: 'averagePool', size: 2, stride: 2 },
    { kind: 'globalPool' },
    { kind: 'dropout', rate: 0.2 },
  ]);
  const training = samplesOf(12, 200);
  const { parameters, epochs } = await (await trainer())(network, training, training, {
    ...optionsOf('sigmoid', { epochs: 8, learningRate: 0.03 }),
  });
  expect([...parameters.keys()]).toEqual([...initialParameters(network, createRandom(1)).keys()].sort(order));
  // Dropout is drawn anew each time: some epoch is better than the first, whichever.
  expect(Math.min(...epochs.slice(1).map(({ trainingLoss }) => trainingLoss))).toBeLessThan(
    epochs[0].trainingLoss,
  );
  expect(parameters.get('batchNorm1.mean')).not.toEqual(new Float32Array(4));
});

/** Statistics stand behind their layer's parameters, layer by layer. */
function order(a: string, b: string): number {
  const place = (name: string): number => ['conv1', 'batchNorm1', 'dense1'].indexOf(name.split('.')[0]);
  return place(a) - place(b);
}

test('only what is trainable changes, early stopping and stopping work, checkpoints are refused', async () => {
  const train = await trainer();
  const training = samplesOf(6, 300);
  const network = networkOf('sigmoid', LAYERS);
  const startFrom = initialParameters(network, createRandom(9));
  const last = await train(network, training, [], {
    ...optionsOf('sigmoid', { startFrom, trainable: new Set(['dense2.weight', 'dense2.bias']) }),
  });
  expect(last.parameters.get('conv1.weight')).toEqual(startFrom.get('conv1.weight'));
  expect(last.parameters.get('dense2.weight')).not.toEqual(startFrom.get('dense2.weight'));

  const hot = optionsOf('sigmoid', { epochs: 30, learningRate: 0.5, patience: 1 });
  const early = await train(network, training, samplesOf(3, 990), hot);
  expect(early.epochs.length).toBeLessThan(30);

  const stop = new AbortController();
  stop.abort();
  await expect(
    train(network, training, [], optionsOf('sigmoid', { signal: stop.signal })),
  ).rejects.toMatchObject({ name: 'AbortError' });
  const checkpoint = { file: 'nowhere', everySteps: 1 };
  await expect(train(network, training, [], optionsOf('sigmoid', { checkpoint }))).rejects.toMatchObject({
    code: 'USAGE',
  });
});

test('without tfjs-node nothing is trained in secret on something slower', async () => {
  await expect(startTrainingRuntime(null, null)).rejects.toMatchObject({
    code: 'PROVIDER_ABSENT',
    help: expect.stringContaining('--tfjs-backend'),
  });
});
