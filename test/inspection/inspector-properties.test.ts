import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FindingChange } from '../../src/domain/finding.ts';
import type { Instant } from '../../src/domain/time.ts';
import { BLIND_REASONS, DEFECT_CLASSES } from '../../src/domain/verdict.ts';
import { createInspector, type Inspector } from '../../src/inspection/inspector.ts';
import { DEFAULT_RULES, type InspectionRules, ruleMistakes } from '../../src/inspection/rules.ts';
import { findingsByHistory, type ScriptedFrame } from './history.ts';
import { DEFECTS, instant, Rehearsal, type Shown, verdictOf } from './rehearsal.ts';

const RUNS = { numRuns: 400 };

const probability = fc.oneof(
  fc.constantFrom(0, 0.05, 0.3, 0.35, 0.4, 0.6, 0.65, 0.7, 0.9, 0.99, 1),
  fc.double({ min: 0, max: 1, noNaN: true }),
);
const shown: fc.Arbitrary<Shown> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ corrosion: probability, crack: probability }) },
  { weight: 1, arbitrary: fc.record({ blind: fc.constantFrom(...BLIND_REASONS) }) },
);
// Whole tenths of a second, so that sums of gaps often meet a limit of the rules exactly.
const tenths = (low: number, high: number): fc.Arbitrary<number> =>
  fc.integer({ min: low, max: high }).map((count) => count * 100);
const gapMs = fc.oneof(
  { weight: 8, arbitrary: tenths(1, 6) },
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 300, max: 3000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 3000, max: 30_000 }) },
);
// Stretches of like frames: single random frames would hardly ever open a finding.
const script: fc.Arbitrary<ScriptedFrame[]> = fc
  .array(
    fc.record({ count: fc.integer({ min: 1, max: 12 }), gapMs, shown }).map(({ count, ...frame }) => {
      return Array.from({ length: count }, () => frame);
    }),
    { maxLength: 25 },
  )
  .map((stretches) => stretches.flat());
const rules: fc.Arbitrary<InspectionRules> = fc.record({
  minimumDetections: fc.integer({ min: 1, max: 6 }),
  openWindowMs: fc.oneof(tenths(1, 50), fc.integer({ min: 1, max: 5000 })),
  minimumShare: fc.constantFrom(0, 0.5, 0.6, 1),
  offDelayMs: fc.oneof(tenths(1, 30), fc.integer({ min: 1, max: 3000 })),
  mergeGapMs: fc.oneof(tenths(0, 50), fc.integer({ min: 0, max: 5000 })),
  blindPauseMs: fc.oneof(tenths(0, 50), fc.integer({ min: 0, max: 5000 })),
  lostAfterMs: fc.oneof(tenths(1, 10), fc.integer({ min: 1, max: 5000 })),
  peakStep: fc.constantFrom(0.001, 0.05, 0.3),
  updateEveryMs: fc.integer({ min: 0, max: 10_000 }),
  raiseAtPeak: fc.constantFrom(null, 0.9, 0.98),
  raiseAfterMs: fc.constantFrom(null, 1000, 10_000),
  distanceStepMetres: fc.constant(5),
  mergeMetres: fc.constantFrom(0, 5),
  nearMs: fc.constantFrom(0, 60_000),
});

function inspector(withRules: InspectionRules): Inspector {
  let ids = 0;
  return createInspector({
    rules: withRules,
    defects: DEFECTS,
    runId: 'run',
    newId: () => {
      ids += 1;
      return `f${ids}`;
    },
  });
}

