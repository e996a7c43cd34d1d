import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBundle } from '../../src/model/bundle.ts';
import { nodeFiles } from '../../src/platform/files.ts';
import { type Checkpoint, CheckpointFile, fingerprintOf } from '../../src/training/checkpoint.ts';
import { drawPicture, pngOf } from '../../src/training/golden-pictures.ts';
import type { FitEpoch } from '../../src/training/trainer.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'specta-checkpoint-'));
  for (const [className, scene, seed] of [
    ['corrosion', 'rust', 300],
    ['crack', 'crack', 400],
    ['intact', 'plain', 500],
  ] as const) {
    const folder = join(root, 'data', className);
    await mkdir(folder, { recursive: true });
    for (let i = 0; i < 12; i++) {
      await writeFile(join(folder, `drawn_${i}.png`), await pngOf(drawPicture(scene, seed + i)));
    }
  }
});
afterAll(() => rm(root, { recursive: true }));

const SCRIPT = fileURLToPath(new URL('../../scripts/train.ts', import.meta.url));
/** Batch normalisation, dropout, augmentation and a micro-batch that does not divide the pictures: all that could differ. */
const OPTIONS = [
  '--network',
  'separable-tiny',
  '--size',
  '64x48',
  '--epochs',
  '4',
  '--micro-batch',
  '3',
  '--average',
  '0.9',
];

function train(out: string, ...more: string[]) {
  const folders = ['--data', join(root, 'data'), '--out', join(root, out)];
  const steps = ['--batch', '4', '--checkpoint-steps', '1'];
  const child = spawn(process.execPath, [SCRIPT, ...folders, ...OPTIONS, ...steps, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => {
      said += text.toString();
    });
  }
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? code));
  });
  return { child, ended, said: () => said };
}

async function weightsOf(out: string): Promise<string | undefined> {
  const { manifest } = await openBundle(join(root, out));
  return manifest.files.find(({ path }) => path === 'model.onnx')?.sha256;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('a training killed in mid-epoch and gone on with, twice, has the weights of one that was let run', async () => {
  const whole = train('models/whole/0.0.1', '--threads', '1');
  expect(await whole.ended, whole.said()).toBe(0);

  const file = join(root, 'cut.checkpoint');
  const options = ['--checkpoint', file, '--threads', '2'];
  for (const _ of [1, 2]) {
    const before = existsSync(file) ? (await stat(file)).ino : 0;
    const cut = train('models/cut/0.0.1', ...options);
    // A rename gives the file a new inode: three steps further, and the run has not come to its end.
    let seen = before;
    for (let written = 0; written < 3; written++) {
      await until(async () => existsSync(file) && (await stat(file)).ino !== seen);
      seen = (await stat(file)).ino;
    }
    cut.child.kill('SIGKILL');
    expect(await cut.ended, cut.said()).toBe('SIGKILL');
    expect(existsSync(join(root, 'models/cut/0.0.1'))).toBe(false);
  }
  const last = train('models/cut/0.0.1', ...options);
  expect(await last.ended, last.said()).toBe(0);
  expect(last.said()).toMatch(/going on after \d epochs and \d+ steps/);
  expect(await weightsOf('models/cut/0.0.1')).toBe(await weightsOf('models/whole/0.0.1'));
  expect(existsSync(file)).toBe(false);
}, 240_000);

test('a training that is told to stop keeps where it stands; a checkpoint that cannot be written ends it at once', async () => {
  const file = join(root, 'stopped.checkpoint');
  const stopped = train('models/stopped/0.0.1', '--checkpoint', file, '--epochs', '400');
  await until(() => existsSync(file));
  stopped.child.kill('SIGINT');
  expect(await stopped.ended, stopped.said()).toBe(130);
  expect(stopped.said()).toMatch(/Stopped\. No bundle was written\. The same command goes on/);
  expect(existsSync(join(root, 'models/stopped'))).toBe(false);

  const nowhere = train('models/nowhere/0.0.1', '--checkpoint', '/proc/specta.checkpoint');
  expect(await nowhere.ended).toBe(74);
  expect(nowhere.said()).toMatch(/\[DISK_FAILED\]/);
  expect(nowhere.said()).not.toMatch(/epoch 1\/4 {2}/);
}, 120_000);

const CHECKPOINT: Checkpoint = {
  progress: { epoch: 2, step: 5, lossSum: 1.5, right: 3, adamSteps: 9, bestLoss: null, epochs: [] },
  sets: {
    parameters: new Map([['w', Float32Array.of(1, -2.5, 3e-12)]]),
    best: new Map([['w', Float32Array.of(4, 5, 6)]]),
    first: new Map(),
    second: new Map([['w', Float32Array.of(7, 8, 9)]]),
    average: new Map(),
  },
};

const EPOCH: FitEpoch = {
  epoch: 1,
  trainingLoss: 0.5,
  trainingAccuracy: 0.75,
  validationLoss: 0.25,
  validationAccuracy: 1,
  learningRate: 1e-3,
  seconds: 2,
  best: true,
};

test('a checkpoint comes back bit by bit; a damaged one and one of another training are refused by name', async () => {
  const path = join(root, 'some', 'one.checkpoint');
  const file = new CheckpointFile(nodeFiles, path, 'this');
  expect(await file.read()).toBeNull();
  await file.write(CHECKPOINT);
  expect(await file.read()).toEqual(CHECKPOINT);
  const { progress } = CHECKPOINT;
  const unjudged = { ...EPOCH, validationLoss: Number.NaN, validationAccuracy: Number.NaN };
  await file.write({ ...CHECKPOINT, progress: { ...progress, epochs: [unjudged] } });
  expect((await file.read())?.progress.epochs).toEqual([unjudged]);
  await expect(new CheckpointFile(nodeFiles, path, 'other').read()).rejects.toThrow(/of another training/);
  const bytes = await readFile(path);
  for (const at of [40, bytes.length >> 1, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at] ^= 1;
    await writeFile(path, changed);
    await expect(file.read()).rejects.toThrow(/one\.checkpoint is damaged/);
  }
  await writeFile(path, 'something else');
  await expect(file.read()).rejects.toMatchObject({ code: 'DATA_INVALID' });
  await file.remove();
  expect(await file.read()).toBeNull();
});

test('what decides a training is in its fingerprint', () => {
  const one = fingerprintOf({ seed: 1 }, [Uint8Array.of(1, 2)]);
  expect(fingerprintOf({ seed: 1 }, [Uint8Array.of(1, 2)])).toBe(one);
  expect(fingerprintOf({ seed: 2 }, [Uint8Array.of(1, 2)])).not.toBe(one);
  expect(fingerprintOf({ seed: 1 }, [Uint8Array.of(1, 3)])).not.toBe(one);
});
