import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Fix } from '../../src/domain/fix.ts';
import { instant, PLAIN_RULES, Rehearsal } from './rehearsal.ts';

const { offDelayMs, mergeGapMs, nearMs, mergeMetres } = PLAIN_RULES;
const CRACK = { crack: 0.9 };
const SOUND = { crack: 0.01 };
/** Frames of 100 ms that outlast the merge by time. */
const GONE = (offDelayMs + mergeGapMs) / 100 + 5;

function at(kp: number | null): Fix {
  const nowhere = { latitude: null, longitude: null, depth: null, heading: null, missing: null };
  return { at: instant(0), source: 'test', kp, ...nowhere };
}

test('a vehicle that hovers and looks again at the same place keeps one finding', () => {
  const run = new Rehearsal().show(5, CRACK, at(12)).show(GONE, SOUND, at(12.002)).show(5, CRACK, at(12));
  expect(run.story).toEqual(['opened crack finding-1']);
  expect(run.inspector.open[0]?.detections).toBe(10);
});

test('without a KP only time counts', () => {
  for (const fix of [null, at(null), at(Number.NaN)]) {
    const run = new Rehearsal().show(5, CRACK, fix).show(GONE, SOUND, fix).show(5, CRACK, fix);
    expect(run.story).toEqual(['opened crack finding-1', 'closed crack finding-1', 'opened crack finding-2']);
  }
});

test('a defect farther along the route is another one, however soon it comes', () => {
  const soon = offDelayMs / 100 + 3;
  const run = new Rehearsal().show(5, CRACK, at(12)).show(soon, SOUND, at(12.01)).show(5, CRACK, at(12.02));
  expect(run.story).toEqual(['opened crack finding-1', 'closed crack finding-1', 'opened crack finding-2']);
  expect(run.inspector.open[0]).toMatchObject({ fix: { kp: 12.02 }, detections: 3 + 2 });
});

test('staying near does not keep a finding open for ever', () => {
  const run = new Rehearsal().show(5, CRACK, at(12)).show(nearMs / 100 + 5, SOUND, at(12));
  expect(run.story).toEqual(['opened crack finding-1', 'closed crack finding-1']);
});

test('a finding closes by time as soon as the vehicle has moved on', () => {
  const run = new Rehearsal().show(5, CRACK, at(12)).show(GONE, SOUND, at(12)).show(1, SOUND, at(12.1));
  expect(run.story).toEqual(['opened crack finding-1', 'closed crack finding-1']);
});

test('whatever the places, a closed finding never opens again and one at most is open', () => {
  const stretch = fc.record({
    count: fc.integer({ min: 1, max: 40 }),
    crack: fc.constantFrom(0.01, 0.4, 0.9),
    kp: fc.option(fc.integer({ min: 0, max: 6 }).map((step) => 12 + (step * mergeMetres) / 2000)),
  });
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 20 }), (stretches) => {
      const run = new Rehearsal();
      for (const { count, crack, kp } of stretches) run.show(count, { crack }, at(kp));
      run.stop();
      const ids = run.changes.filter(({ phase }) => phase === 'opened').map(({ finding }) => finding.id);
      expect(new Set(ids).size).toBe(ids.length);
      const closed = run.changes.filter(({ phase }) => phase === 'closed').map(({ finding }) => finding.id);
      expect(closed).toEqual(ids);
    }),
    { numRuns: 200 },
  );
});
