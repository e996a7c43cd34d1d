import { expect, test } from 'vitest';
import type { Fix } from '../../src/domain/fix.ts';
import { createInspector } from '../../src/inspection/inspector.ts';
import { CRACK_RULE, DEFECTS, instant, PLAIN_RULES, Rehearsal, START_UTC, verdictOf } from './rehearsal.ts';

const SOUND = { corrosion: 0.05, crack: 0.05 };

function only<T>(list: readonly T[]): T {
  expect(list).toHaveLength(1);
  return list[0] as T;
}

test('a sustained defect opens one finding and closes it when it has gone', () => {
  const run = new Rehearsal().show(10, SOUND).show(20, { crack: 0.9, corrosion: 0.1 }).show(60, SOUND);
  expect(run.story).toEqual(['opened crack finding-1', 'closed crack finding-1']);
  const finding = run.changes[1]?.finding;
  expect(finding).toMatchObject({
    runId: 'run-1',
    detections: 20,
    severity: 'high',
    advice: CRACK_RULE.advice,
    thresholds: { on: 0.6, off: 0.3 },
    openedAt: instant(1000),
    lastSeenAt: instant(2900),
    closeReason: 'gone',
    fix: null,
  });
  expect(finding?.peak).toEqual({
    frame: { sequence: 10, capturedAt: instant(1000), source: 'test' },
    probability: 0.9,
  });
  expect(finding?.meanProbability).toBeCloseTo(0.9, 12);
});

test('a crack in rust is a crack: one frame opens both, whatever the winning label says', () => {
  const run = new Rehearsal().show(3, { corrosion: 0.95, crack: 0.62, label: 'corrosion' });
  expect(run.story).toEqual(['opened corrosion finding-1', 'opened crack finding-2']);
  expect(run.inspector.open.map((finding) => finding.defect)).toEqual(['corrosion', 'crack']);
});

test('fewer detections than the minimum leave no finding', () => {
  const run = new Rehearsal();
  for (let i = 0; i < 20; i += 1) run.show(2, { crack: 0.99 }).show(8, SOUND);
  expect(run.stop().story).toEqual([]);
});

test('stray detections among many sound frames do not open, though they fall within the window', () => {
  const run = new Rehearsal();
  run.frameMs = 33;
  for (let i = 0; i < 30; i += 1) run.show(1, { crack: 0.99 }).show(4, SOUND);
  expect(run.story).toEqual([]);
});

test('detections that come too slowly for the window do not open', () => {
  const run = new Rehearsal();
  run.frameMs = 1100;
  expect(run.show(9, { crack: 0.99 }).story).toEqual([]);
});

test('frames between the thresholds keep a finding open but open none', () => {
  const run = new Rehearsal().show(30, { crack: 0.5 });
  expect(run.story).toEqual([]);
  run.show(3, { crack: 0.7 }).show(100, { crack: 0.31 });
  expect(run.inspector.open[0]).toMatchObject({ detections: 103 });
  expect(run.story).toEqual(['opened crack finding-1']);
});

test('a defect that leaves the picture for less than off delay and merge gap stays one finding', () => {
  const run = new Rehearsal().show(5, { crack: 0.9 }).show(35, SOUND).show(5, { crack: 0.9 }).show(60, SOUND);
  expect(run.story).toEqual(['opened crack finding-1', 'closed crack finding-1']);
  expect(run.changes[1]?.finding.detections).toBe(10);
});

test('a defect that comes back after the merge gap is a new finding', () => {
  const run = new Rehearsal().show(5, { crack: 0.9 }).show(45, SOUND).show(5, { crack: 0.9 });
  expect(run.story).toEqual(['opened crack finding-1', 'closed crack finding-1', 'opened crack finding-2']);
});

test('after the off delay stray weak frames do not keep a finding open', () => {
  const run = new Rehearsal().show(5, { crack: 0.9 });
  for (let i = 0; i < 10; i += 1) run.show(17, SOUND).show(1, { crack: 0.9 });
  expect(run.story.slice(0, 2)).toEqual(['opened crack finding-1', 'closed crack finding-1']);
  expect(run.changes[1]?.finding.detections).toBe(5);
});

test('a return that begins within the merge gap is given the time to be proved', () => {
  const run = new Rehearsal().show(5, { crack: 0.9 }).show(38, SOUND).show(3, { crack: 0.9 });
  expect(run.story).toEqual(['opened crack finding-1']);
  expect(run.inspector.open[0]?.detections).toBe(8);
});