/** Plays a script to its end; `ticks` gives the times between frames at which the clock is read too. */
function play(
  withRules: InspectionRules,
  frames: readonly ScriptedFrame[],
  ticks: (from: number, to: number) => number[] = () => [],
  look: (subject: Inspector) => void = () => {},
): { changes: FindingChange[]; inspector: Inspector; durationMs: number } {
  const subject = inspector(withRules);
  const changes: FindingChange[] = [];
  let now = 0;
  frames.forEach((frame, index) => {
    for (const tick of ticks(now, now + frame.gapMs))
      if (index > 0) changes.push(...subject.tick(instant(tick)).changes);
    now += frame.gapMs;
    look(subject);
    changes.push(...subject.judge(verdictOf(index, instant(now), frame.shown), null).changes);
    look(subject);
  });
  changes.push(...subject.stop(instant(now), 'run-stopped').changes);
  return { changes, inspector: subject, durationMs: now - (frames[0]?.gapMs ?? 0) };
}

function byFinding(changes: readonly FindingChange[]): FindingChange[][] {
  const groups = new Map<string, FindingChange[]>();
  for (const change of changes) {
    groups.set(change.finding.id, [...(groups.get(change.finding.id) ?? []), change]);
  }
  return [...groups.values()];
}

/** What is true of the changes of any run whatever. */
function expectWellFormed(changes: readonly FindingChange[]): void {
  for (const life of byFinding(changes)) {
    const phases = life.map((change) => change.phase);
    expect(phases[0]).toBe('opened');
    expect(phases.at(-1)).toBe('closed');
    expect(phases.slice(1, -1).every((phase) => phase === 'updated')).toBe(true);
    expect(new Set(life.map((change) => change.finding.defect)).size).toBe(1);
    life.forEach((change, index) => {
      const { finding, at } = change;
      const before = life[index - 1];
      expect(finding.closedAt === null).toBe(change.phase !== 'closed');
      expect(finding.closeReason === null).toBe(change.phase !== 'closed');
      expect(finding.lastSeenAt.monoMs).toBeGreaterThanOrEqual(finding.openedAt.monoMs);
      expect(at.monoMs).toBeGreaterThanOrEqual(before?.at.monoMs ?? finding.openedAt.monoMs);
      expect(finding.peak.probability).toBeGreaterThanOrEqual(before?.finding.peak.probability ?? 0);
      expect(finding.detections).toBeGreaterThanOrEqual(before?.finding.detections ?? 1);
      expect(finding.meanProbability).toBeLessThanOrEqual(finding.peak.probability);
      expect(finding.meanProbability).toBeGreaterThanOrEqual(0);
      if (finding.closedAt !== null)
        expect(finding.closedAt.monoMs).toBeGreaterThanOrEqual(finding.lastSeenAt.monoMs);
    });
  }
}

test('findings, their detections, peaks and means are those that the rules give when read over the whole history', () => {
  let found = 0;
  fc.assert(
    fc.property(rules, script, (withRules, frames) => {
      const { changes } = play(withRules, frames);
      for (const defect of DEFECT_CLASSES) {
        const rule = DEFECTS[defect];
        if (rule === undefined) throw new Error('no rule');
        const expected = findingsByHistory(frames, defect, rule, withRules).map((finding) => {
          const seen = finding.frames.map((index) => frames[index]?.shown[defect] ?? 0);
          return {
            detections: seen.length,
            peak: Math.max(...seen),
            mean: (seen.reduce((sum, value) => sum + value, 0) / seen.length).toFixed(9),
            peakFrame: finding.frames[seen.indexOf(Math.max(...seen))],
          };
        });
        const actual = changes
          .filter((change) => change.phase === 'closed' && change.finding.defect === defect)
          .map(({ finding }) => ({
            detections: finding.detections,
            peak: finding.peak.probability,
            mean: finding.meanProbability.toFixed(9),
            peakFrame: finding.peak.frame.sequence,
          }));
        expect(actual).toEqual(expected);
        found += expected.length;
      }
    }),
    RUNS,
  );
  expect(found).toBeGreaterThan(200);
});

test('every finding is opened, updated and closed in order, under one id that no other has', () => {
  fc.assert(
    fc.property(rules, script, (withRules, frames) => {
      const { changes, inspector: subject } = play(withRules, frames);
      expectWellFormed(changes);
      expect(subject.open).toEqual([]);
      for (const change of changes) {
        if (change.phase === 'opened')
          expect(change.finding.detections).toBeGreaterThanOrEqual(withRules.minimumDetections);
      }
    }),
    RUNS,
  );
});

