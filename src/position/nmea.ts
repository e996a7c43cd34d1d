import type { Readings } from './position-source.ts';
import type { Heard } from './source-core.ts';

/** The NMEA 0183 sentences that can tell the vehicle's depth. */
export const DEPTH_SENTENCES = ['DBS', 'DPT', 'DBT'] as const;
export type DepthSentence = (typeof DEPTH_SENTENCES)[number];

/** 82 by the standard; senders of more decimals exceed it. */
const MOST_CHARACTERS = 160;

const SENTENCE = /^\$(?<body>[A-Z]{2}(?<kind>[A-Z]{3}),[\x20-\x7e]*?)(?:\*(?<sum>[0-9A-Fa-f]{2}))?$/;

/**
 * Reads one NMEA 0183 sentence without its line end: GGA and RMC (position), HDT and HDG (heading), DBS, DPT and DBT
 * (depth), from any talker. A checksum is required, because a datagram's own does not cover the serial line before it.
 *
 * @param depthFrom the sentences that carry the vehicle's own depth below the surface: DBT, and DPT of an echo sounder
 *   looking down, tell the water under it instead, so which is which only the installer knows
 */
export function readSentence(line: string, depthFrom: readonly DepthSentence[]): Heard {
  if (line.length > MOST_CHARACTERS) return { dropped: 'too-large' };
  const { body, kind, sum } = SENTENCE.exec(line)?.groups ?? {};
  if (body === undefined || kind === undefined) return { dropped: 'not-readable' };
  if (sum === undefined) return { dropped: 'checksum-missing' };
  if (Number.parseInt(sum, 16) !== nmeaChecksum(body)) return { dropped: 'checksum-wrong' };
  const fields = body.split(',').slice(1);
  switch (kind) {
    case 'GGA':
      // Quality 0: no fix; 6 (estimated), 7 (by hand) and 8 (simulated) are no fixes either.
      if (!['1', '2', '3', '4', '5', '9'].includes(fields[5] ?? '')) return { dropped: 'no-fix' };
      return place(fields.slice(1, 5));
    case 'RMC':
      return fields[1] === 'A' ? place(fields.slice(2, 6)) : { dropped: 'no-fix' };
    case 'HDT':
      return heading(number(fields[0]));
    case 'HDG':
      return magnetic(fields);
    case 'DBS':
    case 'DBT':
      return depthFrom.includes(kind) ? depth(number(fields[2])) : { dropped: 'of-no-interest' };
    case 'DPT':
      return depthFrom.includes(kind) ? offsetDepth(fields) : { dropped: 'of-no-interest' };
    default:
      return { dropped: 'of-no-interest' };
  }
}

/** The exclusive or of the characters between `$` and `*` (NMEA 0183, 5.2.3). */
export function nmeaChecksum(body: string): number {
  let sum = 0;
  for (const character of body) sum ^= character.charCodeAt(0);
  return sum;
}

const INVALID: Heard = { dropped: 'field-invalid' };

/** A plain decimal; NaN for everything else. An empty field is how NMEA says "not known". */
function number(text: string | undefined): number {
  return /^[-+]?\d{1,9}(\.\d{1,12})?$/.test(text ?? '') ? Number(text) : Number.NaN;
}

function place([latitudeText, northSouth, longitudeText, eastWest]: readonly string[]): Heard {
  if (latitudeText === '' || longitudeText === '') return { dropped: 'no-fix' };
  const latitude = degrees(latitudeText, 2, northSouth, 'N', 'S', 90);
  const longitude = degrees(longitudeText, 3, eastWest, 'E', 'W', 180);
  return latitude === null || longitude === null ? INVALID : { readings: { latitude, longitude } };
}

/** `ddmm.mmm` or `dddmm.mmm` with its hemisphere as degrees. */
function degrees(
  text: string | undefined,
  digits: number,
  hemisphere: string | undefined,
  positive: string,
  negative: string,
  most: number,
): number | null {
  if (!new RegExp(`^\\d{${digits}}[0-5]\\d(\\.\\d{1,12})?$`).test(text ?? '')) return null;
  if (hemisphere !== positive && hemisphere !== negative) return null;
  const value = Number(text?.slice(0, digits)) + Number(text?.slice(digits)) / 60;
  if (value > most) return null;
  return hemisphere === positive || value === 0 ? value : -value;
}

function heading(value: number): Heard {
  return value >= 0 && value <= 360 ? { readings: { heading: value % 360 } } : INVALID;
}

/** HDG: magnetic, deviation, variation; true = magnetic + deviation (E +) + variation (E +). */
function magnetic(fields: readonly string[]): Heard {
  const sensor = number(fields[0]);
  if (!(sensor >= 0 && sensor <= 360)) return INVALID;
  if ((fields[3] ?? '') === '') return { dropped: 'heading-magnetic' };
  const deviation = (fields[1] ?? '') === '' ? 0 : signed(fields[1], fields[2]);
  const variation = signed(fields[3], fields[4]);
  const value = sensor + deviation + variation;
  return Number.isFinite(value) ? { readings: { heading: ((value % 360) + 360) % 360 } } : INVALID;
}

function signed(text: string | undefined, side: string | undefined): number {
  const value = number(text);
  if (!(value >= 0 && value <= 180) || (side !== 'E' && side !== 'W')) return Number.NaN;
  return side === 'E' ? value : -value;
}

/** DPT: depth below the transducer, and how far it is from the waterline where that is positive. */
function offsetDepth(fields: readonly string[]): Heard {
  const offset = (fields[1] ?? '') === '' ? 0 : number(fields[1]);
  // A negative offset leads to the keel, not to the surface.
  return depth(number(fields[0]) + (offset < 0 ? 0 : offset));
}

function depth(value: number): Heard {
  const readings: Partial<Readings> = { depth: value };
  return value >= -10 && value <= 12_000 ? { readings } : INVALID;
}