test('blind frames neither open nor end a finding for a while', () => {
  const run = new Rehearsal().show(5, { crack: 0.9 }).show(50, { blind: 'turbid' }).show(1, { crack: 0.4 });
  expect(run.story).toEqual(['opened crack finding-1']);
  expect(run.inspector.open[0]?.detections).toBe(6);
});

test('blind frames end a finding when they go on beyond the pause', () => {
  const run = new Rehearsal().show(5, { crack: 0.9 }).show(95, { blind: 'dark' });
  expect(run.story).toEqual(['opened crack finding-1', 'closed crack finding-1']);
  const closedAt = run.changes[1]?.finding.closedAt?.monoMs ?? 0;
  expect(closedAt - 400).toBeGreaterThan(9000);
  expect(closedAt - 400).toBeLessThan(9300);
});

test('a finding closes by the clock when no frames come', () => {
  const run = new Rehearsal().show(5, { crack: 0.9 }).silence(10_000);
  expect(run.story).toEqual(['opened crack finding-1', 'closed crack finding-1']);
  expect(run.changes[1]?.at.monoMs).toBeLessThan(6000);
});

test('stop closes everything once, with its reason, and nothing is judged after it', () => {
  const run = new Rehearsal().show(5, { crack: 0.9, corrosion: 0.9 }).stop();
  expect(run.story.slice(2)).toEqual(['closed corrosion finding-1', 'closed crack finding-2']);
  expect(run.changes.slice(2).map((change) => change.finding.closeReason)).toEqual([
    'run-stopped',
    'run-stopped',
  ]);
  const before = run.inspector.coverage;
  run.stop().show(9, { crack: 0.9 }).silence(9000);
  expect(run.changes).toHaveLength(4);
  expect(run.inspector.open).toEqual([]);
  expect(run.inspector.coverage).toEqual(before);
  expect(run.inspector.oddities).toEqual({ 'after-stop': 9 });
});

test('a risen severity is told at once', () => {
  const rules = { ...PLAIN_RULES, raiseAtPeak: 0.98, raiseAfterMs: 2000 };
  const run = new Rehearsal({ rules }).show(5, { corrosion: 0.8 }).show(1, { corrosion: 0.99 });
  expect(run.story).toEqual(['opened corrosion finding-1', 'updated corrosion finding-1']);
  expect(run.changes[1]).toMatchObject({
    peakChanged: true,
    finding: { severity: 'high' },
    at: instant(500),
  });
  run.show(20, { corrosion: 0.5 });
  expect(run.changes.slice(2)).toMatchObject([
    { phase: 'updated', peakChanged: false, finding: { severity: 'critical' } },
  ]);
  expect(run.show(300, { corrosion: 1 }).changes).toHaveLength(3);
});

test('a risen peak is told in steps and not too often, also late and without frames', () => {
  const run = new Rehearsal().show(3, { crack: 0.61 }).show(1, { crack: 0.64 }).show(1, { crack: 0.66 });
  expect(run.story).toEqual(['opened crack finding-1']);
  run.show(1, { crack: 0.9 }).silence(3000).show(20, { crack: 0.61 });
  expect(run.story).toEqual(['opened crack finding-1', 'updated crack finding-1']);
  const update = run.changes[1];
  expect(update?.finding.peak.probability).toBe(0.9);
  expect(update?.peakChanged).toBe(false);
  expect(update?.at.monoMs).toBe(200 + PLAIN_RULES.updateEveryMs);
});

test('updates cannot flood: a slowly rising probability gives a few in a minute', () => {
  const run = new Rehearsal();
  for (let i = 0; i < 600; i += 1) run.show(1, { crack: 0.6 + (0.39 * i) / 600 });
  expect(run.story.filter((line) => line.startsWith('updated')).length).toBeLessThanOrEqual(8);
});

test('the peak frame is named at once, with the position there', () => {
  const fix = (kp: number): Fix => ({
    at: instant(0),
    source: 'test',
    kp,
    latitude: null,
    longitude: null,
    depth: 40,
    heading: null,
    missing: null,
  });
  const run = new Rehearsal()
    .show(1, { crack: 0.95 }, fix(1))
    .show(2, { crack: 0.7 }, fix(2))
    .show(1, { crack: 0.97 }, fix(3))
    .show(1, { crack: 0.96 }, fix(4));
  expect(run.steps.map((step) => step.newPeaks)).toEqual([[], [], [], ['finding-1'], []]);
  expect(run.changes[0]).toMatchObject({
    peakChanged: false,
    finding: { peak: { probability: 0.95, frame: { sequence: 0 } }, fix: fix(1) },
  });
  expect(run.inspector.open[0]).toMatchObject({ peak: { frame: { sequence: 3 } }, fix: fix(3) });
});

