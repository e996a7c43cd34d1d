import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Bundle } from '../../src/domain/manifest.ts';
import type { DefectClass } from '../../src/domain/verdict.ts';
import { openBundle } from '../../src/model/bundle.ts';
import { evaluateBundle } from '../../src/training/evaluate.ts';
import { type FieldPicture, writeFieldPictures } from '../../src/training/field-pictures.ts';
import { type DrawnScene, drawPicture, pngOf } from '../../src/training/golden-pictures.ts';
import type { Network } from '../../src/training/network.ts';
import type { OutputHead } from '../../src/training/network-presets.ts';
import { readOnnxWeights } from '../../src/training/onnx-weights.ts';
import { createProgress } from '../../src/training/progress.ts';
import { type TrainRequest, trainBundle } from '../../src/training/train.ts';
import { sourcesOf } from '../../src/training/write-bundle.ts';

// Each test trains whole networks, and other work may share the processor.
vi.setConfig({ testTimeout: 180_000 });

const SIZE = { width: 320, height: 240 };
const KINDS: readonly (readonly [DrawnScene, DefectClass | null])[] = [
  ['rust', 'corrosion'],
  ['crack', 'crack'],
  ['plain', null],
];

let root = '';
let base: Bundle;
let field = '';

const network = (head: OutputHead): Network => ({
  name: 'small',
  input: { channels: 1, height: 48, width: 64 },
  layers: [
    { kind: 'conv', filters: 6, kernel: 3, stride: 1, padding: 0 },
    { kind: 'relu' },
    { kind: 'maxPool', size: 2, stride: 2 },
    { kind: 'flatten' },
    { kind: 'dense', units: head.units },
  ],
  output: head,
});

const now = (): number => performance.now();
const silent = createProgress({ write: () => true }, now);

function train(out: string, changes: Partial<TrainRequest>) {
  const request: TrainRequest = {
    footage: [],
    together: [],
    out: join(root, out),
    network,
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
  return trainBundle(request, silent, now);
}

/** The same scenes as a camera in other water gives them: half as bright, and grey. */
async function seenInTheField(scene: DrawnScene, seed: number): Promise<Uint8Array> {
  const picture = drawPicture(scene, seed);
  return pngOf({ ...picture, luma: picture.luma.map((level) => 20 + level * 0.35) });
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'specta-fine-'));
  for (const [scene, defect] of KINDS) {
    const folder = join(root, 'data', defect ?? 'intact');
    await mkdir(folder, { recursive: true });
    for (let i = 0; i < 14; i++) {
      await writeFile(join(folder, `drawn_${i}.png`), await pngOf(drawPicture(scene, 100 + i)));
    }
  }
  base = (await train('models/base/0.1.0', { data: join(root, 'data') })).bundle;

  const pictures: FieldPicture[] = [];
  for (let i = 0; i < 18; i++) {
    const [scene, defect] = KINDS[i % KINDS.length];
    const file = join(root, `still-${i}.png`);
    const bytes = await seenInTheField(scene, 500 + i);
    await writeFile(file, bytes);
    pictures.push({
      file,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      ...SIZE,
      defects: new Set(defect ? [defect] : []),
      boxes: [],
      vehicle: 'rov-1',
      run: `R-${Math.floor(i / 3)}`,
      finding: `F-${i}`,
      sequence: i,
      capturedUtcMs: i,
      review: { said: defect ? 'confirmed' : 'rejected', by: null, note: null },
      model: base.digest,
    });
  }
  field = join(root, 'field');
  await writeFieldPictures(field, pictures, '2026-01-01T00:00:00.000Z');
}, 180_000);

afterAll(() => rm(root, { recursive: true }));

async function onTheField(bundle: Bundle): Promise<{ recall: number; error: number }> {
  const request = { data: field, footage: [], together: [], bundle, everything: true, threads: 1 };
  const { report, asIs } = await evaluateBundle(request, silent, now);
  return { recall: report.balancedRecall.network ?? 0, error: asIs.measures?.reliability.error ?? 1 };
}

async function weightsOf(bundle: Bundle) {
  return readOnnxWeights(await readFile(join(bundle.folder, 'model.onnx')));
}

test('a bundle that is fine-tuned on reviewed findings gets better at them, verifies, and says where it comes from', async () => {
  const before = await onTheField(base);
  const { bundle } = await train('models/base/0.2.0', {
    data: field,
    initial: base,
    epochs: 10,
    learningRate: 1e-3,
  });
  const after = await onTheField(bundle);
  expect(after.recall).toBeGreaterThan(before.recall + 0.15);

  const { manifest } = await openBundle(bundle.folder);
  const { provenance, defects, calibration } = manifest;
  expect(provenance.trainer).toContain(`going on from base@0.1.0 (${base.digest.slice(0, 12)})`);
  expect(provenance.trainedOn).toMatch(/^field-rov-1 \(\d+\); before, as base@0\.1\.0: drawn \(\d+\)$/);
  // What base has not seen is still unseen; nothing that was learnt from is among it.
  expect(provenance.heldOutGroups).toEqual(
    expect.arrayContaining([...base.manifest.provenance.heldOutGroups]),
  );
  // Six validation pictures cannot choose thresholds.
  expect(defects).toEqual(base.manifest.defects);
  expect(calibration).toEqual(base.manifest.calibration);
  const card = await readFile(join(bundle.folder, 'MODEL_CARD.md'), 'utf8');
  expect(card).toContain('Thresholds are those of the bundle that was gone on from');
});

test('with the last layer only, the others stay as they were to the last bit', async () => {
  const { bundle } = await train('models/last/0.2.0', {
    data: field,
    initial: base,
    epochs: 3,
    learningRate: 1e-3,
    trainLayers: 'last',
  });
  const [from, to] = [await weightsOf(base), await weightsOf(bundle)];
  expect(to.get('conv1.weight')?.data).toEqual(from.get('conv1.weight')?.data);
  expect(to.get('conv1.bias')?.data).toEqual(from.get('conv1.bias')?.data);
  expect(to.get('dense1.weight')?.data).not.toEqual(from.get('dense1.weight')?.data);
  expect(bundle.manifest.provenance.trainer).toContain('the last layer only');
});

test('the sources that a bundle has learnt from are read out of its words, whatever they are called', () => {
  const trainedOn =
    'field-rov-1 (12), my photos (2) (5), rusty, old (3); before, as base@0.1.0: drawn (24); before, as x@0.0.1: acg (1)';
  const provenance = { ...base.manifest.provenance, trainedOn };
  expect([...sourcesOf(provenance)]).toEqual(['field-rov-1', 'my photos (2)', 'rusty, old', 'drawn', 'acg']);
});

test('a second fine-tuning on the same runs does not measure on what the first has learnt', async () => {
  const { bundle } = await train('models/base/0.3.0', { data: field, initial: base, epochs: 1 });
  await expect(
    train('models/base/0.4.0', { data: field, initial: bundle, epochs: 1, seed: 6 }),
  ).rejects.toThrow(/were not held out when base@0\.3\.0 was trained/);
});