test('a sustained defect yields exactly one finding', () => {
  const silence = Math.ceil((DEFAULT_RULES.offDelayMs + DEFAULT_RULES.mergeGapMs) / 30) + 2;
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.3, max: 1, noNaN: true }), { maxLength: 200 }),
      fc.integer({ min: 30, max: 400 }),
      fc.integer({ min: 0, max: 50 }),
      (weak, frameMs, before) => {
        const run = new Rehearsal({ rules: DEFAULT_RULES });
        run.frameMs = frameMs;
        run.show(before, { crack: 0.1 }).show(3, { crack: 0.6 });
        for (const crack of weak) run.show(1, { crack });
        run.show(silence, { crack: 0.1 }).stop();
        expect(run.story.filter((line) => !line.startsWith('updated'))).toEqual([
          'opened crack finding-1',
          'closed crack finding-1',
        ]);
        expect(run.changes.at(-1)?.finding.detections).toBe(3 + weak.length);
      },
    ),
    { numRuns: 100 },
  );
});

test('one class never changes the findings of the other', () => {
  const withoutId = (changes: readonly FindingChange[]): unknown[] =>
    changes
      .filter((change) => change.finding.defect === 'corrosion')
      .map((change) => ({ ...change, finding: { ...change.finding, id: '' } }));
  fc.assert(
    fc.property(rules, script, fc.array(probability, { minLength: 1 }), (withRules, frames, others) => {
      const changed = frames.map((frame, index) => {
        const crack = others[index % others.length] ?? 0;
        return frame.shown.blind === undefined ? { ...frame, shown: { ...frame.shown, crack } } : frame;
      });
      expect(withoutId(play(withRules, changed).changes)).toEqual(withoutId(play(withRules, frames).changes));
    }),
    RUNS,
  );
});

test('reading the clock between frames changes neither findings nor coverage', () => {
  const ends = (changes: readonly FindingChange[]): unknown[] =>
    changes
      .filter((change) => change.phase === 'closed')
      .map(({ finding }) => [finding.id, finding.defect, finding.detections, finding.peak, finding.openedAt])
      .sort();
  fc.assert(
    fc.property(rules, script, fc.integer({ min: 1, max: 1000 }), (withRules, frames, everyMs) => {
      const plain = play(withRules, frames);
      const ticked = play(withRules, frames, (from, to) => {
        const times: number[] = [];
        for (let time = from; time < to && times.length < 50; time += everyMs) times.push(time);
        return times;
      });
      expect(ends(ticked.changes)).toEqual(ends(plain.changes));
      expect(ticked.inspector.coverage).toEqual(plain.inspector.coverage);
      expectWellFormed(ticked.changes);
    }),
    RUNS,
  );
});

test('the seconds of coverage add up to the time of the run, and none ever falls', () => {
  const sum = (subject: Inspector): number => {
    const { seenSeconds, lostSeconds, blindSeconds } = subject.coverage;
    return seenSeconds + lostSeconds + Object.values(blindSeconds).reduce((all, seconds) => all + seconds, 0);
  };
  fc.assert(
    fc.property(rules, script, (withRules, frames) => {
      let before = 0;
      const { inspector: subject, durationMs } = play(
        withRules,
        frames,
        (from, to) => [(from + to) / 2],
        (looked) => {
          expect(sum(looked)).toBeGreaterThanOrEqual(before);
          before = sum(looked) - 1e-9;
        },
      );
      expect(sum(subject)).toBeCloseTo(durationMs / 1000, 6);
      const { framesJudged, framesBlind } = subject.coverage;
      expect(framesJudged + framesBlind).toBe(frames.length);
    }),
    RUNS,
  );
});

