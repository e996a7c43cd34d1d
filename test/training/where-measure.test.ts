import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bundle } from '../../src/domain/manifest.ts';
import { judgeSamples } from '../../src/training/judge-samples.ts';
import type { Sample } from '../../src/training/samples.ts';
import { measureWhere } from '../../src/training/where-measure.ts';
import { createPreprocessor } from '../../src/vision/preprocess.ts';
import { drawLuma } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';

let folder = '';
let bundle: Bundle;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'specta-where-'));
  bundle = await makeTinyBundle(folder);
});
afterAll(() => rm(folder, { recursive: true }));

/** A crack at a share of the width, whose box is said to be around `told`. */
function crackAt(at: number, told: number): Sample {
  const preprocessor = createPreprocessor(bundle.manifest.preprocessing, bundle.manifest.input);
  const { small } = preprocessor.run(drawLuma('crack', { at }));
  const name = `crack-${at}-${told}`;
  return {
    file: name,
    name,
    group: name,
    source: 'drawn',
    kind: 'still',
    defects: new Set(['crack']),
    luma: Uint8Array.from(small),
    boxes: [{ defect: 'crack', left: told - 0.1, top: 0.12, width: 0.2, height: 0.76 }],
  };
}

test('boxes are compared with the truth: on it, beside it, and with the middle of the picture', async () => {
  const samples = [crackAt(0.2, 0.2), crackAt(0.8, 0.8), crackAt(0.2, 0.8), crackAt(0.5, 0.5)];
  const verdicts = await judgeSamples(bundle, samples, { threads: 1 });
  const [crack, ...others] = await measureWhere(bundle, samples, verdicts, { threads: 1 });
  expect(others).toEqual([]);
  expect(crack).toMatchObject({ defect: 'crack', count: 4, found: 1, hit: 0.75, hitByMiddle: 0.25 });
  expect(crack?.overlap).toBeGreaterThan(0.2);
  expect(crack?.overlap).toBeLessThan(0.75);
});

test('what was not raised, or of which no place is known, is not searched', async () => {
  const { boxes: _, ...unplaced } = crackAt(0.5, 0.5);
  const samples = [unplaced, crackAt(0.5, 0.5)];
  const [raised] = await judgeSamples(bundle, samples, { threads: 1 });
  const blind = { judgement: 'blind', probabilities: null } as const;
  expect(await measureWhere(bundle, samples, [raised, blind], { threads: 1 })).toEqual([]);
});
