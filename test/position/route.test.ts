import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodeFiles } from '../../src/platform/files.ts';
import { metresBetween, type Place } from '../../src/position/geodesy.ts';
import { Route } from '../../src/position/route.ts';
import { parseRoute, readRoute } from '../../src/position/route-file.ts';

/**
 * The distance by T. Vincenty's inverse formula (Survey Review 23, 1975), which shares nothing with the product's: an
 * oracle good to a millimetre.
 */
function vincenty(from: Place, to: Place): number {
  const [a, f] = [6_378_137, 1 / 298.257223563];
  const b = a * (1 - f);
  const rad = Math.PI / 180;
  const L = (to.longitude - from.longitude) * rad;
  const [U1, U2] = [from, to].map(({ latitude }) => Math.atan((1 - f) * Math.tan(latitude * rad)));
  if (U1 === undefined || U2 === undefined) return Number.NaN;
  let lambda = L;
  for (let round = 0; round < 200; round += 1) {
    const sinSigma = Math.hypot(
      Math.cos(U2) * Math.sin(lambda),
      Math.cos(U1) * Math.sin(U2) - Math.sin(U1) * Math.cos(U2) * Math.cos(lambda),
    );
    if (sinSigma === 0) return 0;
    const cosSigma = Math.sin(U1) * Math.sin(U2) + Math.cos(U1) * Math.cos(U2) * Math.cos(lambda);
    const sigma = Math.atan2(sinSigma, cosSigma);
    const sinAlpha = (Math.cos(U1) * Math.cos(U2) * Math.sin(lambda)) / sinSigma;
    const cos2Alpha = 1 - sinAlpha ** 2;
    const cos2M = cos2Alpha === 0 ? 0 : cosSigma - (2 * Math.sin(U1) * Math.sin(U2)) / cos2Alpha;
    const C = (f / 16) * cos2Alpha * (4 + f * (4 - 3 * cos2Alpha));
    const next =
      L + (1 - C) * f * sinAlpha * (sigma + C * sinSigma * (cos2M + C * cosSigma * (2 * cos2M ** 2 - 1)));
    if (Math.abs(next - lambda) > 1e-13) {
      lambda = next;
      continue;
    }
    const u2 = (cos2Alpha * (a * a - b * b)) / (b * b);
    const A = 1 + (u2 / 16384) * (4096 + u2 * (-768 + u2 * (320 - 175 * u2)));
    const B = (u2 / 1024) * (256 + u2 * (-128 + u2 * (74 - 47 * u2)));
    const third = (B / 6) * cos2M * (4 * sinSigma ** 2 - 3) * (4 * cos2M ** 2 - 3);
    const delta = B * sinSigma * (cos2M + (B / 4) * (cosSigma * (2 * cos2M ** 2 - 1) - third));
    return b * A * (sigma - delta);
  }
  return Number.NaN;
}

const latitude = fc.double({ min: -75, max: 75, noNaN: true });
const longitude = fc.double({ min: -179, max: 179, noNaN: true });
const step = fc.double({ min: -0.02, max: 0.02, noNaN: true });

test('the oracle gives the published distance', () => {
  // Flinders Peak to Buninyong: 54 972.271 m (Geoscience Australia, Vincenty test data; GRS80, whose ellipsoid is WGS 84's to 0.1 mm).
  const flinders = { latitude: -(37 + 57 / 60 + 3.7203 / 3600), longitude: 144 + 25 / 60 + 29.5244 / 3600 };
  const buninyong = { latitude: -(37 + 39 / 60 + 10.1561 / 3600), longitude: 143 + 55 / 60 + 35.3839 / 3600 };
  expect(vincenty(flinders, buninyong)).toBeCloseTo(54_972.271, 2);
});

test('distances agree with Vincenty over some kilometres', () => {
  fc.assert(
    fc.property(latitude, longitude, step, step, (lat, lon, north, east) => {
      const from = { latitude: lat, longitude: lon };
      const to = { latitude: lat + north, longitude: lon + east };
      expect(Math.abs(metresBetween(from, to) - vincenty(from, to))).toBeLessThan(0.01);
    }),
  );
});

