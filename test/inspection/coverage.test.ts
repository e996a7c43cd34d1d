import { expect, test } from 'vitest';
import type { Fix } from '../../src/domain/fix.ts';
import { COVERAGE_SENTENCE, NO_COVERAGE, withLostSeconds } from '../../src/inspection/coverage.ts';
import { instant, Rehearsal } from './rehearsal.ts';

const SOUND = { crack: 0.1, corrosion: 0.1, label: 'intact' } as const;

function at(kp: number | null): Fix {
  return {
    at: instant(0),
    source: 'test',
    kp,
    latitude: null,
    longitude: null,
    depth: null,
    heading: null,
    missing: null,
  };
}

test('time is seen, blind by reason, or lost', () => {
  const run = new Rehearsal({ startedAt: instant(0) });
  run.nowMs = 500;
  run.show(10, SOUND).show(20, { blind: 'turbid' }).show(5, { blind: 'dark' }).show(5, SOUND).silence(3900);
  run.show(1, SOUND).stop();
  const { coverage } = run.inspector;
  // Before the first frame 0.5 s; after the last frame before the silence 4.0 s.
  expect(coverage.lostSeconds).toBeCloseTo(4.5, 9);
  expect(coverage.seenSeconds).toBeCloseTo(1 + 0.4 + 0.1, 9);
  expect(coverage.blindSeconds.turbid).toBeCloseTo(2, 9);
  expect(coverage.blindSeconds.dark).toBeCloseTo(0.5, 9);
  expect(coverage.blindSeconds.frozen).toBeUndefined();
  expect(coverage).toMatchObject({ framesJudged: 16, framesBlind: 25, unsureRate: 0, distanceMetres: null });
});

test('lost time shows while no frames come, also when none ever came', () => {
  const run = new Rehearsal();
  run.silence(10_000);
  expect(run.inspector.coverage.lostSeconds).toBe(9);
  const begun = new Rehearsal({ startedAt: instant(0) });
  begun.silence(10_000);
  expect(begun.inspector.coverage.lostSeconds).toBe(10);
  begun.show(5, SOUND).silence(1000);
  expect(begun.inspector.coverage.lostSeconds).toBe(10);
  begun.silence(2000);
  expect(begun.inspector.coverage.lostSeconds).toBeCloseTo(13.1, 9);
});

test('the unsure rate is the share of frames that were seen', () => {
  const run = new Rehearsal().show(6, SOUND).show(2, { crack: 0.2 }).show(9, { blind: 'blurred' });
  expect(run.inspector.coverage.unsureRate).toBe(0.25);
});

test('a run goes on after a restart with what it had covered', () => {
  const first = new Rehearsal().show(11, { crack: 0.2 }).show(10, { blind: 'frozen' }).stop()
    .inspector.coverage;
  const second = new Rehearsal({ initialCoverage: withLostSeconds(first, 60) }).show(11, SOUND);
  const { coverage } = second.inspector;
  expect(coverage.seenSeconds).toBeCloseTo(first.seenSeconds + 1, 9);
  expect(coverage.blindSeconds.frozen).toBeCloseTo(1, 9);
  expect(coverage).toMatchObject({ lostSeconds: 60, unsureRate: 0.5, framesJudged: 22, framesBlind: 10 });
});

test('a gap that is no number or negative adds no lost time', () => {
  expect(withLostSeconds(NO_COVERAGE, -5).lostSeconds).toBe(0);
  expect(withLostSeconds(NO_COVERAGE, Number.NaN).lostSeconds).toBe(0);
});

test('distance is added up along the route without the wobble of the position', () => {
  const run = new Rehearsal();
  run.show(3, SOUND, at(null));
  expect(run.inspector.coverage.distanceMetres).toBeNull();
  for (let i = 0; i < 300; i += 1) run.show(1, SOUND, at(2 + 0.002 * Math.sin(i)));
  expect(run.inspector.coverage.distanceMetres).toBe(0);
  for (let i = 0; i <= 100; i += 1) run.show(1, SOUND, at(2 + i / 1000));
  expect(run.inspector.coverage.distanceMetres).toBeGreaterThan(90);
  expect(run.inspector.coverage.distanceMetres).toBeLessThan(105);
});

test('reports can print what coverage does not say', () => {
  expect(COVERAGE_SENTENCE).toBe('The camera could see; whether the pipe was in view is not known.');
});
