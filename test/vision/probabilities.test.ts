import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Manifest } from '../../src/domain/manifest.ts';
import type { Probabilities } from '../../src/domain/verdict.ts';
import { detectionsOf, labelOf, probabilitiesOf } from '../../src/vision/probabilities.ts';
import { tinyManifest } from '../fixtures/tiny-bundle.ts';

const sigmoid = tinyManifest();
const softmax: Pick<Manifest, 'classes' | 'output' | 'calibration'> = {
  classes: ['corrosion', 'crack', 'intact'],
  output: { kind: 'softmax', classes: ['crack', 'intact', 'corrosion'] },
  calibration: { temperature: 1 },
};

test('softmax: in the order of the outputs, summing to 1, whatever the logits', () => {
  const { crack, intact, corrosion } = probabilitiesOf(Float32Array.of(0, Math.log(3), Math.log(4)), softmax);
  expect([crack, intact, corrosion].map((value) => value?.toFixed(6))).toEqual([
    '0.125000',
    '0.375000',
    '0.500000',
  ]);
  const logit = fc.float({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(fc.tuple(logit, logit, logit), (logits) => {
      const values = Object.values(probabilitiesOf(Float32Array.from(logits), softmax));
      expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 9);
      for (const value of values) expect(value).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('sigmoid: each defect for itself, intact is that none is there', () => {
  const found = probabilitiesOf(Float32Array.of(0, Math.log(4)), sigmoid);
  expect(found.corrosion).toBeCloseTo(0.5);
  expect(found.crack).toBeCloseTo(0.8);
  expect(found.intact).toBeCloseTo(0.1);
});

test('temperature divides the logits', () => {
  const calibrated = { ...sigmoid, calibration: { temperature: 2 } };
  expect(probabilitiesOf(Float32Array.of(2 * Math.log(4), 0), calibrated).corrosion).toBeCloseTo(0.8);
});

test.each([
  ['too few', [1]],
  ['too many', [1, 2, 3]],
  ['not a number', [Number.NaN, 1]],
  ['infinite', [1, Number.POSITIVE_INFINITY]],
])('logits that are %s are ENGINE_FAILED', (_, logits) => {
  expect(() => probabilitiesOf(Float32Array.from(logits), sigmoid)).toThrow(
    expect.objectContaining({ code: 'ENGINE_FAILED' }),
  );
});

const cases: [string, Probabilities, string, string[]][] = [
  [
    'a crack in rust is a crack',
    { corrosion: 0.99, crack: 0.61, intact: 0.01 },
    'crack',
    ['crack', 'corrosion'],
  ],
  ['rust alone', { corrosion: 0.7, crack: 0.59, intact: 0.1 }, 'corrosion', ['corrosion']],
  ['at the threshold', { corrosion: 0.1, crack: 0.6, intact: 0.3 }, 'crack', ['crack']],
  ['a crack below its threshold beats nobody', { corrosion: 0.2, crack: 0.59, intact: 0.2 }, 'unsure', []],
  ['sound', { corrosion: 0.1, crack: 0.1, intact: 0.81 }, 'intact', []],
  ['sound, but not surely', { corrosion: 0.3, crack: 0.3, intact: 0.49 }, 'unsure', []],
];

test.each(cases)('%s', (_, probabilities, label, detected) => {
  expect(labelOf(probabilities, sigmoid)).toBe(label);
  expect(detectionsOf(probabilities, sigmoid).map(({ defect }) => defect)).toEqual(detected);
});

test('a model that does not know intact is never sure that nothing is there', () => {
  const probabilities = { corrosion: 0, crack: 0, intact: 1 };
  expect(labelOf(probabilities, { ...sigmoid, intactThreshold: null })).toBe('unsure');
});

test('the label is a defect exactly when something is detected', () => {
  const probability = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(probability, probability, probability, (corrosion, crack, intact) => {
      const probabilities = { corrosion, crack, intact };
      const label = labelOf(probabilities, sigmoid);
      const detected = detectionsOf(probabilities, sigmoid).map(({ defect }) => defect);
      if (label === 'crack' || label === 'corrosion') expect(detected).toContain(label);
      else expect(detected).toEqual([]);
    }),
  );
});