test('a place on the route has the KP of the way to it, and is on it', () => {
  fc.assert(
    fc.property(
      latitude,
      longitude,
      fc.array(fc.tuple(step, step), { minLength: 1, maxLength: 6 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (lat, lon, steps, share) => {
        const points = [{ latitude: lat, longitude: lon, kp: null }];
        // Eastwards only: a route that comes near itself has two KPs for one place.
        for (const [north, east] of steps) {
          const last = points.at(-1) ?? { latitude: lat, longitude: lon };
          points.push({
            latitude: last.latitude + north,
            longitude: last.longitude + Math.abs(east) + 0.01,
            kp: null,
          });
        }
        const route = new Route(points, 3);
        const leg = Math.min(points.length - 2, Math.floor(share * (points.length - 1)));
        const [from, to] = [points[leg], points[leg + 1]];
        if (!from || !to) throw new Error('no leg');
        const place = {
          latitude: from.latitude + share * (to.latitude - from.latitude),
          longitude: from.longitude + share * (to.longitude - from.longitude),
        };
        const { kp, offMetres } = route.locate(place);
        let expected = 3;
        for (let i = 0; i < leg; i += 1)
          expected += vincenty(points[i] ?? place, points[i + 1] ?? place) / 1000;
        expected += vincenty(from, place) / 1000;
        expect(offMetres).toBeLessThan(0.5);
        expect(Math.abs(kp - expected)).toBeLessThan(0.001);
      },
    ),
  );
});

test('KP never leaves the route, and is 0 metres off at its own points', () => {
  fc.assert(
    fc.property(latitude, longitude, step, step, (lat, lon, north, east) => {
      const route = new Route([
        { latitude: 1, longitude: 104, kp: 10 },
        { latitude: 1.1, longitude: 104.2, kp: 40 },
      ]);
      const { kp } = route.locate({ latitude: lat, longitude: lon });
      expect(kp).toBeGreaterThanOrEqual(10);
      expect(kp).toBeLessThanOrEqual(40);
      expect(Number.isFinite(north + east)).toBe(true);
    }),
  );
});

test('a route over the date line is short', () => {
  const route = new Route([
    { latitude: 0, longitude: 179.99, kp: null },
    { latitude: 0, longitude: -179.99, kp: null },
  ]);
  expect(route.ends[1]).toBeCloseTo(2.226, 3);
  expect(route.locate({ latitude: 0, longitude: 180 }).kp).toBeCloseTo(1.113, 3);
  expect(route.locate({ latitude: 0.001, longitude: 180 }).offMetres).toBeCloseTo(110.57, 1);
});

test('surveyed KPs stand; what lies between is shared out', () => {
  const csv = 'KP;Latitude;Longitude\n100;1.0;104.0\n;1.0;104.01\n103;1.0;104.02\n;1.0;104.03\n';
  const route = parseRoute(csv, 'route.csv');
  expect(route.locate({ latitude: 1, longitude: 104.01 }).kp).toBeCloseTo(101.5, 6);
  expect(route.ends[0]).toBe(100);
  expect(route.ends[1]).toBeCloseTo(103 + 1.113, 3);
});

test('GeoJSON alone, as a Feature or in a collection is the same route', () => {
  const line = {
    type: 'LineString',
    coordinates: [
      [104, 1],
      [104.01, 1, -40],
    ],
  };
  const feature = { type: 'Feature', properties: {}, geometry: line };
  for (const value of [line, feature, { type: 'FeatureCollection', features: [feature] }]) {
    expect(parseRoute(JSON.stringify(value), 'r.geojson', 5).ends[1]).toBeCloseTo(6.113, 3);
  }
});

test.each([
  ['', 'names no columns'],
  ['latitude,longitude\n1,104\n', 'two different points'],
  ['latitude,longitude\n1,104\n1,104\n', 'two different points'],
  ['latitude,longitude\n1,104\n,104.1\n', 'line 3 holds no place'],
  ['latitude,longitude\n1,104\n91,104.1\n', 'line 3 holds no place'],
  ['{"type":"Point","coordinates":[1,2]}', 'no GeoJSON LineString'],
  ['{"type":"LineString"', 'JSON'],
])('%j is refused: %s', (text, why) => {
  expect(() => parseRoute(text, 'route')).toThrow(why);
});

test('a route without end, or far too long, is refused before it is read', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'specta-route-'));
  try {
    const file = join(folder, 'route.csv');
    await writeFile(file, 'latitude,longitude\n1,104\n1,104.1\n');
    expect((await readRoute(nodeFiles, file, 0)).locate({ latitude: 1, longitude: 104 }).kp).toBeCloseTo(0);
    await truncate(file, 1e9);
    for (const path of [file, '/dev/zero', folder]) {
      await expect(readRoute(nodeFiles, path, 0)).rejects.toMatchObject({ code: 'DATA_INVALID' });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
