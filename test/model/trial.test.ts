import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Label } from '../../src/domain/verdict.ts';
import {
  newTrial,
  TRIAL_RULES,
  type TrialEvent,
  type TrialRules,
  type TrialState,
  trialAfter,
  trialProgress,
} from '../../src/model/trial.ts';

const RULES: TrialRules = {
  ...TRIAL_RULES,
  frames: 20,
  leastFrames: 10,
  withinMs: 10_000,
  provedWithinMs: 10_000,
};
const label = fc.constantFrom<Label | null>('crack', 'corrosion', 'intact', 'unsure', null);

function frame(serving: Label | null, shadow: Label | null, ms = 10, nowMs = 100): TrialEvent {
  return { kind: 'frame', nowMs, serving, shadow, ms };
}

function after(events: readonly TrialEvent[], rules = RULES): TrialState {
  return events.reduce((state, event) => trialAfter(state, event, rules), newTrial(0));
}

const proved: TrialEvent = { kind: 'proved', nowMs: 50 };
const times = (count: number, event: TrialEvent): TrialEvent[] => Array.from({ length: count }, () => event);

test('golden inputs right, then enough frames alike: passed', () => {
  expect(after([proved, ...times(19, frame('crack', 'crack'))]).kind).toBe('shadow');
  expect(after([proved, ...times(20, frame('crack', 'crack'))])).toMatchObject({
    kind: 'passed',
    tally: { compared: 20, alike: 20 },
  });
});

test('the time is over: enough frames for a judgement pass, too few or unlike ones fail', () => {
  const over: TrialEvent = { kind: 'tick', nowMs: 10_050 };
  expect(after([proved, ...times(12, frame('crack', 'crack')), over]).kind).toBe('passed');
  expect(after([proved, ...times(9, frame('crack', 'crack')), over])).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('only 9 of 10'),
  });
  const unlike = [...times(10, frame('crack', 'crack')), ...times(2, frame('crack', 'intact'))];
  expect(after([proved, ...unlike, over])).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('disagrees on 2 of 12'),
  });
});

test.each<[string, TrialEvent[], string]>([
  ['golden inputs wrong', [{ kind: 'end', reason: 'golden inputs differ' }], 'golden inputs differ'],
  ['it does not load in time', [{ kind: 'tick', nowMs: 10_000 }], 'too long to load'],
  ['an error', [proved, { kind: 'error', nowMs: 60 }], 'failed on 1 frame'],
  ['other labels', [proved, ...times(3, frame('crack', 'intact'))], 'disagrees on 3 of 3'],
  ['too slow', [proved, ...times(20, frame('crack', 'crack', 500))], 'longer than 100 ms'],
  ['blind where the other sees', [proved, ...times(20, frame('crack', null))], 'blind on 20 of 20'],
  [
    'nothing to see',
    [proved, ...times(30, frame(null, null)), { kind: 'tick', nowMs: 10_050 }],
    'only 0 of 10 frames',
  ],
  ['ended by hand', [proved, frame('crack', 'crack'), { kind: 'end', reason: 'ended by hand' }], 'by hand'],
])('%s: failed, with the reason', (_, events, reason) => {
  expect(after(events)).toMatchObject({ kind: 'failed', reason: expect.stringContaining(reason) });
});

const event: fc.Arbitrary<TrialEvent> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('proved' as const), nowMs: fc.nat(20_000) }) },
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant('frame' as const),
      nowMs: fc.nat(9_000),
      serving: fc.oneof(
        { weight: 5, arbitrary: fc.constant<Label>('crack') },
        { weight: 1, arbitrary: label },
      ),
      shadow: fc.oneof(
        { weight: 5, arbitrary: fc.constant<Label>('crack') },
        { weight: 1, arbitrary: label },
      ),
      ms: fc.nat(105),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('error' as const), nowMs: fc.nat(9_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('tick' as const), nowMs: fc.nat(12_000) }) },
);
const loose: TrialRules = { ...RULES, agreement: 0.3, errors: 5, late: 0.5, moreBlind: 0.5 };

test('whatever happens: nothing passes that was not proved, shown enough frames and within every rule', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 120 }), fc.constantFrom(RULES, loose), (events, rules) => {
      const end = after(events, rules);
      if (end.kind !== 'passed') return;
      const { tally } = end;
      expect(events.some(({ kind }) => kind === 'proved')).toBe(true);
      expect(tally.compared).toBeGreaterThanOrEqual(rules.leastFrames);
      expect(tally.compared).toBeLessThanOrEqual(rules.frames);
      expect(tally.alike).toBeGreaterThanOrEqual(tally.compared * rules.agreement - 1e-9);
      expect(tally.errors).toBeLessThanOrEqual(rules.errors);
      expect(tally.late).toBeLessThanOrEqual(tally.shown * rules.late);
      expect(tally.shadowBlind - tally.servingBlind).toBeLessThanOrEqual(tally.shown * rules.moreBlind);
      expect(trialProgress(end, rules)).toBe(1);
    }),
    { numRuns: 500 },
  );
});

test('an end is an end, and progress never falls', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80 }), (events) => {
      let state = newTrial(0);
      let progress = 0;
      for (const each of [proved, ...events]) {
        const next = trialAfter(state, each, loose);
        if (state.kind === 'passed' || state.kind === 'failed') expect(next).toBe(state);
        expect(trialProgress(next, loose)).toBeGreaterThanOrEqual(progress);
        progress = trialProgress(next, loose);
        state = next;
      }
    }),
  );
});