test('a finding cannot stay open beyond off delay, merge gap, opening window and blind pause', () => {
  fc.assert(
    fc.property(rules, script, (withRules, frames) => {
      const { offDelayMs, mergeGapMs, openWindowMs, blindPauseMs } = withRules;
      const bound = offDelayMs + mergeGapMs + openWindowMs + blindPauseMs;
      const longestGap = Math.max(0, ...frames.map((frame) => frame.gapMs));
      for (const { finding, phase } of play(withRules, frames).changes) {
        if (phase !== 'closed' || finding.closedAt === null) continue;
        expect(finding.closedAt.monoMs - finding.lastSeenAt.monoMs).toBeLessThanOrEqual(bound + longestGap);
      }
    }),
    RUNS,
  );
});

const wildTime: fc.Arbitrary<Instant> = fc.record({
  monoMs: fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.double({ min: -1e15, max: 1e15 }), fc.double()),
  utcMs: fc.oneof(fc.integer({ min: 0, max: 2e12 }), fc.double()),
});

test('arbitrary jumps of both clocks do no harm', () => {
  type Event = { at: Instant; shown: Shown | 'tick' };
  const event: fc.Arbitrary<Event> = fc.record({
    at: wildTime,
    shown: fc.oneof(
      { weight: 3, arbitrary: shown },
      { weight: 3, arbitrary: fc.constant({ crack: 0.95, corrosion: 0.95 }) },
      { weight: 1, arbitrary: fc.constant('tick' as const) },
    ),
  });
  fc.assert(
    fc.property(rules, fc.array(event, { maxLength: 80 }), wildTime, (withRules, events, end) => {
      const subject = inspector(withRules);
      const changes: FindingChange[] = [];
      events.forEach((each, index) => {
        const step =
          each.shown === 'tick'
            ? subject.tick(each.at)
            : subject.judge(verdictOf(index, each.at, each.shown), null);
        changes.push(...step.changes);
        expect(step.wantedFrames.length).toBeLessThanOrEqual(2 * (withRules.minimumDetections + 1));
        expectSane(subject);
      });
      changes.push(...subject.stop(end, 'run-stopped').changes);
      expect(subject.open).toEqual([]);
      expectSane(subject);
      expectWellFormed(changes);
    }),
    { numRuns: 300 },
  );
});

function expectSane(subject: Inspector): void {
  const { seenSeconds, lostSeconds, blindSeconds, unsureRate } = subject.coverage;
  for (const value of [seenSeconds, lostSeconds, ...Object.values(blindSeconds), unsureRate]) {
    expect(value).toBeGreaterThanOrEqual(0);
  }
}

test('a clock that went wild and came back does not stop findings from closing', () => {
  fc.assert(
    fc.property(fc.double({ min: -1e15, max: 1e15, noNaN: true }), (glitch) => {
      const run = new Rehearsal().show(5, { crack: 0.9 });
      run.inspector.judge(verdictOf(99, instant(glitch), { crack: 0.9 }), null);
      run.show(60, { crack: 0.1 });
      expect(run.inspector.open).toEqual([]);
      run.show(5, { crack: 0.9 });
      expect(run.inspector.open).toHaveLength(1);
    }),
    { numRuns: 100 },
  );
});

test('the frames wanted as evidence stay few over a hundred thousand frames of noise', () => {
  const subject = inspector(DEFAULT_RULES);
  let state = 1;
  const random = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  let most = 0;
  let opened = 0;
  for (let i = 0; i < 100_000; i += 1) {
    const step = subject.judge(
      verdictOf(i, instant(i * 33), { crack: random(), corrosion: random() ** 4 }),
      null,
    );
    most = Math.max(most, step.wantedFrames.length);
    opened += step.changes.filter((change) => change.phase === 'opened').length;
  }
  expect(most).toBeLessThanOrEqual(8);
  expect(opened).toBeGreaterThan(0);
});

test('all rules that the properties are tried with are valid, as are the defaults', () => {
  expect(ruleMistakes(DEFAULT_RULES)).toEqual([]);
  fc.assert(
    fc.property(rules, (each) => {
      expect(ruleMistakes(each)).toEqual([]);
    }),
  );
});
