/** A place on the WGS 84 ellipsoid, degrees. */
export interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

/** Metres east and north of a place. */
export interface Offset {
  readonly east: number;
  readonly north: number;
}

/** Semi-major axis, m, and flattening of WGS 84 (NIMA TR8350.2, third edition, table 3.1). */
const AXIS = 6_378_137;
const FLATTENING = 1 / 298.257223563;
const ECCENTRICITY_SQUARED = FLATTENING * (2 - FLATTENING);

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** A difference of longitudes as -180..180: the short way, also over the date line. */
export function shortWay(degrees: number): number {
  return ((((degrees + 180) % 360) + 360) % 360) - 180;
}

/**
 * How far `to` lies east and north of `from`, metres.
 *
 * Formula: the mid-latitude form of the inverse geodetic problem: Δnorth = M(φm) Δφ and Δeast = N(φm) cos φm Δλ, with
 * the radii of curvature in the meridian, M = a (1 - e²) / (1 - e² sin² φ)^(3/2), and in the prime vertical,
 * N = a / (1 - e² sin² φ)^(1/2), at the mean latitude φm (R. H. Rapp, Geometric Geodesy, part I, Ohio State University
 * 1991, sections 3 and 6). Within 1 mm for 1 km, 0.1 m for 10 km, away from the poles.
 */
export function offsetBetween(from: Place, to: Place): Offset {
  const middle = radians((from.latitude + to.latitude) / 2);
  const bend = 1 - ECCENTRICITY_SQUARED * Math.sin(middle) ** 2;
  const meridian = (AXIS * (1 - ECCENTRICITY_SQUARED)) / bend ** 1.5;
  const primeVertical = AXIS / Math.sqrt(bend);
  return {
    north: meridian * radians(to.latitude - from.latitude),
    east: primeVertical * Math.cos(middle) * radians(shortWay(to.longitude - from.longitude)),
  };
}

/** The place so far (0..1) along the straight line in longitude and latitude, as RFC 7946, 3.1.1 defines a line. */
export function between(from: Place, to: Place, share: number): Place {
  return {
    latitude: from.latitude + share * (to.latitude - from.latitude),
    longitude: shortWay(from.longitude + share * shortWay(to.longitude - from.longitude)),
  };
}

/** Length of a line of at most some kilometres, metres. */
export function metresBetween(from: Place, to: Place): number {
  const { east, north } = offsetBetween(from, to);
  return Math.hypot(east, north);
}
