import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openBundle } from '../../src/model/bundle.ts';
import { evaluateBundle } from '../../src/training/evaluate.ts';
import { drawPicture, pngOf } from '../../src/training/golden-pictures.ts';
import type { Network } from '../../src/training/network.ts';
import { type OutputHead, presetNetwork } from '../../src/training/network-presets.ts';
import { createProgress } from '../../src/training/progress.ts';
import { type TrainRequest, trainBundle } from '../../src/training/train.ts';
import { createOnnxEngine } from '../../src/vision/engine/onnx.ts';
import { checkGoldenInputs, checkNetworkFits } from '../../src/vision/golden.ts';
import { DEFAULT_DECODE_LIMITS } from '../../src/vision/picture.ts';
import { readEventFile } from './event-file-reader.ts';

// Each test trains whole networks, and other work may share the processor.
vi.setConfig({ testTimeout: 180_000 });

let root = '';
/** What most tests look at, trained once; later ones go on from it or must come to the same. */
let drawn: Awaited<ReturnType<typeof train>>;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'specta-train-'));
  for (const [className, scene] of [
    ['corrosion', 'rust'],
    ['crack', 'crack'],
    ['intact', 'plain'],
  ] as const) {
    const folder = join(root, 'data', className);
    await mkdir(folder, { recursive: true });
    for (let i = 0; i < 14; i++) {
      await writeFile(join(folder, `drawn_${i}.png`), await pngOf(drawPicture(scene, 100 + i)));
    }
  }
  drawn = await train('models/drawn/0.1.0');
}, 180_000);
afterAll(() => rm(root, { recursive: true }));

const small = (head: OutputHead): Network => ({
  name: 'small',
  input: { channels: 1, height: 48, width: 64 },
  layers: [
    { kind: 'conv', filters: 6, kernel: 3, stride: 1, padding: 0 },
    { kind: 'relu' },
    { kind: 'maxPool', size: 2, stride: 2 },
    { kind: 'dropout', rate: 0.1 },
    { kind: 'flatten' },
    { kind: 'dense', units: head.units },
  ],
  output: head,
});

function request(out: string, changes: Partial<TrainRequest> = {}): TrainRequest {
  return {
    data: join(root, 'data'),
    footage: [],
    together: [],
    out: join(root, out),
    network: small,
    output: 'sigmoid',
    normalisation: 'none',
    epochs: 6,
    batch: 4,
    microBatch: 2,
    learningRate: 3e-3,
    threads: 1,
    seed: 5,
    shares: { validation: 0.2, heldOut: 0.2 },
    falseAlertRate: 0.02,
    writeEachBest: false,
    ...changes,
  };
}

const now = (): number => performance.now();

function train(out: string, changes: Partial<TrainRequest> = {}, signal?: AbortSignal) {
  const lines: string[] = [];
  const progress = createProgress({ write: (text: string) => lines.push(text) }, now);
  return trainBundle(request(out, changes), progress, now, signal).then((result) => ({ ...result, lines }));
}

