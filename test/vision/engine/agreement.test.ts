import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Bundle } from '../../../src/domain/manifest.ts';
import { resolveBundle } from '../../../src/model/bundle.ts';
import { decodeLuma } from '../../../src/vision/decode.ts';
import type { Engine, EngineChoice } from '../../../src/vision/engine/engine.ts';
import { openEngine } from '../../../src/vision/engine/open-engine.ts';
import { checkGoldenInputs, checkNetworkFits, pictureOfStill } from '../../../src/vision/golden.ts';
import { DEFAULT_DECODE_LIMITS } from '../../../src/vision/picture.ts';
import { createPreprocessor } from '../../../src/vision/preprocess.ts';
import { labelOf, probabilitiesOf } from '../../../src/vision/probabilities.ts';
import { ONNX_LIBRARY } from '../../fixtures/onnx-library.ts';

const MODELS = resolve(import.meta.dirname, '../../../models');

const CHOICES: readonly EngineChoice[] = [
  { engine: 'onnx', provider: null, threads: 2 },
  { engine: 'onnx-native', provider: null, threads: 2, library: ONNX_LIBRARY },
  { engine: 'tfjs', provider: 'wasm', threads: 1 },
];

describe.each(['specta-separable', 'specta-32x2'])('%s', (name) => {
  let bundle: Bundle;
  let engines: Engine[];
  beforeAll(async () => {
    bundle = await resolveBundle(name, MODELS);
    engines = [];
    for (const choice of CHOICES) engines.push(await openEngine(bundle, choice));
  });
  afterAll(async () => {
    for (const engine of engines) await engine.close();
  });

  test('every engine proves the shipped bundle by its own golden inputs and tolerances', async () => {
    for (const engine of engines) {
      checkNetworkFits(bundle.manifest, engine);
      await checkGoldenInputs(bundle, engine, DEFAULT_DECODE_LIMITS);
    }
    expect(engines.map(({ kind, provider }) => [kind, provider])).toEqual([
      ['onnx', 'cpu'],
      ['onnx-native', 'cpu'],
      ['tfjs', 'wasm'],
    ]);
  });

  test('on a CPU all engines agree within 1e-5, with equal labels at the thresholds', async () => {
    const { manifest, folder } = bundle;
    const preprocessor = createPreprocessor(manifest.preprocessing, manifest.input);
    for (const { file, expected } of manifest.golden) {
      const bytes = new Uint8Array(await readFile(join(folder, file)));
      const { tensor } = preprocessor.run(await decodeLuma(pictureOfStill(bytes)));
      for (const engine of engines) {
        const found = probabilitiesOf(await engine.run(tensor), manifest);
        for (const each of manifest.classes) {
          const difference = Math.abs((found[each] ?? Number.NaN) - (expected[each] ?? Number.NaN));
          expect(difference, `${engine.kind}, ${file}, ${each}`).toBeLessThanOrEqual(1e-5);
        }
        expect(labelOf(found, manifest)).toBe(labelOf(expected, manifest));
      }
    }
  });

  test('the shipped bundle states a tolerance for every provider that SPECTA offers', () => {
    expect(bundle.manifest.tolerances).toMatchObject({ cpu: 1e-5, wasm: 1e-5, cuda: 0.01, tensorrt: 0.02 });
  });
});
