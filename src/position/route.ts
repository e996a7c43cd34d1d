import { between, metresBetween, offsetBetween, type Place } from './geodesy.ts';

/** A point of a route, with its kilometre point where the survey gives one. */
export interface RoutePoint extends Place {
  readonly kp: number | null;
}

/** Where a place lies along a route. */
export interface Along {
  /** Kilometre point, km. */
  readonly kp: number;
  /** How far the place is from the route, metres. */
  readonly offMetres: number;
}

interface Leg {
  readonly from: Place;
  readonly to: Place;
  readonly kpFrom: number;
  readonly kpTo: number;
}

/** Legs are cut to this length, so that the plane formulas hold on each, metres. */
const MOST_LEG_METRES = 2_000;

/** A route with a kilometre point for every place on it. */
export class Route {
  private readonly legs: readonly Leg[];

  /**
   * @param points at least two, in order. Between points with a given KP it is interpolated; from a point without one
   *   KP counts on by length. The first point's is `firstKp` where it has none.
   * Throws RangeError when all points are one place: then it leads nowhere.
   */
  constructor(points: readonly RoutePoint[], firstKp = 0) {
    const kps = kilometrePoints(points, firstKp);
    this.legs = points.slice(1).flatMap((to, index) => {
      const from = points[index];
      return from === undefined ? [] : legsBetween(from, to, kps[index] ?? 0, kps[index + 1] ?? 0);
    });
    if (this.legs.length === 0) throw new RangeError('a route needs two different points');
  }

  /** KP at its first and last point, km. */
  get ends(): readonly [number, number] {
    return [this.legs[0]?.kpFrom ?? 0, this.legs.at(-1)?.kpTo ?? 0];
  }

  /**
   * The nearest point of the route: on each leg the foot of the perpendicular in the plane that touches at the place,
   * kept within the leg. Where a route comes near itself, the nearer branch counts.
   */
  locate(place: Place): Along {
    let nearest: Along = { kp: Number.NaN, offMetres: Number.POSITIVE_INFINITY };
    for (const { from, to, kpFrom, kpTo } of this.legs) {
      const a = offsetBetween(place, from);
      const b = offsetBetween(place, to);
      const east = b.east - a.east;
      const north = b.north - a.north;
      const length2 = east * east + north * north;
      const along = length2 === 0 ? 0 : -(a.east * east + a.north * north) / length2;
      const share = Math.min(1, Math.max(0, along));
      const offMetres = Math.hypot(a.east + share * east, a.north + share * north);
      if (offMetres < nearest.offMetres) nearest = { kp: kpFrom + share * (kpTo - kpFrom), offMetres };
    }
    return nearest;
  }
}

/** Length of a line in metres, added up over short pieces. */
function lengthOf(from: Place, to: Place): number {
  const pieces = piecesOf(from, to);
  let metres = 0;
  for (let piece = 0; piece < pieces; piece += 1) {
    metres += metresBetween(between(from, to, piece / pieces), between(from, to, (piece + 1) / pieces));
  }
  return metres;
}

function piecesOf(from: Place, to: Place): number {
  return Math.max(1, Math.ceil(metresBetween(from, to) / MOST_LEG_METRES));
}

function legsBetween(from: RoutePoint, to: RoutePoint, kpFrom: number, kpTo: number): Leg[] {
  if (metresBetween(from, to) === 0) return [];
  const pieces = piecesOf(from, to);
  const kp = (share: number): number => kpFrom + share * (kpTo - kpFrom);
  return Array.from({ length: pieces }, (_, piece) => ({
    from: between(from, to, piece / pieces),
    to: between(from, to, (piece + 1) / pieces),
    kpFrom: kp(piece / pieces),
    kpTo: kp((piece + 1) / pieces),
  }));
}

/** A KP for every point: as given, shared out by length between two given ones, by length alone elsewhere. */
function kilometrePoints(points: readonly RoutePoint[], firstKp: number): number[] {
  const chainage = [0];
  for (let i = 1; i < points.length; i += 1) {
    const [from, to] = [points[i - 1], points[i]];
    chainage.push((chainage[i - 1] ?? 0) + (from && to ? lengthOf(from, to) / 1000 : 0));
  }
  const length = (index: number): number => chainage[index] ?? 0;
  const known = points.flatMap(({ kp }, index) => (kp === null ? [] : [{ index, kp }]));
  let behind = 0;
  return points.map(({ kp }, index) => {
    if (kp !== null) return kp;
    while ((known[behind]?.index ?? Number.POSITIVE_INFINITY) < index) behind += 1;
    const [before, after] = [known[behind - 1], known[behind]];
    if (before && after) {
      const share =
        (length(index) - length(before.index)) / (length(after.index) - length(before.index) || 1);
      return before.kp + share * (after.kp - before.kp);
    }
    if (before) return before.kp + length(index) - length(before.index);
    if (after) return after.kp - (length(after.index) - length(index));
    return firstKp + length(index);
  });
}