test('training drawn pictures gives a bundle that verifies, serves and is measured on held-out pictures', async () => {
  const { bundle, report, epochs, lines } = drawn;
  expect(epochs).toHaveLength(6);
  expect(epochs[5].trainingLoss).toBeLessThan(epochs[0].trainingLoss);
  const { manifest } = await openBundle(bundle.folder);
  expect(manifest).toMatchObject({
    name: 'drawn',
    version: '0.1.0',
    classes: ['corrosion', 'crack', 'intact'],
    output: { kind: 'sigmoid', classes: ['corrosion', 'crack'] },
    defects: { crack: { severity: 'critical' }, corrosion: { severity: 'medium' } },
  });
  expect(manifest.provenance.heldOutGroups).toHaveLength(report.count);
  expect(manifest.files.map(({ path }) => path)).toEqual([
    'MODEL_CARD.md',
    'golden/crack-in-rust.png',
    'golden/crack.png',
    'golden/plain.png',
    'golden/rust.png',
    'model.onnx',
    'tfjs/model.json',
    'tfjs/weights.bin',
  ]);
  const engine = await createOnnxEngine({
    modelFile: join(bundle.folder, 'model.onnx'),
    provider: 'cpu',
    threads: 1,
  });
  checkNetworkFits(manifest, engine);
  await checkGoldenInputs(bundle, engine, DEFAULT_DECODE_LIMITS);
  await engine.close();
  expect(lines.join('')).toContain('shortcut baseline');
  const { temperature } = manifest.calibration;
  expect(temperature).toBeGreaterThanOrEqual(1);
  const card = await readFile(join(bundle.folder, 'MODEL_CARD.md'), 'utf8');
  expect(card).toContain(temperature === 1 ? 'temperature 1' : `divided by ${temperature}`);

  const silent = createProgress({ write: () => true }, now);
  const evaluation = await evaluateBundle(
    { data: join(root, 'data'), footage: [], together: [], bundle, everything: false, threads: 1 },
    silent,
    now,
  );
  expect(evaluation.report.balancedRecall).toEqual(report.balancedRecall);
  expect(evaluation.missing).toEqual([]);

  // The same measure over what another program said: here it calls everything a crack and leaves one picture out.
  const files = ['corrosion', 'crack', 'intact'].flatMap((name) =>
    Array.from({ length: 14 }, (_, i) => `${name}/drawn_${i}.png`),
  );
  const [left] = manifest.provenance.heldOutGroups;
  const verdicts = join(root, 'verdicts.jsonl');
  const spoken = files
    .filter((name) => name !== left)
    .map((name) => JSON.stringify({ file: join(root, 'data', name), label: 'crack' }));
  await writeFile(verdicts, spoken.join('\n'));
  const judged = await evaluateBundle(
    { data: join(root, 'data'), footage: [], together: [], bundle, everything: false, threads: 1, verdicts },
    silent,
    now,
  );
  expect(judged.missing).toEqual([join(root, 'data', left)]);
  expect(judged.report.count).toBe(report.count - 1);
  expect(judged.report.recall).toMatchObject({ crack: { network: 1 }, intact: { network: 0 } });
});

function weightsOf({ bundle }: Awaited<ReturnType<typeof train>>): string | undefined {
  return bundle.manifest.files.find(({ path }) => path === 'model.onnx')?.sha256;
}

test('the same seed trains the same network', async () => {
  expect(weightsOf(await train('models/again/0.0.1'))).toBe(weightsOf(drawn));
});

test('a softmax over three classes trains and serves too', async () => {
  const { bundle } = await train('models/soft/0.1.0', { output: 'softmax', epochs: 2 });
  expect(bundle.manifest.output).toEqual({ kind: 'softmax', classes: ['corrosion', 'crack', 'intact'] });
});

test('thresholds that are named are those of the bundle, and its card says where they come from', async () => {
  const thresholds = { corrosion: 0.45, crack: 0.6, intact: 0.3 };
  const { bundle } = await train('models/named/0.1.0', {
    epochs: 1,
    average: 0.9,
    thresholds,
    classWeights: { crack: 2 },
  });
  expect(bundle.manifest).toMatchObject({
    defects: { corrosion: { on: 0.45, off: 0.41 }, crack: { on: 0.6, off: 0.55 } },
    intactThreshold: 0.3,
  });
  const card = await readFile(join(bundle.folder, 'MODEL_CARD.md'), 'utf8');
  expect(card).toContain('| crack | 0.6 | 0.55 |');
  expect(card).toContain('those that suited pictures of left-out sources');
  expect(card).toContain('Classes weighted evenly, then crack 2 times.');
});

test('a new training, of another seed, replaces the bundle whole; a stopped one leaves it as it was and nothing beside it', async () => {
  const first = await train('models/kept/0.1.0', { epochs: 2, writeEachBest: true });
  const second = await train('models/kept/0.1.0', { epochs: 2, seed: 9 });
  expect(second.bundle.digest).not.toBe(first.bundle.digest);
  expect(weightsOf(second)).not.toBe(weightsOf(first));
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 30);
  await expect(train('models/kept/0.1.0', { epochs: 500 }, stop.signal)).rejects.toThrow();
  expect((await openBundle(join(root, 'models/kept/0.1.0'))).digest).toBe(second.bundle.digest);
  expect(await readdir(join(root, 'models/kept'))).toEqual(['0.1.0']);
});

