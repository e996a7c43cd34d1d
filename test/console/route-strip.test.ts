import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CoverageStretch, History } from '../../src/console/history.ts';
import { type RoutePiece, routePieces, routeStrip } from '../../src/console/route-strip.ts';
import { messageExamples } from '../../src/surface/messages/examples.ts';

function stretch(
  kpFrom: number | null,
  kpTo: number | null,
  [seen, blind, lost]: readonly [number, number, number],
  endedUtcMs = 10_000,
): CoverageStretch {
  return { run: 'r', beganUtcMs: 0, endedUtcMs, seen, blind, lost, reason: null, kpFrom, kpTo };
}

const text = ({ kpFrom, kpTo, kind }: RoutePiece): string => `${kind} ${kpFrom} to ${kpTo}`;

test('what was watched once is watched; a stretch that was blind for more than a tenth is blind', () => {
  const pieces = routePieces([
    stretch(12, 12.5, [10, 0, 0]),
    stretch(12.5, 12.6, [9.5, 0.5, 0]),
    stretch(12.6, 12.8, [8, 2, 0]),
    stretch(12.8, 13, [1, 2, 7]),
    // On the way back.
    stretch(12.9, 12.7, [10, 0, 0]),
    stretch(null, 14, [0, 10, 0]),
  ]);
  expect(pieces.map(text)).toEqual([
    'seen 12 to 12.6',
    'blind 12.6 to 12.7',
    'seen 12.7 to 12.9',
    'lost 12.9 to 13',
  ]);
});

test('a vehicle that stood still is a point, hidden where it was watched', () => {
  expect(routePieces([stretch(5, 5, [0, 9, 0])]).map(text)).toEqual(['blind 5 to 5']);
  expect(routePieces([stretch(5, 5, [0, 9, 0]), stretch(4, 6, [9, 0, 0])]).map(text)).toEqual([
    'seen 4 to 6',
  ]);
});

test('pieces never overlap, and cover what any stretch covers', () => {
  const kp = fc.integer({ min: 0, max: 40 });
  const seconds = fc.constantFrom<readonly [number, number, number]>([9, 0, 0], [0, 9, 0], [0, 0, 9]);
  fc.assert(
    fc.property(fc.array(fc.tuple(kp, kp, seconds), { maxLength: 15 }), (given) => {
      const pieces = routePieces(given.map(([from, to, of]) => stretch(from, to, of)));
      for (const [index, { kpFrom }] of pieces.entries())
        if (index > 0) expect(kpFrom).toBeGreaterThanOrEqual(pieces[index - 1]?.kpTo ?? 0);
      // Between whole numbers nothing changes: the middles tell all of it.
      for (let at = 0.5; at < 40; at += 1) {
        const kinds = given
          .filter(([from, to]) => Math.min(from, to) < at && at < Math.max(from, to))
          .map(([, , [seen, blind]]) => (seen > 0 ? 'seen' : blind > 0 ? 'blind' : 'lost'));
        const best = (['seen', 'blind', 'lost'] as const).find((kind) => kinds.includes(kind));
        const told = pieces.filter(({ kpFrom, kpTo }) => kpFrom < at && at < kpTo).map(({ kind }) => kind);
        expect(told).toEqual(best === undefined ? [] : [best]);
      }
    }),
  );
});

test('findings stand at their places, in order; those without one are left out, and nothing at all is no strip', () => {
  using history = new History(':memory:');
  expect(routeStrip(history, 'rov-1', 0)).toBeNull();
  const { alert } = messageExamples();
  const put = (finding: string, sequence: number, kp: number | null): void => {
    const position = alert.position && { ...alert.position, kp };
    history.putAlert({ ...alert, finding, sequence, position }, Date.now());
  };
  put('F-2', 1, 12.9);
  put('F-1', 2, 12.2);
  put('F-3', 3, null);
  history.putCoverage('rov-1', stretch(12.5, 12.6, [9, 0, 0]));
  const strip = routeStrip(history, 'rov-1', 0);
  expect(strip?.findings.map(({ finding, kp }) => `${finding} ${kp}`)).toEqual(['F-1 12.2', 'F-2 12.9']);
  expect(strip).toMatchObject({ kpFrom: 12.2, kpTo: 12.9, more: 0, pieces: [{ kind: 'seen' }] });
  expect(routeStrip(history, 'rov-2', 0)).toBeNull();
  expect(routeStrip(history, 'rov-1', Date.parse(alert.openedAt) + 1)?.findings ?? []).toEqual([]);
});
