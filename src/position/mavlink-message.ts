import type { Readings } from './position-source.ts';
import type { Heard } from './source-core.ts';

/** What of MAVLink the depth comes from: the autopilot's own altitude, or one of its pressure sensors. */
export const MAVLINK_DEPTHS = ['altitude', 'pressure', 'pressure2', 'pressure3'] as const;

export interface MavlinkOptions {
  /**
   * `altitude`: GLOBAL_POSITION_INT.relative_alt, whose zero an underwater autopilot sets at the surface. `pressure`,
   * `pressure2`, `pressure3`: SCALED_PRESSURE, SCALED_PRESSURE2, SCALED_PRESSURE3 (ArduSub tells the sensor outside the
   * hull in the second).
   */
  readonly depthFrom: (typeof MAVLINK_DEPTHS)[number];
  /** Air pressure at the surface, hPa. */
  readonly surfaceHectopascals: number;
  /** Of the water, kg/m³. */
  readonly waterDensity: number;
  /** Only this MAVLink system is heard; null: any. */
  readonly system: number | null;
}

/** Standard acceleration of gravity, m/s² (3rd CGPM, 1901). */
const GRAVITY = 9.80665;

const PRESSURES: ReadonlyMap<string, MavlinkOptions['depthFrom']> = new Map([
  ['SCALED_PRESSURE', 'pressure'],
  ['SCALED_PRESSURE2', 'pressure2'],
  ['SCALED_PRESSURE3', 'pressure3'],
]);

/** MAVLink messages that are read, by name. */
export const MAVLINK_NAMES: readonly string[] = [
  'GLOBAL_POSITION_INT',
  'VFR_HUD',
  'ATTITUDE',
  ...PRESSURES.keys(),
];

/** The largest value of an unsigned 16-bit field: "not known" in the MAVLink message set. */
const UNKNOWN_HEADING = 65_535;

/**
 * What a MAVLink message tells; fields by their names and in the units of MAVLink's common message set. The heading
 * comes from GLOBAL_POSITION_INT, ATTITUDE and VFR_HUD alike: whichever came last counts.
 */
export function readMavlink(
  name: string,
  fields: Readonly<Record<string, unknown>>,
  options: MavlinkOptions,
): Heard {
  const value = (field: string): number => {
    const given = fields[field];
    return typeof given === 'number' && Number.isFinite(given) ? given : Number.NaN;
  };
  switch (name) {
    case 'GLOBAL_POSITION_INT':
      return globalPosition(value('lat'), value('lon'), value('relative_alt'), value('hdg'), options);
    case 'ATTITUDE': {
      const yaw = (value('yaw') * 180) / Math.PI;
      return yaw >= -360 && yaw <= 360 ? { readings: { heading: (yaw + 360) % 360 } } : INVALID;
    }
    case 'VFR_HUD': {
      const heading = value('heading');
      return heading >= 0 && heading <= 360 ? { readings: { heading: heading % 360 } } : INVALID;
    }
    default:
      return pressure(name, value('press_abs'), options);
  }
}

const INVALID: Heard = { dropped: 'field-invalid' };

function globalPosition(
  lat: number,
  lon: number,
  relativeAltitude: number,
  centidegrees: number,
  { depthFrom }: MavlinkOptions,
): Heard {
  const readings: { -readonly [Name in keyof Readings]?: Readings[Name] } = {};
  const latitude = lat / 1e7;
  const longitude = lon / 1e7;
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) return INVALID;
  // Autopilots without a position tell exactly 0, 0.
  if (lat !== 0 || lon !== 0) {
    readings.latitude = latitude;
    readings.longitude = longitude;
  }
  if (depthFrom === 'altitude') {
    if (!Number.isFinite(relativeAltitude)) return INVALID;
    readings.depth = 0 - relativeAltitude / 1000;
  }
  if (centidegrees !== UNKNOWN_HEADING) {
    if (!(centidegrees >= 0 && centidegrees <= 36_000)) return INVALID;
    readings.heading = (centidegrees / 100) % 360;
  }
  return Object.keys(readings).length === 0 ? { dropped: 'no-fix' } : { readings };
}

/** Depth below the surface by the hydrostatic law, h = (p - p0) / (ρ g). */
function pressure(name: string, hectopascals: number, options: MavlinkOptions): Heard {
  if (PRESSURES.get(name) !== options.depthFrom) return { dropped: 'of-no-interest' };
  if (!(hectopascals > 0)) return INVALID;
  const { surfaceHectopascals, waterDensity } = options;
  return {
    readings: { depth: ((hectopascals - surfaceHectopascals) * 100) / (waterDensity * GRAVITY) },
  };
}
