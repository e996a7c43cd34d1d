import { z } from 'zod';
import { SpectaError } from '../platform/errors.ts';
import type { FileSystem } from '../platform/files.ts';
import { Route, type RoutePoint } from './route.ts';

const HELP =
  'Give a GeoJSON LineString (WGS 84), or a CSV with the columns latitude and longitude, in degrees, and perhaps kp, in km.';
const MOST_POINTS = 200_000;
/** So many points with all their digits; a larger file is not read into memory. */
const MOST_BYTES = 33_554_432;

const position = z.tuple([z.number().min(-180).max(180), z.number().min(-90).max(90)], z.number());
const lineString = z.object({ type: z.literal('LineString'), coordinates: z.array(position).min(2) });
const feature = z.object({ type: z.literal('Feature'), geometry: lineString });
const collection = z.object({ type: z.literal('FeatureCollection'), features: z.tuple([feature]) });

const COLUMNS: Readonly<Record<'latitude' | 'longitude' | 'kp', readonly string[]>> = {
  latitude: ['latitude', 'lat'],
  longitude: ['longitude', 'lon', 'lng'],
  kp: ['kp', 'kilometre', 'kilometer'],
};

function invalid(name: string, what: string): SpectaError {
  return new SpectaError('DATA_INVALID', `The route ${name} cannot be used: ${what}.`, HELP);
}

/**
 * Reads a route from the text of a GeoJSON file (one LineString, alone, in a Feature or in a collection of one) or of a
 * CSV with a heading line.
 *
 * @param firstKp KP of the first point where the file gives none, km
 * @throws SpectaError `DATA_INVALID`
 */
export function parseRoute(text: string, name: string, firstKp = 0): Route {
  const points = text.trimStart().startsWith('{') ? geojsonPoints(text, name) : csvPoints(text, name);
  if (points.length > MOST_POINTS) throw invalid(name, `it has more than ${MOST_POINTS} points`);
  try {
    return new Route(points, firstKp);
  } catch (error) {
    if (error instanceof RangeError) throw invalid(name, error.message);
    throw error;
  }
}

/** Reads a route file. Throws `DATA_INVALID`, `DISK_FAILED`. */
export async function readRoute(fs: FileSystem, path: string, firstKp: number): Promise<Route> {
  const found = await fs.stat(path);
  if (found !== null && found.kind !== 'file') throw invalid(path, 'it is no plain file');
  if (found !== null && found.bytes > MOST_BYTES) {
    throw invalid(path, `it has ${found.bytes} bytes, more than ${MOST_BYTES}`);
  }
  return parseRoute(new TextDecoder().decode(await fs.readFile(path)), path, firstKp);
}

function geojsonPoints(text: string, name: string): RoutePoint[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(name, error instanceof Error ? error.message : String(error));
  }
  const parsed = z.union([lineString, feature, collection]).safeParse(value);
  if (!parsed.success) throw invalid(name, 'it is no GeoJSON LineString of longitudes and latitudes');
  const { data } = parsed;
  const line =
    data.type === 'LineString' ? data : data.type === 'Feature' ? data.geometry : data.features[0].geometry;
  return line.coordinates.map(([longitude, latitude]) => ({ latitude, longitude, kp: null }));
}

function csvPoints(text: string, name: string): RoutePoint[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const heading = lines[0] ?? '';
  const separator = heading.includes(';') ? ';' : heading.includes('\t') ? '\t' : ',';
  const names = heading.split(separator).map((column) => column.trim().replaceAll('"', '').toLowerCase());
  const column = (of: keyof typeof COLUMNS): number => names.findIndex((each) => COLUMNS[of].includes(each));
  const [latitudeAt, longitudeAt, kpAt] = [column('latitude'), column('longitude'), column('kp')];
  if (latitudeAt < 0 || longitudeAt < 0) {
    throw invalid(name, 'its first line names no columns latitude and longitude');
  }
  const points: RoutePoint[] = [];
  lines.slice(1).forEach((line, index) => {
    if (line.trim() === '') return;
    const cells = line.split(separator).map((cell) => cell.trim().replaceAll('"', ''));
    const latitude = decimal(cells[latitudeAt]);
    const longitude = decimal(cells[longitudeAt]);
    const kpCell = kpAt < 0 ? '' : (cells[kpAt] ?? '');
    const kp = kpCell === '' ? null : decimal(kpCell);
    const isSound =
      Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180 && (kp === null || Number.isFinite(kp));
    if (!isSound) throw invalid(name, `line ${index + 2} holds no place: ${line.slice(0, 60)}`);
    points.push({ latitude, longitude, kp });
  });
  return points;
}

/** NaN for what is no plain number: an empty cell is no 0. */
function decimal(text: string | undefined): number {
  return /^[-+]?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text ?? '') ? Number(text) : Number.NaN;
}
