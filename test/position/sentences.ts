import { nmeaChecksum } from '../../src/position/nmea.ts';

/** A whole NMEA 0183 sentence of this body. */
export function sentence(body: string): string {
  return `$${body}*${nmeaChecksum(body).toString(16).toUpperCase().padStart(2, '0')}`;
}

function angle(value: number, digits: number): string {
  const whole = Math.floor(value);
  return `${String(whole).padStart(digits, '0')}${((value - whole) * 60).toFixed(6).padStart(9, '0')}`;
}

/** GGA's or RMC's four fields of a place. */
export function placeFields(latitude: number, longitude: number): string {
  const northSouth = latitude < 0 ? 'S' : 'N';
  const eastWest = longitude < 0 ? 'W' : 'E';
  return `${angle(Math.abs(latitude), 2)},${northSouth},${angle(Math.abs(longitude), 3)},${eastWest}`;
}
