import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Frame } from '../../src/domain/frame.ts';
import type { Bundle } from '../../src/domain/manifest.ts';
import { loadLibc } from '../../src/platform/libc.ts';
import type { EngineChoice } from '../../src/vision/engine/engine.ts';
import { pictureOfStill } from '../../src/vision/golden.ts';
import { startVision } from '../../src/vision/vision.ts';
import { ONNX_LIBRARY } from '../fixtures/onnx-library.ts';
import { crackPicture, rustPicture, soundPicture } from '../fixtures/pictures.ts';
import { makeTinyBundle, writeTinyNetwork } from '../fixtures/tiny-bundle.ts';

let folder = '';
let bundle: Bundle;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-engines-'));
  bundle = await makeTinyBundle(join(folder, 'tiny'));
  // As in the daemon, where the main thread calls the C library: an engine's thread has settings of its own.
  loadLibc();
});

afterAll(() => rm(folder, { recursive: true }));

function frame(data: Uint8Array<ArrayBuffer>): Frame {
  return { ...pictureOfStill(data), sequence: 1, capturedAt: { monoMs: 5, utcMs: 6 }, source: 'drawn' };
}

const CHOICES: readonly [EngineChoice, string][] = [
  [{ engine: 'onnx', provider: null, threads: 1 }, 'cpu'],
  [{ engine: 'onnx-native', provider: null, threads: 1, library: ONNX_LIBRARY }, 'cpu'],
  [{ engine: 'tfjs', provider: null, threads: 1 }, 'wasm'],
];

describe.each(CHOICES)('$engine', (choice, provider) => {
  test('judges in its worker, tells engine and provider, and can be started again', async () => {
    for (let start = 0; start < 2; start++) {
      const vision = await startVision({ bundle, ...choice });
      expect(vision.model).toMatchObject({ name: 'tiny', engine: choice.engine, provider });
      const labels: unknown[] = [];
      for (const picture of [soundPicture(), crackPicture(), rustPicture()]) {
        labels.push((await vision.judge(frame(picture))).verdict.label);
      }
      expect(labels).toEqual(['intact', 'crack', 'corrosion']);
      await vision.close();
    }
  });

  test('a network that gives no numbers is refused at the start', async () => {
    const spoilt = await makeTinyBundle(join(folder, `nan-${choice.engine}`));
    await writeTinyNetwork(
      spoilt.folder,
      new Map([
        ['conv1.weight', new Float32Array(162).fill(0.1)],
        ['conv1.bias', Float32Array.of(0, 0)],
        ['dense1.weight', Float32Array.of(1, 1, 1, 1)],
        ['dense1.bias', Float32Array.of(Number.NaN, 0)],
      ]),
    );
    await expect(startVision({ bundle: spoilt, ...choice })).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringContaining('NaN'),
    });
  });

  test('a network of another size than the manifest says is refused at the start', async () => {
    const input = { width: 32, height: 64, channels: 1 } as const;
    const manifest = { ...bundle.manifest, input };
    await expect(startVision({ bundle: { ...bundle, manifest }, ...choice })).rejects.toMatchObject({
      code: 'BUNDLE_NOT_SERVABLE',
      message: expect.stringContaining('[1, 1, 64, 32]'),
    });
  });

  test('a start that is broken off rejects with the reason', async () => {
    const reason = new Error('changed my mind');
    const stopping = new AbortController();
    const starting = startVision({ bundle, ...choice, signal: stopping.signal });
    setTimeout(() => stopping.abort(reason), 100);
    await expect(starting).rejects.toBe(reason);
  });
});

test('a provider of the library that is not there stops the start, whatever the CPU could do', async () => {
  const choice: EngineChoice = {
    ...{ engine: 'onnx-native', provider: 'cuda', threads: 1, library: ONNX_LIBRARY },
    providerOptions: { device_id: '0' },
  };
  await expect(startVision({ bundle, ...choice })).rejects.toMatchObject({
    code: 'PROVIDER_ABSENT',
    message: expect.stringMatching(/Provider cuda is not there/),
  });
});
