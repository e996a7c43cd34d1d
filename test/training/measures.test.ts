import { expect, test } from 'vitest';
import { Augmenter, NO_AUGMENT } from '../../src/training/augment.ts';
import { drawPicture } from '../../src/training/golden-pictures.ts';
import {
  balancedRecall,
  confusionLines,
  confusionMatrix,
  precision,
  recall,
} from '../../src/training/metrics.ts';
import { createProgress } from '../../src/training/progress.ts';
import { createRandom } from '../../src/training/random.ts';
import { evaluationReport, reportLines } from '../../src/training/report.ts';
import type { Sample } from '../../src/training/samples.ts';
import type { Score } from '../../src/training/scorer.ts';
import { fitShortcutBaseline } from '../../src/training/shortcut-baseline.ts';
import { createTargetWriter } from '../../src/training/targets.ts';
import { chooseIntactThreshold, chooseThresholds } from '../../src/training/thresholds.ts';
import { parseVerdictLines } from '../../src/training/verdict-lines.ts';

function sample(defects: ('crack' | 'corrosion')[], luma = new Uint8Array(16), source = 'a'): Sample {
  return { file: source, name: source, group: 'g', source, kind: 'still', defects: new Set(defects), luma };
}

test('recall counts unsure and blind as missed; precision only looks at what was called so', () => {
  const matrix = confusionMatrix([
    { truth: 'crack', judgement: 'crack' },
    { truth: 'crack', judgement: 'unsure' },
    { truth: 'crack', judgement: 'blind' },
    { truth: 'crack', judgement: 'corrosion' },
    { truth: 'intact', judgement: 'crack' },
    { truth: 'intact', judgement: 'intact' },
  ]);
  expect(recall(matrix, 'crack')).toBe(0.25);
  expect(precision(matrix, 'crack')).toBe(0.5);
  expect(recall(matrix, 'corrosion')).toBeNull();
  expect(precision(matrix, 'corrosion')).toBe(0);
  expect(balancedRecall(matrix)).toBe(0.375);
  expect(confusionLines(matrix).join('\n')).toMatch(/crack +1 +1 +0 +1 +1 +0\.250 +0\.500/);
});

test('the report sets network and baseline side by side, by source and class', () => {
  const report = evaluationReport([
    { sample: sample(['crack'], undefined, 'x'), network: 'crack', baseline: 'intact' },
    { sample: sample(['crack'], undefined, 'y'), network: 'intact', baseline: 'crack' },
    { sample: sample([], undefined, 'y'), network: 'intact', baseline: 'intact' },
  ]);
  expect(report.sources).toEqual([
    { source: 'x', truth: 'crack', count: 1, network: 1, baseline: 0 },
    { source: 'y', truth: 'crack', count: 1, network: 0, baseline: 1 },
    { source: 'y', truth: 'intact', count: 1, network: 1, baseline: 1 },
  ]);
  expect(report.balancedRecall).toEqual({ network: 0.75, baseline: 0.75 });
  expect(reportLines(report).some((line) => /^balanced .* 3 +0\.750 +0\.750$/.test(line))).toBe(true);
});

test('the shortcut baseline tells bright from dark and busy from flat, and nothing else', () => {
  const size = { width: 16, height: 16 };
  const random = createRandom(2);
  const flat = (grey: number, grain: number): Uint8Array<ArrayBuffer> =>
    Uint8Array.from({ length: 256 }, () => grey + grain * random.normal());
  const training = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((shift) => [
    sample(['corrosion'], flat(60 + shift, 5)),
    sample(['crack'], flat(180 + shift, 5)),
    sample([], flat(120 + shift, 25)),
  ]);
  const baseline = fitShortcutBaseline(training, size);
  expect(baseline.judge(sample([], flat(66, 5)))).toBe('corrosion');
  expect(baseline.judge(sample([], flat(182, 5)))).toBe('crack');
  expect(baseline.judge(sample([], flat(123, 25)))).toBe('intact');
});

test('thresholds are the lowest that keep false alerts at the asked rate', () => {
  const score = (defects: ('crack' | 'corrosion')[], crack: number): Score => ({
    sample: sample(defects),
    probabilities: { crack, corrosion: 0.1 },
    loss: 0,
  });
  const scores = [
    ...Array.from({ length: 49 }, () => score([], 0.3)),
    score([], 0.8),
    score([], 0.7),
    score(['crack'], 0.75),
    score(['crack'], 0.9),
  ];
  const { crack, corrosion } = chooseThresholds(scores, 0.02);
  expect(crack.on).toBeCloseTo(0.71, 5);
  expect(crack.off).toBeLessThan(crack.on);
  expect(crack.recall).toBe(1);
  expect(crack.falseAlertRate).toBeCloseTo(1 / 51, 5);
  expect(corrosion).toMatchObject({ on: 0.5, falseAlertRate: 0, recall: 0 });
});

