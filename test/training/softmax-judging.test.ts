import { expect, test } from 'vitest';
import type { DefectClass } from '../../src/domain/verdict.ts';
import type { Network } from '../../src/training/network.ts';
import { initialParameters } from '../../src/training/parameters.ts';
import { createRandom } from '../../src/training/random.ts';
import { CLASS_ORDER, mainClass, type Sample } from '../../src/training/samples.ts';
import { validate } from '../../src/training/validate.ts';

const network: Network = {
  name: 'tiny',
  input: { channels: 1, height: 8, width: 8 },
  layers: [{ kind: 'flatten' }, { kind: 'dense', units: 3 }],
  output: { kind: 'softmax', units: 3 },
};

test('a softmax is judged by the one class that it was taught: a crack in rust called a crack is wholly right', async () => {
  const random = createRandom(3);
  const samples = Array.from({ length: 12 }, (_, i): Sample => {
    const defects = new Set<DefectClass>(i % 2 === 0 ? ['crack', 'corrosion'] : []);
    const luma = Uint8Array.from({ length: 64 }, () => random.integer(256));
    return { file: '', name: `${i}`, group: `${i}`, source: 'a', kind: 'still', defects, luma };
  });
  const parameters = initialParameters(network, random);
  const { loss, accuracy, scores } = await validate(network, parameters, samples, {
    rules: {
      preprocessing: { channels: 'luma', resize: 'bilinear', normalisation: 'standard', scale: 1 / 255 },
      classes: CLASS_ORDER,
      output: { kind: 'softmax', classes: CLASS_ORDER },
      calibration: { temperature: 1 },
    },
    threads: 1,
  });
  // The definitions, from the probabilities alone.
  const truths = samples.map((sample) => mainClass(sample));
  const surprises = scores.map(({ probabilities }, i) => -Math.log(probabilities[truths[i]] ?? 0));
  expect(scores.map((each) => each.loss)).toEqual(surprises.map((value) => expect.closeTo(value, 6)));
  expect(loss).toBeCloseTo(surprises.reduce((sum, value) => sum + value, 0) / 12, 6);
  const right = scores.filter(({ probabilities }, i) => {
    const most = Math.max(...CLASS_ORDER.map((name) => probabilities[name] ?? 0));
    return probabilities[truths[i]] === most;
  });
  expect(right.length).toBeGreaterThan(0);
  expect(right.length).toBeLessThan(12);
  expect(accuracy).toBe(right.length / 12);
});
