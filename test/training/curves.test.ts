import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DefectClass } from '../../src/domain/verdict.ts';
import { atTemperature, fitTemperature, reliabilityOf, type Spoken } from '../../src/training/calibration.ts';
import { precisionCurve, rocCurve, thresholdAtRate } from '../../src/training/curves.ts';
import { equalised } from '../../src/training/equalise.ts';
import { drawPicture } from '../../src/training/golden-pictures.ts';
import { createRandom } from '../../src/training/random.ts';
import type { Sample } from '../../src/training/samples.ts';

test('known curves: perfect order, reversed order, all alike, and one by hand', () => {
  const scored = (scores: number[], positives: number[]) =>
    scores.map((score, index) => ({ score, positive: positives.includes(index) }));
  expect(rocCurve(scored([0.9, 0.8, 0.2, 0.1], [0, 1]))?.area).toBe(1);
  expect(rocCurve(scored([0.9, 0.8, 0.2, 0.1], [2, 3]))?.area).toBe(0);
  expect(rocCurve(scored([0.5, 0.5, 0.5, 0.5], [0, 1]))?.area).toBe(0.5);
  expect(rocCurve(scored([0.5], [0]))).toBeNull();
  const byHand = scored([0.9, 0.8, 0.7, 0.6], [0, 2]);
  expect(rocCurve(byHand)?.area).toBe(0.75);
  expect(precisionCurve(byHand)?.area).toBeCloseTo(0.5 * 1 + 0.5 * (2 / 3));
});

test('the area under a ROC curve is the chance that a positive is above a negative', () => {
  const rows = fc.array(fc.record({ score: fc.integer({ min: 0, max: 8 }), positive: fc.boolean() }), {
    minLength: 2,
    maxLength: 40,
  });
  fc.assert(
    fc.property(rows, (scored) => {
      const curve = rocCurve(scored);
      const positives = scored.filter(({ positive }) => positive);
      const negatives = scored.filter(({ positive }) => !positive);
      if (curve === null) {
        expect(positives.length * negatives.length).toBe(0);
        return;
      }
      let wins = 0;
      for (const { score } of positives)
        for (const other of negatives) wins += score > other.score ? 1 : score === other.score ? 0.5 : 0;
      expect(curve.area).toBeCloseTo(wins / (positives.length * negatives.length), 9);
    }),
  );
});

test('the threshold for a false-alert rate lets through no more than that', () => {
  const random = createRandom(4);
  const scored = Array.from({ length: 400 }, (_, i) => {
    const positive = i % 4 === 0;
    return { score: random.next() + (positive ? 0.4 : 0), positive };
  });
  const curve = rocCurve(scored);
  if (!curve) throw new Error('no curve');
  for (const rate of [0.01, 0.05, 0.2]) {
    const { threshold, y } = thresholdAtRate(curve, rate);
    const raised = scored.filter(({ score }) => score >= threshold);
    expect(raised.filter(({ positive }) => !positive).length / 300).toBeLessThanOrEqual(rate);
    expect(raised.filter(({ positive }) => positive).length / 100).toBeCloseTo(y);
  }
});

/** Pictures whose defects come about exactly as often as is said of them. */
function honest(count: number): Spoken[] {
  const random = createRandom(6);
  return Array.from({ length: count }, () => {
    const crack = random.next();
    const corrosion = 0.02;
    const probabilities = { crack, corrosion, intact: (1 - crack) * (1 - corrosion) };
    const defects = new Set<DefectClass>();
    if (random.next() < crack) defects.add('crack');
    if (random.next() < corrosion) defects.add('corrosion');
    return { probabilities, defects };
  });
}

test('an honest model is well calibrated; an overconfident one is not, until its temperature is fitted', () => {
  const spoken = honest(6000);
  expect(reliabilityOf(spoken, 'sigmoid').error).toBeLessThan(0.03);
  const boastful = spoken.map(({ probabilities, defects }) => {
    return { probabilities: atTemperature(probabilities, 'sigmoid', 0.3), defects };
  });
  expect(reliabilityOf(boastful, 'sigmoid').error).toBeGreaterThan(0.1);
  const temperature = fitTemperature(boastful, 'sigmoid');
  expect(temperature).toBeGreaterThan(2.8);
  expect(temperature).toBeLessThan(4);
  const humbled = boastful.map(({ probabilities, defects }) => {
    return { probabilities: atTemperature(probabilities, 'sigmoid', temperature), defects };
  });
  expect(reliabilityOf(humbled, 'sigmoid').error).toBeLessThan(0.03);
});

test('temperature changes no order, keeps a softmax at sum 1, and 1 changes nothing', () => {
  const shares = fc.tuple(
    fc.double({ min: 0.01, max: 1, noNaN: true }),
    fc.double({ min: 0.01, max: 1, noNaN: true }),
  );
  fc.assert(
    fc.property(shares, fc.double({ min: 0.2, max: 8, noNaN: true }), ([a, b], temperature) => {
      const sum = a + b + 0.5;
      const said = { corrosion: a / sum, crack: b / sum, intact: 0.5 / sum };
      const scaled = atTemperature(said, 'softmax', temperature);
      const total = (scaled.corrosion ?? 0) + (scaled.crack ?? 0) + (scaled.intact ?? 0);
      expect(total).toBeCloseTo(1);
      if (Math.abs(a - b) > 1e-3) expect((scaled.corrosion ?? 0) > (scaled.crack ?? 0)).toBe(a > b);
      expect(atTemperature(said, 'softmax', 1).crack).toBeCloseTo(said.crack, 5);
    }),
  );
});

test('equalised pictures have brightness and contrast of one distribution, the same each time', () => {
  const sample = (name: string, scene: 'rust' | 'plain', seed: number): Sample => {
    const { luma } = drawPicture(scene, seed);
    return { file: name, name, group: name, source: 'a', kind: 'still', defects: new Set(), luma };
  };
  const samples = Array.from({ length: 12 }, (_, i) => sample(`p${i}`, i % 2 ? 'rust' : 'plain', i));
  const first = equalised(samples, 1);
  expect(equalised([...samples].reverse(), 1).reverse()).toEqual(first);
  expect(equalised(samples, 2)[0].luma).not.toEqual(first[0].luma);
  for (const { luma } of first) {
    const mean = luma.reduce((sum, value) => sum + value, 0) / luma.length;
    expect(mean).toBeGreaterThan(80);
    expect(mean).toBeLessThan(170);
  }
});
