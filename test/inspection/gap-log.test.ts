import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GapLog } from '../../src/inspection/gap-log.ts';
import { instant, START_UTC } from './rehearsal.ts';

const LEAST_MS = 2_000;
const log = (): GapLog => new GapLog(LEAST_MS, LEAST_MS, instant(0));

/** Frames of 100 ms from `from` on. */
function frames(
  gaps: GapLog,
  kind: 'seen' | 'turbid' | 'dark',
  from: number,
  count: number,
  kp: number | null = null,
): number {
  for (let i = 0; i < count; i += 1)
    gaps.see(kind, instant(from + i * 100), kp === null ? null : kp + i * 0.001);
  return from + count * 100;
}

test('a stretch that the camera could not see is told with its time and place', () => {
  const gaps = log();
  let now = frames(gaps, 'seen', 0, 10, 12);
  now = frames(gaps, 'turbid', now, 30, 12.01);
  now = frames(gaps, 'seen', now, 10, 12.04);
  expect(gaps.read(instant(now))).toEqual({
    gaps: [
      { kind: 'turbid', fromUtcMs: START_UTC + 1000, toUtcMs: START_UTC + 4000, kpFrom: 12.01, kpTo: 12.04 },
    ],
    gapsLeftOut: 0,
    kpSeen: [12, expect.closeTo(12.049, 6)],
  });
});

test('a short one is no news, silence is lost, and what is still under way is told', () => {
  const gaps = log();
  let now = frames(gaps, 'seen', 0, 10);
  now = frames(gaps, 'dark', now, 5);
  now = frames(gaps, 'seen', now, 10);
  now = frames(gaps, 'seen', now + 5000, 10);
  expect(gaps.read(instant(now + 10_000)).gaps.map(({ kind }) => kind)).toEqual(['lost', 'lost']);
});

test('a camera that is away when the run begins leaves a gap from its beginning on', () => {
  const gaps = log();
  expect(gaps.read(instant(1_000)).gaps).toEqual([]);
  expect(gaps.read(instant(9_000)).gaps).toMatchObject([
    { kind: 'lost', fromUtcMs: START_UTC, toUtcMs: START_UTC + 9_000 },
  ]);
  const now = frames(gaps, 'seen', 10_000, 10, 3);
  expect(gaps.read(instant(now)).gaps).toEqual([
    { kind: 'lost', fromUtcMs: START_UTC, toUtcMs: START_UTC + 10_000, kpFrom: null, kpTo: 3 },
  ]);
});

test('a short one is no news while it is under way either: the run may end with it', () => {
  const gaps = log();
  const now = frames(gaps, 'dark', frames(gaps, 'seen', 0, 10), 5);
  expect(gaps.read(instant(now)).gaps).toEqual([]);
});

test('what a run before a restart had is kept, and the restart is a gap', () => {
  const before = log();
  const end = frames(before, 'turbid', 0, 40, 3);
  const after = new GapLog(LEAST_MS, LEAST_MS, instant(end + 30_000), before.read(instant(end)));
  after.lose(instant(end), instant(end + 30_000));
  expect(after.read(instant(end + 30_000)).gaps.map(({ kind }) => kind)).toEqual(['turbid', 'lost']);
});

test('gaps are in order, do not overlap, and stay few', () => {
  const stretch = fc.record({
    kind: fc.constantFrom('seen' as const, 'turbid' as const, 'dark' as const),
    count: fc.integer({ min: 1, max: 60 }),
    pauseMs: fc.integer({ min: 0, max: 6000 }),
  });
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 30 }), (stretches) => {
      const gaps = log();
      let now = 0;
      for (const { kind, count, pauseMs } of stretches) now = frames(gaps, kind, now + pauseMs, count);
      const { gaps: found } = gaps.read(instant(now));
      for (const [i, gap] of found.entries()) {
        expect(gap.toUtcMs).toBeGreaterThanOrEqual(gap.fromUtcMs);
        expect(gap.fromUtcMs).toBeGreaterThanOrEqual(found[i - 1]?.toUtcMs ?? 0);
      }
    }),
  );
  const many = log();
  let now = 0;
  for (let i = 0; i < 600; i += 1) now = frames(many, 'seen', frames(many, 'dark', now, 30), 1);
  const { gaps: kept, gapsLeftOut } = many.read(instant(now));
  expect(kept.length + gapsLeftOut).toBe(600);
  expect(kept.length).toBe(500);
  // One that is under way is counted as those behind it will be.
  const silent = many.read(instant(now + 60_000));
  expect([silent.gaps.length, silent.gapsLeftOut]).toEqual([500, 101]);
});
