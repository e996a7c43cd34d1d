import { expect, test } from 'vitest';
import { InspectionRun } from '../../src/daemon/inspection-run.ts';
import { CRACK_RULE, DEFECTS, instant, PLAIN_RULES, verdictOf } from '../inspection/rehearsal.ts';

let findings = 0;
const setting = {
  vehicle: 'rov-1',
  boot: 'b',
  rules: PLAIN_RULES,
  defects: DEFECTS,
  newFindingId: () => `F-${++findings}`,
};

/** Frames in which the model with this digest sees a crack at 0.8; gives how many findings are open then. */
function frames(run: InspectionRun, digest: string, from: number, count: number): number {
  for (let frame = from; frame < from + count; frame += 1) {
    const verdict = verdictOf(frame, instant(frame * 100), { crack: 0.8 });
    run.judge({ ...verdict, model: { ...verdict.model, digest } }, null);
  }
  return run.openFindings.length;
}

test('thresholds of another model hold from its first verdict on, not for frames that were in flight', () => {
  const strict = { ...DEFECTS, crack: { ...CRACK_RULE, on: 0.9 } };
  const run = InspectionRun.begin({ ...setting, defects: strict }, instant(0), 1);
  run.setDefects(DEFECTS, 'new');
  expect(frames(run, 'old', 1, 5)).toBe(0);
  expect(frames(run, 'new', 6, 3)).toBe(1);
});

test('a camera that is away when the run begins is a gap in its record, as in its coverage', () => {
  const run = InspectionRun.begin(setting, instant(0), 1);
  run.tick(instant(30_000));
  frames(run, 'm', 310, 3);
  run.stop(instant(31_300), 'requested');
  const { coverage, annals } = run.record;
  expect(coverage.lostSeconds).toBe(31);
  expect(annals?.gaps.map(({ kind, fromUtcMs, toUtcMs }) => [kind, toUtcMs - fromUtcMs])).toEqual([
    ['lost', 31_000],
  ]);
});