test('the pixels of a peak are asked to be kept before its finding opens, and no others', () => {
  const run = new Rehearsal()
    .show(1, SOUND)
    .show(1, { crack: 0.95 })
    .show(2, { crack: 0.7 })
    .show(1, { crack: 0.96 });
  expect(run.steps.map((step) => step.wantedFrames)).toEqual([[], [1], [1, 2], [1], [4]]);
  expect(run.stop().steps.at(-1)?.wantedFrames).toEqual([]);
});

test('a swap of the model judges by the new thresholds and keeps the finding and what it opened with', () => {
  const run = new Rehearsal().show(5, { crack: 0.62 });
  run.inspector.setDefects({ crack: { ...CRACK_RULE, on: 0.9, off: 0.8 } });
  run.show(10, { crack: 0.7 });
  expect(run.inspector.open[0]).toMatchObject({ detections: 5, thresholds: { on: 0.6, off: 0.3 } });
  run.show(5, { crack: 0.85 }).show(60, SOUND);
  expect(run.story).toEqual(['opened crack finding-1', 'closed crack finding-1']);
  expect(only(run.changes.slice(1)).finding.detections).toBe(10);
});

test('a swap forgets what the old model saw on the way to opening', () => {
  const run = new Rehearsal().show(2, { crack: 0.9 });
  run.inspector.setDefects(DEFECTS);
  expect(run.show(2, { crack: 0.9 }).story).toEqual([]);
  expect(run.show(1, { crack: 0.9 }).story).toEqual(['opened crack finding-1']);
});

test('a model that does not know a defect lets its finding close and opens none', () => {
  const run = new Rehearsal().show(5, { crack: 0.9 });
  run.inspector.setDefects({});
  run.show(100, { crack: 0.9 });
  expect(run.story).toEqual(['opened crack finding-1', 'closed crack finding-1']);
});

test('a wall clock set back or forward changes no finding', () => {
  const { inspector } = new Rehearsal();
  const phases: string[] = [];
  for (let i = 0; i < 100; i += 1) {
    const utcMs = START_UTC + (i % 2 === 0 ? -1e12 : 1e12);
    const shown = i < 20 ? { crack: 0.9 } : SOUND;
    for (const change of inspector.judge(verdictOf(i, instant(i * 100, utcMs), shown), null).changes)
      phases.push(change.phase);
  }
  expect(phases).toEqual(['opened', 'closed']);
});

test('a monotonic clock set back is counted, and time goes on from there', () => {
  const run = new Rehearsal().show(5, { crack: 0.9 });
  run.nowMs = -1e9;
  run.show(60, SOUND);
  expect(run.story).toEqual(['opened crack finding-1', 'closed crack finding-1']);
  expect(run.inspector.oddities).toEqual({ 'frame-time-back': 1 });
  expect(run.inspector.coverage.lostSeconds).toBe(0);
  expect(run.inspector.coverage.seenSeconds).toBeCloseTo(6.3, 6);
});

test('times and probabilities that are no numbers are counted and do no harm', () => {
  const { inspector } = new Rehearsal();
  inspector.judge(verdictOf(0, { monoMs: Number.NaN, utcMs: 0 }, { crack: 0.9 }), null);
  for (let i = 1; i < 5; i += 1)
    inspector.judge(verdictOf(i, instant(i * 100), { crack: i === 1 ? Number.NaN : 0.9 }), null);
  inspector.judge(verdictOf(5, { monoMs: Number.NaN, utcMs: Number.NaN }, { crack: 1.5 }), null);
  inspector.tick({ monoMs: Number.POSITIVE_INFINITY, utcMs: 0 });
  expect(only(inspector.open)).toMatchObject({ detections: 3, lastSeenAt: instant(400) });
  expect(inspector.oddities).toEqual({ 'time-invalid': 3, 'probability-invalid': 2 });
});

test('rules that cannot work are refused, all mistakes at once', () => {
  const rules = { ...PLAIN_RULES, minimumDetections: 0, minimumShare: 2, offDelayMs: Number.NaN };
  expect(() => createInspector({ rules, defects: DEFECTS, runId: 'r', newId: () => 'x' })).toThrow(
    /minimumDetections is 0.*minimumShare is 2.*offDelayMs is NaN/,
  );
});
