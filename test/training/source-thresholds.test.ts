import { expect, test } from 'vitest';
import type { DefectClass } from '../../src/domain/verdict.ts';
import type { SaidOfSample } from '../../src/training/evaluate.ts';
import type { Fold } from '../../src/training/leave-one-out.ts';
import {
  chooseOnSources,
  judgedBy,
  pairsOf,
  thresholdsOfFolds,
  thresholdsOfOthers,
  thresholdWords,
} from '../../src/training/source-thresholds.ts';
import { WeightAverage } from '../../src/training/weight-average.ts';

function said(source: string, truth: DefectClass | null, corrosion: number, crack: number): SaidOfSample {
  const defects = new Set(truth === null ? [] : [truth]);
  const name = `${source} ${truth} ${corrosion} ${crack}`;
  const probabilities = { corrosion, crack, intact: (1 - corrosion) * (1 - crack) };
  return {
    sample: { name, source, group: name, defects },
    network: { judgement: 'unsure', probabilities },
    baseline: { intact: 1 },
  };
}

/** Rust at `rust`, cracks at 0.8, sound pictures at 0.2. */
const pictures = (source: string, rust: number): SaidOfSample[] => [
  said(source, 'corrosion', rust, 0.1),
  said(source, 'crack', 0.1, 0.8),
  said(source, null, 0.2, 0.2),
];

const fold = (sources: string, asIs: SaidOfSample[]): Fold => ({
  sources,
  digest: '',
  asIs,
  equalised: asIs,
});

test('thresholds are the lowest with the best balanced recall, and sound pictures may be unsure where that costs nothing', () => {
  const chosen = chooseOnSources(pictures('a', 0.62));
  expect(chosen).toMatchObject({ corrosion: 0.3, crack: 0.3 });
  expect(chosen.intact).toBeGreaterThan(0.6);
  expect(chosen.intact).toBeLessThanOrEqual(0.64);
  // Sound pictures that look rusty up to 0.5 push the threshold above them.
  const rusty = [0.35, 0.4, 0.45, 0.5].map((rust) => said('a', null, rust, 0.1));
  expect(chooseOnSources([...pictures('a', 0.62), ...rusty]).corrosion).toBe(0.55);
});

test('what a fold is judged by does not change with its own pictures', () => {
  const folds = ['a', 'b', 'c+d'];
  const pairs = pairsOf(folds);
  expect(pairs).toEqual(['a+b', 'b+c+d', 'c+d+a']);
  expect(pairsOf(['a', 'b'])).toEqual(['a+b']);
  const spoken = (rustOfA: number): Fold[] =>
    pairs.map((sources) =>
      fold(
        sources,
        sources.split('+').flatMap((source) => pictures(source, source === 'a' ? rustOfA : 0.7)),
      ),
    );
  const outer = folds.map((sources) => fold(sources, pictures(sources.split('+')[0] ?? '', 0.7)));
  const [ofA, ofB] = thresholdsOfFolds(outer, spoken(0.31));
  const [again] = thresholdsOfFolds(outer, spoken(0.9));
  expect(again).toEqual(ofA);
  expect(ofA?.sources).toBe('a');
  expect(ofB?.thresholds.corrosion).toBe(0.3);

  const [, ...rest] = outer;
  const fromOthers = thresholdsOfOthers(outer)[0]?.thresholds;
  expect(fromOthers).toEqual(chooseOnSources(rest.flatMap(({ asIs }) => asIs)));
  const [changed] = thresholdsOfOthers([fold('a', pictures('a', 0.31)), ...rest]);
  expect(changed?.thresholds).toEqual(fromOthers);
});

test('folds are judged anew by them; a blind picture stays blind', () => {
  const blind: SaidOfSample = {
    ...said('a', 'crack', 0, 0),
    network: { judgement: 'blind', probabilities: null },
  };
  const thresholds = { corrosion: 0.5, crack: 0.5, intact: 0.7 };
  const [judged] = judgedBy([fold('a', [...pictures('a', 0.62), blind])], [{ sources: 'a', thresholds }]);
  expect(judged?.asIs.map(({ network }) => network.judgement)).toEqual([
    'corrosion',
    'crack',
    'unsure',
    'blind',
  ]);
  expect(thresholdWords(thresholds)).toBe('corrosion=0.5,crack=0.5,intact=0.7');
});

test('the mean of the weights is the plain mean at first, then forgets; what it is given stays as it is', () => {
  const weights = (value: number) => new Map([['w', Float32Array.of(value)]]);
  const start = weights(100);
  const average = new WeightAverage(0.75, start);
  const now = (): number | undefined => average.parameters.get('w')?.[0];
  [1, 3, 5].forEach((value, done) => {
    average.add(weights(value), done);
  });
  expect(now()).toBeCloseTo(3);
  for (let done = 3; done < 40; done++) average.add(weights(8), done);
  expect(now()).toBeCloseTo(8, 3);
  expect(start.get('w')?.[0]).toBe(100);
});