test('intact is said only where few pictures with a defect would be called so', () => {
  const score = (defects: 'crack'[], intact: number): Score => ({
    sample: sample(defects),
    probabilities: { intact },
    loss: 0,
  });
  const scores = [
    ...Array.from({ length: 18 }, () => score(['crack'], 0.1)),
    score(['crack'], 0.4),
    score(['crack'], 0.6),
    score([], 0.9),
  ];
  expect(chooseIntactThreshold(scores, 0.05)).toBeCloseTo(0.41, 5);
  expect(chooseIntactThreshold(scores, 0)).toBeCloseTo(0.61, 5);
  expect(chooseIntactThreshold(scores, 0.5)).toBeCloseTo(0.2, 5);
});

test('targets of independent sigmoids let one picture be both, and even out yes and no', () => {
  const training = [sample(['crack']), sample(['crack', 'corrosion']), sample([]), sample([])];
  const writer = createTargetWriter('sigmoid', ['corrosion', 'crack'], training);
  const targets = new Float32Array(4);
  const weights = new Float32Array(4);
  writer.write(training[1], targets, weights, 0);
  writer.write(training[2], targets, weights, 2);
  expect([...targets]).toEqual([1, 1, 0, 0]);
  expect([...weights].map((weight) => Number(weight.toFixed(4)))).toEqual([2, 1, 0.6667, 1]);
});

test('targets of a softmax name one class: a crack outranks the corrosion around it', () => {
  const training = [sample(['crack', 'corrosion']), sample(['corrosion']), sample([]), sample([])];
  const writer = createTargetWriter('softmax', ['corrosion', 'crack', 'intact'], training);
  const targets = new Float32Array(3);
  const weights = new Float32Array(3);
  writer.write(training[0], targets, weights, 0);
  expect([...targets]).toEqual([0, 1, 0]);
  expect(weights[0]).toBeCloseTo(4 / 3, 5);
});

test('augmentation is repeatable by seed, changes the picture and keeps its size', () => {
  const { luma, width, height } = drawPicture('crack', 3);
  const size = { width, height };
  const augment = (seed: number, kind: 'still' | 'frame'): Uint8Array =>
    new Augmenter(size, createRandom(1)).augment({ kind, luma }, createRandom(seed)).slice();
  expect(augment(5, 'still')).toEqual(augment(5, 'still'));
  expect(augment(5, 'still')).not.toEqual(augment(6, 'still'));
  expect(augment(5, 'frame')).not.toEqual(luma);
  expect(augment(5, 'frame')).toHaveLength(luma.length);
});

test('without any change asked for, augmentation of a frame only mirrors it', () => {
  const { luma, width, height } = drawPicture('rust', 3);
  const augmenter = new Augmenter({ width, height }, createRandom(1), NO_AUGMENT);
  const mirrored = Uint8Array.from(luma, (_, i) => luma[i - (i % width) + (width - 1 - (i % width))]);
  const seen = new Set<string>();
  for (let seed = 0; seed < 12; seed++) {
    const picture = augmenter.augment({ kind: 'frame', luma }, createRandom(seed));
    const same = Buffer.compare(picture, luma) === 0;
    expect(same || Buffer.compare(picture, mirrored) === 0).toBe(true);
    seen.add(same ? 'same' : 'mirrored');
  }
  expect(seen.size).toBe(2);
});

test('verdict lines of classify are read by path; errors and bad lines are told apart', () => {
  const { judgements, unreadable } = parseVerdictLines(
    '{"file":"a.jpg","label":"crack","probabilities":{"crack":0.9},"blind":null,"ms":9}\n' +
      '{"file":"/b.jpg","label":null,"blind":"dark"}\n{"file":"c.jpg","error":"IMAGE_EMPTY"}\n\n',
    '/pictures',
  );
  expect([...judgements]).toEqual([
    ['/pictures/a.jpg', 'crack'],
    ['/b.jpg', 'blind'],
  ]);
  expect(unreadable).toEqual(['/pictures/c.jpg']);
  expect(() => parseVerdictLines('{"file":"a"}', '/')).toThrow(/line 1 .*neither label nor error/);
  expect(() => parseVerdictLines('{"file":"a","label":"crack"}\nnonsense', '/')).toThrow(/line 2/);
});

test('progress is a moving bar with ETA on a terminal and few plain lines elsewhere', () => {
  let time = 0;
  const written = (isTTY: boolean): string => {
    let text = '';
    const progress = createProgress(
      { isTTY, columns: 100, write: (part: string) => (text += part) },
      () => time,
    );
    for (let done = 0; done <= 100; done++) {
      time = done * 1000;
      progress.show('epoch 1/2', done, 100, 0, 'loss 0.5');
    }
    progress.say('done');
    return text;
  };
  const bar = written(true);
  expect(bar).toContain('\r');
  expect(bar).toMatch(/\[#{12}\.{12}\] 50\/100 ETA 0:50 loss 0\.5/);
  const plain = written(false);
  expect(plain).not.toContain('\r');
  expect(plain.split('\n').length).toBeLessThan(12);
  expect(plain).toMatch(/epoch 1\/2 100\/100 ETA 0:00 loss 0\.5\ndone\n$/);
});
