import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Frame } from '../../src/domain/frame.ts';
import type { Bundle } from '../../src/domain/manifest.ts';
import { type Classifier, createClassifier } from '../../src/vision/classifier.ts';
import { DEFAULT_DECODE_LIMITS, decodeLuma, type Picture } from '../../src/vision/decode.ts';
import type { Engine } from '../../src/vision/engine/engine.ts';
import { createOnnxEngine } from '../../src/vision/engine/onnx.ts';
import { pictureOfStill } from '../../src/vision/golden.ts';
import { darkPicture, drawJpeg, type Scene } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import { rawPicture } from './raw-frames.ts';

let folder = '';
let bundle: Bundle;
let engine: Engine;
let inferences = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-classifier-'));
  bundle = await makeTinyBundle(folder);
  const real = await createOnnxEngine({
    modelFile: join(folder, 'model.onnx'),
    provider: 'cpu',
    threads: 1,
  });
  engine = {
    ...real,
    run: (input) => {
      inferences += 1;
      return real.run(input);
    },
  };
});

afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true });
});

const model = { name: 'tiny', version: '0.0.1', digest: 'd', engine: 'onnx', provider: 'cpu' };

function classifier(stills = false): Classifier {
  return createClassifier({
    manifest: bundle.manifest,
    engine,
    model,
    limits: DEFAULT_DECODE_LIMITS,
    stills,
  });
}

function frameOf(picture: Picture, sequence = 7): Frame {
  return { ...picture, sequence, capturedAt: { monoMs: 1, utcMs: 2 }, source: 'drawn' };
}

const jpegFrame = (scene: Scene, seed = 1): Frame => frameOf(pictureOfStill(drawJpeg(scene, { seed })));

test.each<[Scene, string]>([
  ['sound', 'intact'],
  ['crack', 'crack'],
  ['rust', 'corrosion'],
  ['crack-in-rust', 'crack'],
])('a %s picture is %s', async (scene, label) => {
  const verdict = await classifier().judge(jpegFrame(scene));
  expect(verdict).toMatchObject({
    frame: { sequence: 7, capturedAt: { monoMs: 1, utcMs: 2 }, source: 'drawn' },
    label,
    blind: null,
    model,
  });
  expect(verdict.stages.infer).toBeGreaterThan(0);
  if (scene === 'crack-in-rust') {
    expect(verdict.probabilities.crack).toBeGreaterThan(0.9);
    expect(verdict.probabilities.corrosion).toBeGreaterThan(0.9);
  }
});

test('a blind frame has no label and no probabilities, and costs no inference', async () => {
  const before = inferences;
  const verdict = await classifier().judge(frameOf(pictureOfStill(darkPicture())));
  expect(verdict).toMatchObject({ label: null, blind: 'dark', probabilities: {} });
  expect(verdict.quality.mean).toBeLessThan(15);
  expect(inferences).toBe(before);
});

test('the same picture gives the same probabilities within 0.01 in every format', async () => {
  for (const scene of ['crack', 'rust', 'crack-in-rust', 'sound'] as const) {
    // A faint defect: its probability lies where a small difference of luma shows.
    const jpeg = drawJpeg(scene, { width: 642, height: 362, strength: 0.45 });
    const luma = await decodeLuma(pictureOfStill(jpeg));
    const png = await sharp(jpeg).png().toBuffer();
    const pictures: Record<string, Picture> = {
      'still JPEG': pictureOfStill(jpeg),
      MJPEG: { ...pictureOfStill(jpeg), width: 642, height: 362 },
      PNG: pictureOfStill(new Uint8Array(png)),
      'YUYV limited': rawPicture(luma, { format: 'yuyv', range: 'limited', padding: 0 }),
      'YUYV full': rawPicture(luma, { format: 'yuyv', range: 'full', padding: 8 }),
      UYVY: rawPicture(luma, { format: 'uyvy', range: 'limited', padding: 0 }),
      'NV12 limited': rawPicture(luma, { format: 'nv12', range: 'limited', padding: 62 }),
      'YU12 limited': rawPicture(luma, { format: 'yu12', range: 'limited', padding: 0 }),
      GREY: rawPicture(luma, { format: 'grey', range: 'full', padding: 0 }),
    };
    const judge = classifier(true);
    const first = await judge.judge(frameOf(pictures['still JPEG']));
    for (const [name, picture] of Object.entries(pictures)) {
      const { probabilities } = await judge.judge(frameOf(picture));
      for (const defect of ['corrosion', 'crack', 'intact'] as const) {
        const difference = Math.abs((probabilities[defect] ?? -1) - (first.probabilities[defect] ?? -1));
        expect(difference, `${scene} as ${name}: ${defect}`).toBeLessThan(0.01);
      }
    }
  }
});

test('a corrupt frame throws its code and leaves the next verdict as it would have been', async () => {
  const steady = classifier();
  const untouched = await classifier().judge(jpegFrame('crack'));
  const whole = drawJpeg('crack');
  await expect(steady.judge(frameOf(pictureOfStill(whole.slice(0, whole.length / 2))))).rejects.toMatchObject(
    { code: 'IMAGE_TRUNCATED' },
  );
  const next = await steady.judge(jpegFrame('crack'));
  expect(next.probabilities).toEqual(untouched.probabilities);
  expect(next.quality.change).toBeNull();
});

test('as a camera the same picture again and again is frozen; as stills it never is', async () => {
  const camera = classifier();
  const stills = classifier(true);
  for (let sequence = 0; sequence < 32; sequence++) {
    const moving = await camera.judge(jpegFrame('rust'));
    expect(moving.blind).toBe(sequence < bundle.manifest.gates.frozenFrames ? null : 'frozen');
    expect((await stills.judge(jpegFrame('rust'))).blind).toBeNull();
  }
});
