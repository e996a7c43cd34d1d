import type { AlertMessage } from '../surface/messages/alert.ts';
import type { CoverageStretch, History } from './history.ts';
import { SEVERITIES } from './severities.ts';

/** What the camera could do along a piece of the route. */
export type SeenKind = 'seen' | 'blind' | 'lost';

/** A piece of the route, km from its beginning. */
export interface RoutePiece {
  readonly kpFrom: number;
  readonly kpTo: number;
  readonly kind: SeenKind;
}

/** A finding at its place. */
export interface RouteFinding {
  readonly finding: string;
  readonly class: AlertMessage['class'];
  readonly severity: AlertMessage['severity'];
  readonly kp: number;
  readonly open: boolean;
  readonly review: string;
}

/** What was inspected along the route, and what was found there. */
export interface RouteStrip {
  /** Lowest and highest kilometre point of all that is in it. */
  readonly kpFrom: number;
  readonly kpTo: number;
  /** Without overlaps, along the route. Where there is none, nobody was. */
  readonly pieces: readonly RoutePiece[];
  readonly findings: readonly RouteFinding[];
  /** More findings than are told here. */
  readonly more: number;
}

type Range = readonly [from: number, to: number];

/** A stretch of which more than this share was not watched counts as not watched: where in it is not known. */
const MOST_UNSEEN = 0.1;
const MOST_FINDINGS = 1_000;

/**
 * The strip of a vehicle since a moment of its own clock; null where no kilometre point is known. What was watched once
 * is watched, however often the vehicle was blind there before or after.
 */
export function routeStrip(history: History, vehicle: string, sinceUtcMs: number): RouteStrip | null {
  const pieces = routePieces(history.coverage(vehicle, sinceUtcMs));
  const where = "vehicle = ? AND opened >= ? AND json_extract(body, '$.position.kp') IS NOT NULL";
  const rows = history.rows(
    `SELECT id, class, severity, open, review, json_extract(body, '$.position.kp') AS kp FROM findings WHERE ${where} ` +
      `ORDER BY severity DESC, opened DESC LIMIT ${MOST_FINDINGS}`,
    ...[vehicle, sinceUtcMs],
  );
  const total = history.row(`SELECT count(*) AS count FROM findings WHERE ${where}`, vehicle, sinceUtcMs);
  const findings = rows
    .map((row) => ({
      finding: String(row.id),
      class: String(row.class) as AlertMessage['class'],
      severity: SEVERITIES[Number(row.severity)] ?? 'low',
      kp: Number(row.kp),
      open: row.open === 1,
      review: String(row.review),
    }))
    .sort((a, b) => a.kp - b.kp);
  const ends = [
    ...pieces.flatMap(({ kpFrom, kpTo }) => [kpFrom, kpTo]),
    ...findings.flatMap(({ kp }) => [kp]),
  ];
  if (ends.length === 0) return null;
  const [kpFrom, kpTo] = ends.reduce<Range>(
    ([low, high], kp) => [Math.min(low, kp), Math.max(high, kp)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  return { kpFrom, kpTo, pieces, findings, more: Number(total?.count ?? 0) - rows.length };
}

/** Coverage by time as coverage along the route; stretches whose place is not known are in neither. */
export function routePieces(stretches: readonly CoverageStretch[]): RoutePiece[] {
  const ranges: Record<SeenKind, Range[]> = { seen: [], blind: [], lost: [] };
  for (const stretch of stretches) {
    const { kpFrom, kpTo, seen, blind, lost } = stretch;
    if (kpFrom === null || kpTo === null) continue;
    const isSeen = blind + lost <= MOST_UNSEEN * (seen + blind + lost);
    const kind = isSeen ? 'seen' : blind >= lost ? 'blind' : 'lost';
    ranges[kind].push([Math.min(kpFrom, kpTo), Math.max(kpFrom, kpTo)]);
  }
  const seen = union(ranges.seen);
  const blind = without(union(ranges.blind), seen);
  const lost = without(union(ranges.lost), union([...seen, ...blind]));
  const told = (kind: SeenKind, of: readonly Range[]): RoutePiece[] =>
    of.map(([kpFrom, kpTo]) => ({ kpFrom, kpTo, kind }));
  return [...told('seen', seen), ...told('blind', blind), ...told('lost', lost)].sort(
    (a, b) => a.kpFrom - b.kpFrom || a.kpTo - b.kpTo,
  );
}

/** The same places as ranges that do not touch, in order. */
function union(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1]) merged[merged.length - 1] = [last[0], Math.max(last[1], to)];
    else merged.push([from, to]);
  }
  return merged;
}

/** What of `ranges` is not in `covered`; both are unions. */
function without(ranges: readonly Range[], covered: readonly Range[]): Range[] {
  const left: Range[] = [];
  let next = 0;
  for (const [from, to] of ranges) {
    while ((covered[next]?.[1] ?? Number.POSITIVE_INFINITY) < from) next += 1;
    let at = from;
    let isHidden = false;
    for (let index = next; index < covered.length; index += 1) {
      const [begin, end] = covered[index] ?? [to, to];
      if (begin > to) break;
      if (begin > at) left.push([at, begin]);
      // A vehicle that stood still is a point.
      if (begin <= at && end >= at) isHidden = true;
      at = Math.max(at, end);
    }
    if (at < to || (from === to && !isHidden)) left.push([at, to]);
  }
  return left;
}