test('training goes on from a bundle with the same held-out groups, and refuses one that has seen them', async () => {
  const initial = drawn.bundle;
  const next = await train('models/on/0.2.0', { epochs: 1, learningRate: 1e-9, initial });
  const [before, after] = [drawn, next].map(({ report }) => report.network);
  expect(after).toEqual(before);
  expect(next.bundle.manifest.provenance.trainer).toContain('going on from drawn@0.1.0');
  await expect(train('models/on/0.3.0', { initial, seed: 77 })).rejects.toThrow(
    /were not held out when drawn@0.1.0 was trained/,
  );
  await expect(train('models/on/0.3.0', { initial, output: 'softmax' })).rejects.toThrow(/dense1.weight/);
});

test('a place that can take no bundle is refused before anything is read, and what stands there stays', async () => {
  const unread = { data: join(root, 'no such data') };
  await mkdir(join(root, 'mine/1.0.0'), { recursive: true });
  await writeFile(join(root, 'mine/1.0.0/thesis.txt'), 'years of work');
  await writeFile(join(root, 'a-file'), '');
  for (const [out, words] of [
    ['mine/1.0.0', { code: 'USAGE', message: expect.stringContaining('is there already and is no bundle') }],
    ['models/no version', { code: 'USAGE' }],
    ['Capitals/1.0.0', { code: 'USAGE' }],
    ['a-file/deeper/net/1.0.0', { code: 'DISK_FAILED' }],
  ] as const) {
    await expect(train(out, unread)).rejects.toMatchObject(words);
  }
  expect(await readdir(join(root, 'mine/1.0.0'))).toEqual(['thesis.txt']);
  expect(existsSync(join(root, 'Capitals'))).toBe(false);
  await expect(train('models/fresh/1.0.0', unread)).rejects.toMatchObject({ code: 'FOLDER_UNREADABLE' });
  const network = (head: OutputHead) =>
    presetNetwork('9-conv-4-nodes-0-dense', head, { width: 48, height: 48 });
  await expect(train('models/fresh/1.0.0', { ...unread, network })).rejects.toThrow(/conv5 slides a window/);
});

test('a training that runs away is ended in its own words, and gives no bundle', async () => {
  await expect(train('models/wild/0.1.0', { learningRate: 1e30 })).rejects.toMatchObject({
    code: 'ENGINE_FAILED',
    help: expect.stringContaining('--learning-rate'),
  });
  expect(existsSync(join(root, 'models/wild'))).toBe(false);
});

test('a data set too small to hold a class out says which class is missing', async () => {
  const list = join(root, 'one-group.csv');
  const rows = ['corrosion', 'crack', 'intact'].flatMap((name) =>
    Array.from({ length: 14 }, (_, i) => `data/${name}/drawn_${i}.png,${name}`),
  );
  await writeFile(list, `file,group\n${rows.join('\n')}\n`);
  await expect(train('models/none/0.1.0', { manifest: list })).rejects.toThrow(/side has no picture of/);
  await expect(train('models/none/0.1.0', { limit: 1 })).rejects.toThrow(
    /the training side has no picture of .*, /,
  );
});

test('early stopping ends a training that gets no better, and TensorBoard has an event for each epoch', async () => {
  const board = join(root, 'board');
  const { epochs } = await train('models/early/0.1.0', {
    epochs: 40,
    patience: 1,
    learningRate: 0.02,
    network: (head) => presetNetwork('1-conv-4-nodes-0-dense', head, { width: 64, height: 48 }),
    classWeights: { crack: 2 },
    tensorboard: board,
  });
  expect(epochs.length).toBeLessThan(40);
  expect(epochs.map(({ best }) => best)).toEqual(epochs.map(({ epoch }) => epoch < epochs.length));
  const [run] = await readdir(board);
  expect(run).toMatch(/^1-conv-4-nodes-0-dense-\d{10}$/);
  const [file] = await readdir(join(board, run));
  const events = readEventFile(await readFile(join(board, run, file)));
  const losses = events.flatMap(({ step, values }) =>
    values.flatMap(({ tag, scalar }) => (tag === 'loss' ? [[step, scalar]] : [])),
  );
  expect(losses).toEqual(epochs.map(({ epoch, trainingLoss }) => [epoch, Math.fround(trainingLoss)]));
  const tags = events.flatMap(({ values }) => values.map(({ tag }) => tag));
  expect(tags).toContain('augmented');
  expect(tags).toContain('confusion_matrix');
});
