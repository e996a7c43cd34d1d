import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpectaError } from '../../src/platform/errors.ts';
import { alertMessage, alertSchema } from '../../src/surface/messages/alert.ts';
import { MESSAGES, type MessageName } from '../../src/surface/messages/catalogue.ts';
import { detectionMessage, detectionSchema } from '../../src/surface/messages/detection.ts';
import { encode } from '../../src/surface/messages/envelope.ts';
import { messageExamples } from '../../src/surface/messages/examples.ts';
import { healthMessage, healthSchema } from '../../src/surface/messages/health.ts';
import { markHistorical } from '../../src/surface/messages/historical.ts';
import { publishedFiles } from '../../src/surface/messages/published.ts';
import { TOPIC_KINDS, topicsOf } from '../../src/surface/topics.ts';
import { alertBytes, at, changeOf, findingOf, stampOf, verdictAt } from './samples.ts';

const folder = resolve(import.meta.dirname, '../../docs/messages');
const names = Object.keys(MESSAGES) as MessageName[];

test('the committed schemas and examples are what the code says', () => {
  // published.json tells what was, not what is.
  const committed = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => /\.(json|md)$/.test(name) && name !== 'published.json',
  );
  const published = publishedFiles();
  expect(committed.toSorted()).toEqual([...published.keys()].toSorted());
  for (const [name, text] of published) expect(readFileSync(join(folder, name), 'utf8'), name).toBe(text);
});

test('every topic of a vehicle has exactly one payload', () => {
  expect(names.map((name) => MESSAGES[name].topic).toSorted()).toEqual(Object.keys(TOPIC_KINDS).toSorted());
});

test.each(names)('the example of %s fits its published JSON Schema and its own type', (name) => {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: { 'date-time': true } });
  const schema = JSON.parse(readFileSync(join(folder, MESSAGES[name].file), 'utf8')) as object;
  const example: unknown = JSON.parse(readFileSync(join(folder, 'examples', MESSAGES[name].file), 'utf8'));
  const validate = ajv.compile(schema);
  expect(validate(example), JSON.stringify(validate.errors)).toBe(true);
  expect(MESSAGES[name].schema.safeParse(example).success).toBe(true);
  expect(validate({ ...(example as object), vehicle: 7 })).toBe(false);
  // Readers take fields they do not know.
  expect(validate({ ...(example as object), later: 'added' })).toBe(true);
});

test('an alert carries what the finding knows, with durations of the monotonic clock', () => {
  const fix = {
    at: at(10.2),
    source: 'usbl',
    kp: 3.1,
    latitude: null,
    longitude: null,
    depth: 30,
    heading: 90,
    missing: null,
  };
  const closed = findingOf('f-1', { closedAt: at(15), closeReason: 'gone', fix });
  const alert = alertMessage({
    ...stampOf(7),
    change: changeOf(closed, 'closed'),
    evidence: { file: 'stills/f-1.jpg', sha256: 'cd'.repeat(32) },
  });
  expect(alert).toMatchObject({
    schema: 1,
    vehicle: 'rov-1',
    boot: 'boot-1',
    sequence: 7,
    historical: false,
    finding: 'f-1',
    phase: 'closed',
    closeReason: 'gone',
    class: 'crack',
    durationSeconds: 2.5,
    probability: { peak: 0.95, mean: 0.8 },
    thresholds: { on: 0.7, off: 0.5 },
    review: 'unreviewed',
    evidence: { sha256: 'cd'.repeat(32) },
    position: { kp: 3.1, latitude: null, depthMetres: 30 },
  });
  expect(alert.position?.ageSeconds).toBeCloseTo(0.8);
  expect(alert.notice.en).toMatch(/screening aid/i);
  expect(alert.closedAt).toBe(new Date(at(15).utcMs).toISOString());
  expect(alertSchema.parse(JSON.parse(new TextDecoder().decode(encode(alertSchema, alert))))).toEqual(alert);
});

