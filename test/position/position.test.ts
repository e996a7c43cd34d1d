import { expect, test } from 'vitest';
import { ManualClock } from '../../src/platform/clock.ts';
import { SpectaError } from '../../src/platform/errors.ts';
import { Position, type PositionOptions } from '../../src/position/position.ts';
import type { PositionSource, Readings } from '../../src/position/position-source.ts';
import { parsePositionUri } from '../../src/position/position-uri.ts';
import { Route } from '../../src/position/route.ts';
import { SourceCore } from '../../src/position/source-core.ts';

/** A source that says what the test says. */
class ScriptedSource implements PositionSource {
  readonly name = 'scripted';
  readonly core: SourceCore;
  constructor(clock: ManualClock) {
    this.core = new SourceCore(clock);
  }
  get state() {
    return this.core.state;
  }
  get dropped() {
    return this.core.dropped;
  }
  onSighting = (listener: Parameters<PositionSource['onSighting']>[0]) => this.core.sightings.on(listener);
  onState = (listener: Parameters<PositionSource['onState']>[0]) => this.core.states.on(listener);
  start = (): void => this.core.become({ kind: 'listening' });
  stop = async (): Promise<void> => this.core.become({ kind: 'stopped' });
  say = (readings: Partial<Readings>): void => this.core.hear({ readings });
}

function staged(options: Partial<PositionOptions> = {}) {
  const clock = new ManualClock({ monoMs: 1000, utcMs: Date.UTC(2026, 4, 20, 9, 30) });
  const source = new ScriptedSource(clock);
  const position = new Position({
    source,
    staleMs: 5000,
    route: null,
    offRouteMetres: 50,
    clock,
    ...options,
  });
  const conditions: string[] = [];
  position.onCondition(({ condition, reason }) => conditions.push(`${condition}: ${reason}`));
  return { clock, source, position, conditions };
}

const ROUTE = new Route([
  { latitude: 1, longitude: 104, kp: null },
  { latitude: 1, longitude: 104.1, kp: null },
]);

test('says what it knows, and since when nothing was heard', async () => {
  const { clock, source, position, conditions } = staged();
  position.start();
  expect(position.fixAt(clock.now()).missing).toBe('nothing was heard yet on scripted');
  source.say({ latitude: 1, longitude: 104, depth: 40 });
  await clock.advance(2000);
  source.say({ heading: 90 });
  const fix = position.fixAt(clock.now());
  expect(fix).toMatchObject({ latitude: 1, longitude: 104, depth: 40, heading: 90, kp: null, missing: null });
  // As old as its oldest part.
  expect(clock.now().monoMs - fix.at.monoMs).toBe(2000);
  await clock.advance(4000);
  expect(position.fixAt(clock.now())).toMatchObject({
    latitude: null,
    depth: null,
    heading: 90,
    missing: 'latitude stale since 2026-05-20T09:30:00Z; depth stale since 2026-05-20T09:30:00Z',
  });
  await clock.advance(4000);
  expect(position.fixAt(clock.now())).toMatchObject({
    heading: null,
    missing: 'nothing heard on scripted since 2026-05-20T09:30:02Z',
  });
  source.say({ depth: 41, heading: 91, latitude: 1, longitude: 104 });
  expect(conditions).toEqual([
    'recovering: nothing was heard yet on scripted',
    'ok: null',
    'recovering: latitude stale since 2026-05-20T09:30:00Z; depth stale since 2026-05-20T09:30:00Z',
    'recovering: nothing heard on scripted since 2026-05-20T09:30:02Z',
    'ok: null',
  ]);
  await position.stop();
  await position.stop();
});

test('KP comes from the route, and not from far beside it', async () => {
  const { clock, source, position } = staged({ route: async () => ROUTE });
  position.start();
  await clock.advance(0);
  source.say({ latitude: 1.0001, longitude: 104.05 });
  expect(position.fixAt(clock.now()).kp).toBeCloseTo(5.5651, 3);
  source.say({ latitude: 1.001, longitude: 104.05 });
  expect(position.fixAt(clock.now())).toMatchObject({
    kp: null,
    latitude: 1.001,
    missing: 'no KP: farther than 50 m from the route',
  });
  expect(position.condition.condition).toBe('recovering');
});

test('a KP that the source tells itself stands where no route is given', () => {
  const { clock, source, position } = staged();
  position.start();
  source.say({ kp: 12.5 });
  expect(position.fixAt(clock.now()).kp).toBe(12.5);
});

test('with a route a KP that the source tells stands as long as there is no place to find on it', async () => {
  const { clock, source, position } = staged({ route: async () => ROUTE });
  position.start();
  await clock.advance(0);
  source.say({ depth: 40 });
  expect(position.fixAt(clock.now()).missing).toBe('no KP: no latitude was heard');
  source.say({ kp: 12.5 });
  expect(position.fixAt(clock.now())).toMatchObject({ kp: 12.5, missing: null });
  expect(position.condition).toEqual({ condition: 'ok', reason: null });
});

test('a route that cannot be read costs the KP and nothing else', async () => {
  const route = (): Promise<Route> =>
    Promise.reject(new SpectaError('DATA_INVALID', 'The route is empty.', 'Mend it.'));
  const { clock, source, position } = staged({ route });
  position.start();
  await clock.advance(0);
  source.say({ latitude: 1, longitude: 104 });
  expect(position.condition).toEqual({ condition: 'failed', reason: 'no KP: The route is empty.' });
  expect(position.fixAt(clock.now())).toMatchObject({ latitude: 1, missing: 'no KP: The route is empty.' });
});

test('addresses of sources', () => {
  expect(parsePositionUri('nmea-udp:10110')).toEqual({ kind: 'nmea-udp', host: '0.0.0.0', port: 10110 });
  expect(parsePositionUri('mavlink-udp:[::1]:14550')).toEqual({
    kind: 'mavlink-udp',
    host: '::1',
    port: 14550,
  });
  expect(parsePositionUri('mqtt://blueos.local:1883/mavlink/+/1/#')).toEqual({
    kind: 'mqtt',
    broker: 'mqtt://blueos.local:1883',
    topicFilter: 'mavlink/+/1/#',
  });
  for (const wrong of [
    '',
    'nmea-udp:',
    'nmea-udp:70000',
    'mqtt://host',
    'mqtt://u:p@host/x',
    'mqtt://h/a#',
    'mqtt://h/#/a',
  ]) {
    expect(parsePositionUri(wrong), wrong).toBeNull();
  }
});
