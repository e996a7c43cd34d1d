import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { crc32c } from '../../src/training/crc32c.ts';
import type { Score } from '../../src/training/scorer.ts';
import { confusionOf, TensorBoardRun } from '../../src/training/tensorboard-run.ts';
import type { FitEpoch } from '../../src/training/trainer.ts';
import { readEventFile } from './event-file-reader.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'specta-board-'));
});
afterAll(() => rm(root, { recursive: true }));

const EPOCH: FitEpoch = {
  epoch: 3,
  trainingLoss: 0.25,
  trainingAccuracy: 0.75,
  validationLoss: 0.5,
  validationAccuracy: 0.625,
  learningRate: 0.001,
  seconds: 12,
  best: true,
};

function score(truth: 'crack' | 'corrosion' | 'intact', crack: number, corrosion: number): Score {
  const sample = {
    file: '/x',
    name: 'x',
    group: 'x',
    source: 'x',
    kind: 'still' as const,
    defects: new Set(truth === 'intact' ? [] : [truth]),
    luma: new Uint8Array(1),
  };
  return { sample, probabilities: { crack, corrosion, intact: (1 - crack) * (1 - corrosion) }, loss: 0 };
}

test('the checksum is that of the standard', () => {
  const text = new TextEncoder().encode('123456789');
  expect(crc32c(text)).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(0))).toBe(0);
});

test('an independent reader finds every record whole, in order and with what was shown', async () => {
  const folder = join(root, 'runs', '2-conv-32-nodes-0-dense-1700000000');
  let utcMs = 1_700_000_000_000;
  const run = await TensorBoardRun.create(folder, () => utcMs++);
  const scores = [score('crack', 0.9, 0.1), score('crack', 0.2, 0.1), score('intact', 0.1, 0.7)];
  await run.showEpoch(EPOCH, scores, 'sigmoid');
  await run.showEpoch({ ...EPOCH, epoch: 4, trainingLoss: 0.125 }, scores, 'sigmoid');
  const [name, ...more] = await readdir(folder);
  expect(more).toEqual([]);
  expect(name).toMatch(/^events\.out\.tfevents\.1700000000\../);
  const events = readEventFile(await readFile(join(folder, name)));
  expect(events[0]).toMatchObject({ fileVersion: 'brain.Event:2', wallTime: 1_700_000_000.001 });
  const scalars = (step: number): Record<string, number> =>
    Object.fromEntries(
      events
        .filter((event) => event.step === step)
        .flatMap(({ values }) => values)
        .flatMap(({ tag, scalar }) => (scalar === undefined ? [] : [[tag, scalar]])),
    );
  expect(scalars(3)).toEqual({
    loss: 0.25,
    accuracy: 0.75,
    val_loss: 0.5,
    val_accuracy: 0.625,
    learning_rate: Math.fround(0.001),
  });
  expect(scalars(4)).toMatchObject({ loss: 0.125 });
  const image = events.flatMap(({ values }) => values).find(({ tag }) => tag === 'confusion_matrix')?.image;
  const drawn = await sharp(image?.png).metadata();
  expect(drawn).toMatchObject({ format: 'png', width: image?.width, height: image?.height, channels: 3 });
  const text = events.flatMap(({ values }) => values).find(({ tag }) => tag === 'confusion');
  expect(text).toMatchObject({ plugin: 'text' });
  expect(text?.text).toContain('| crack | 0 | 1 | 1 |');
  expect(confusionOf(scores, 'sigmoid')).toEqual([
    [0, 0, 0],
    [0, 1, 1],
    [1, 0, 0],
  ]);
  const undecided = { ...score('crack', 0.45, 0.25), loss: 0 };
  expect(confusionOf([undecided], 'softmax')[1]).toEqual([0, 1, 0]);
  expect(confusionOf([undecided], 'sigmoid')[1]).toEqual([0, 0, 1]);
});

test('the independent reader tells a changed byte', async () => {
  const folder = join(root, 'changed');
  const run = await TensorBoardRun.create(folder, () => 0);
  await run.show(1, [{ kind: 'scalar', tag: 'loss', value: 1 }]);
  const [name] = await readdir(folder);
  const file = await readFile(join(folder, name));
  for (const at of [3, 9, 20, file.length - 1]) {
    const changed = Buffer.from(file);
    changed[at] ^= 4;
    expect(() => readEventFile(changed)).toThrow();
  }
});
