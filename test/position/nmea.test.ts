import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DEPTH_SENTENCES, readSentence } from '../../src/position/nmea.ts';
import { placeFields, sentence } from './sentences.ts';

const read = (line: string) => readSentence(line, ['DBS', 'DPT']);

test('reads the sentences of others as they are sent', () => {
  // The checksums are those of the senders, not computed here.
  expect(read('$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47')).toEqual({
    readings: { latitude: 48 + 7.038 / 60, longitude: 11 + 31 / 60 },
  });
  expect(read('$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A')).toMatchObject({
    readings: { latitude: 48 + 7.038 / 60 },
  });
});

test.each([
  ['HEHDT,359.9,T', { heading: 359.9 }],
  ['HCHDG,98.3,0.0,E,12.6,W', { heading: 85.7 }],
  ['HCHDG,5.0,,,12.0,W', { heading: 353 }],
  ['SDDPT,42.5,', { depth: 42.5 }],
  ['SDDPT,42.5,1.5', { depth: 44 }],
  ['SDDPT,42.5,-0.7', { depth: 42.5 }],
  ['SDDBS,139.4,f,42.5,M,23.2,F', { depth: 42.5 }],
] as const)('%s', (body, readings) => {
  const heard = read(sentence(body));
  expect('readings' in heard && Object.keys(heard.readings)).toEqual(Object.keys(readings));
  for (const [name, value] of Object.entries(readings)) {
    expect('readings' in heard && Reflect.get(heard.readings, name)).toBeCloseTo(value, 9);
  }
});

test.each([
  ['$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,', 'checksum-missing'],
  ['$GPGGA,123519,4807.039,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47', 'checksum-wrong'],
  [sentence('GPGGA,123519,,,,,0,00,,,M,,M,,'), 'no-fix'],
  [sentence('GPGGA,123519,4807.038,N,01131.000,E,8,08,,,M,,M,,'), 'no-fix'],
  [sentence('GPRMC,123519,V,4807.038,N,01131.000,E,0,0,230394,,'), 'no-fix'],
  [sentence('GPGGA,123519,9107.038,N,01131.000,E,1,08,,,M,,M,,'), 'field-invalid'],
  [sentence('GPGGA,123519,4867.038,N,01131.000,E,1,08,,,M,,M,,'), 'field-invalid'],
  [sentence('GPGGA,123519,4807.038,X,01131.000,E,1,08,,,M,,M,,'), 'field-invalid'],
  [sentence('HEHDT,,T'), 'field-invalid'],
  [sentence('HEHDT,400,T'), 'field-invalid'],
  [sentence('HCHDG,98.3,0.0,E,,'), 'heading-magnetic'],
  [sentence('SDDBT,139.4,f,42.5,M,23.2,F'), 'of-no-interest'],
  [sentence('GPGSV,1,1,00'), 'of-no-interest'],
  ['!AIVDM,1,1,,B,177KQJ5000G?tO`K>RA1wUbN0TKH,0*5C', 'not-readable'],
  ['', 'not-readable'],
  [sentence(`GPTXT,${'x'.repeat(400)}`), 'too-large'],
] as const)('%s is not used: %s', (line, dropped) => {
  expect(read(line)).toEqual({ dropped });
});

test('what a depth below the transducer means, only the installer knows', () => {
  const line = sentence('SDDBT,139.4,f,42.5,M,23.2,F');
  expect(readSentence(line, DEPTH_SENTENCES)).toEqual({ readings: { depth: 42.5 } });
});

test('any place comes through', () => {
  const place = fc.record({
    latitude: fc.double({ min: -90, max: 90, noNaN: true }),
    longitude: fc.double({ min: -180, max: 180, noNaN: true }),
  });
  fc.assert(
    fc.property(place, ({ latitude, longitude }) => {
      const body = `INGGA,0,${placeFields(latitude, longitude)},4,12,,,M,,M,,`;
      // Six decimals of a minute may round up to a whole one.
      fc.pre(!body.includes('60.000000'));
      const heard = read(sentence(body));
      if (!('readings' in heard)) throw new Error(heard.dropped);
      expect(heard.readings.latitude).toBeCloseTo(latitude, 7);
      expect(heard.readings.longitude).toBeCloseTo(longitude, 7);
    }),
  );
});

test('no line, however broken, throws, and no readings are out of range', () => {
  const field = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.double().map(String),
    fc.constantFrom('', 'A', 'N', 'E', '1'),
  );
  const kind = fc.constantFrom('GPGGA', 'GPRMC', 'HEHDT', 'HCHDG', 'SDDPT', 'SDDBS', 'SDDBT', 'GPXYZ');
  const body = fc
    .tuple(kind, fc.array(field, { maxLength: 14 }))
    .map(([name, fields]) => [name, ...fields].join(','));
  fc.assert(
    fc.property(fc.oneof(fc.string(), body.map(sentence)), (line) => {
      const heard = readSentence(line, DEPTH_SENTENCES);
      if ('dropped' in heard) return;
      const { latitude = 0, longitude = 0, depth = 0, heading = 0 } = heard.readings;
      expect(Math.abs(latitude)).toBeLessThanOrEqual(90);
      expect(Math.abs(longitude)).toBeLessThanOrEqual(180);
      expect(Math.abs(depth)).toBeLessThanOrEqual(12_000);
      expect(heading >= 0 && heading < 360).toBe(true);
    }),
  );
});