test('a crack in rust is both defects in one detection', () => {
  const message = detectionMessage(verdictAt(1, 0.9, 0.8), {
    ...stampOf(1),
    run: null,
    thresholds: { crack: 0.7, corrosion: 0.6 },
    fix: null,
  });
  expect(message.defects.map((found) => found.class).toSorted()).toEqual(['corrosion', 'crack']);
});

test('a blind verdict has no label and no defect', () => {
  const blind = { ...verdictAt(1, 0), label: null, blind: 'turbid' as const, probabilities: {} };
  const message = detectionMessage(blind, {
    ...stampOf(1),
    run: 'r',
    thresholds: { crack: 0 },
    fix: null,
  });
  expect(detectionSchema.parse(message)).toMatchObject({ label: null, blind: 'turbid', defects: [] });
});

test('a number that is not finite never leaves the vehicle', () => {
  fc.assert(
    fc.property(fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY), (wrong) => {
      const message = { ...messageExamples().health, fps: wrong };
      expect(() => encode(healthSchema, message)).toThrow(SpectaError);
      const detection = detectionMessage(verdictAt(1, wrong), {
        ...stampOf(1),
        run: null,
        thresholds: {},
        fix: null,
      });
      expect(() => encode(detectionSchema, detection)).toThrow(/probabilities/);
    }),
  );
});

test('health tells the age of the oldest entry, and null for an empty outbox', () => {
  const base = {
    ...stampOf(1),
    at: at(100),
    uptimeSeconds: 1,
    fps: 30,
    latencyMs: {},
    drops: {},
    engine: null,
    temperatureCelsius: null,
    memoryBytes: 1,
    cpuMsPerFrame: null,
    eventLoopDelayMs: { p50: 1, p95: 2, p99: 3 },
    firstVerdictSeconds: null,
    stride: 1,
  };
  const outbox = { waiting: { alert: 1, run: 0, image: 0 }, bytes: 9, unheard: 0, dropped: {} };
  const some = healthMessage({ ...base, outbox: { ...outbox, oldestUtcMs: at(40).utcMs } });
  expect(some.outbox.oldestAgeSeconds).toBe(60);
  expect(
    healthMessage({ ...base, outbox: { ...outbox, oldestUtcMs: null } }).outbox.oldestAgeSeconds,
  ).toBeNull();
});

test('the historical mark changes nothing else', () => {
  const before = alertBytes(3);
  const after = markHistorical(before);
  expect(after).not.toBeNull();
  const read = (bytes: Uint8Array): Record<string, unknown> => JSON.parse(new TextDecoder().decode(bytes));
  expect(read(after ?? before)).toEqual({ ...read(before), historical: true });
  expect(markHistorical(new Uint8Array([0xff, 0xd8]))).toBeNull();
  expect(markHistorical(new TextEncoder().encode('[1]'))).toBeNull();
});

test('a topic is found again by its parser, and nothing else is', () => {
  const topics = topicsOf('rov-1');
  const level = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,40}$/);
  fc.assert(
    fc.property(level, (name) => {
      expect(topics.parse(topics.alertImage(name))).toEqual({ name: 'alertImage', of: name });
      expect(topics.parse(topics.status(name))).toEqual({ name: 'status', of: name });
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const found = topics.parse(text);
      if (found) expect(text.startsWith('specta/rov-1/')).toBe(true);
    }),
  );
  expect(topics.parse('specta/rov-1/alerts')).toEqual({ name: 'alerts', of: null });
  expect(topics.parse('specta/rov-2/alerts')).toBeNull();
  expect(topics.parse('specta/rov-1/alerts/a/b/image')).toBeNull();
});

test.each([
  '',
  'a/b',
  '#',
  '+',
  'rov 1',
  '$SYS',
  'ü',
  'x'.repeat(64),
])('"%s" is no name for a vehicle', (name) => {
  expect(() => topicsOf(name)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

test('an identifier with a wildcard never becomes a topic', () => {
  expect(() => topicsOf('rov-1').alertImage('a/#')).toThrow(SpectaError);
});
