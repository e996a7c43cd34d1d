import { createSocket } from 'node:dgram';
import mqtt from 'mqtt';
import { common, MavLinkProtocolV2 } from 'node-mavlink';
import { describe } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { openSource, type PositionChoice } from '../../src/position/open-position.ts';
import type { PositionSource } from '../../src/position/position-source.ts';
import { parsePositionUri } from '../../src/position/position-uri.ts';
import { freePort, mosquittoMissing, startMosquitto } from '../fixtures/mosquitto.ts';
import { type PositionStage, positionSourceSuite } from '../suites/position-source.ts';
import { placeFields, sentence } from './sentences.ts';

const OPTIONS: Omit<PositionChoice, 'source'> = {
  username: null,
  passwordFile: null,
  staleMs: 5_000,
  route: null,
  routeFirstKp: 0,
  offRouteMetres: 100,
  nmeaDepth: ['DBS', 'DPT'],
  mavlink: { depthFrom: 'altitude', surfaceHectopascals: 1013.25, waterDensity: 1025, system: null },
};

function sourceAt(address: string): PositionSource {
  const uri = parsePositionUri(address);
  if (uri === null) throw new Error(address);
  return openSource(uri, OPTIONS, systemClock);
}

/** A sender of datagrams, and a way to occupy the port it sends to. */
async function udpStage(
  kind: 'nmea-udp' | 'mavlink-udp',
  datagrams: (here: Parameters<PositionStage['say']>[0]) => Uint8Array[],
): Promise<PositionStage> {
  const port = await freePort();
  const sender = createSocket('udp4');
  const send = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      sender.send(bytes, port, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
    });
  return {
    source: sourceAt(`${kind}:127.0.0.1:${port}`),
    async say(here) {
      for (const datagram of datagrams(here)) await send(datagram);
    },
    async babble() {
      await send(new TextEncoder().encode('hello, vehicle'));
      return 'not-readable';
    },
    async takeAway() {
      const other = createSocket('udp4');
      await new Promise<void>((resolve) => other.bind(port, '127.0.0.1', () => resolve()));
      return () => new Promise<void>((resolve) => other.close(() => resolve()));
    },
    close: () => new Promise((resolve) => sender.close(() => resolve())),
  };
}

positionSourceSuite('nmea-udp', () =>
  udpStage('nmea-udp', ({ latitude, longitude, depth, heading }) => {
    const lines = [
      sentence(`GPGGA,101500.00,${placeFields(latitude, longitude)},4,12,0.8,2.1,M,,M,,`),
      sentence(`HEHDT,${heading.toFixed(1)},T`),
      sentence(`SDDPT,${depth.toFixed(2)},0.0`),
    ];
    return [new TextEncoder().encode(`${lines.join('\r\n')}\r\n`)];
  }),
);

positionSourceSuite('mavlink-udp', () =>
  udpStage('mavlink-udp', ({ latitude, longitude, depth, heading }) => {
    const message = new common.GlobalPositionInt();
    message.lat = Math.round(latitude * 1e7);
    message.lon = Math.round(longitude * 1e7);
    message.relativeAlt = Math.round(-depth * 1000);
    message.hdg = Math.round(heading * 100);
    return [new MavLinkProtocolV2(1, 1).serialize(message, 7)];
  }),
);

describe.skipIf(mosquittoMissing !== null)('over a broker', () => {
  positionSourceSuite('mqtt', async () => {
    const port = await freePort();
    let broker = await startMosquitto({ port });
    const url = `mqtt://127.0.0.1:${port}`;
    const publish = async (text: string): Promise<void> => {
      const client = await mqtt.connectAsync(url);
      await client.publishAsync('mavlink/1/1/GLOBAL_POSITION_INT', text, { qos: 1 });
      await client.endAsync();
    };
    return {
      source: sourceAt(`${url}/mavlink/#`),
      say({ latitude, longitude, depth, heading }) {
        const message = {
          type: 'GLOBAL_POSITION_INT',
          time_boot_ms: 1,
          lat: Math.round(latitude * 1e7),
          lon: Math.round(longitude * 1e7),
          alt: 0,
          relative_alt: Math.round(-depth * 1000),
          vx: 0,
          vy: 0,
          vz: 0,
          hdg: Math.round(heading * 100),
        };
        return publish(JSON.stringify({ header: { system_id: 1, component_id: 1, sequence: 3 }, message }));
      },
      async babble() {
        await publish('hello, vehicle');
        return 'not-readable';
      },
      async takeAway() {
        await broker.stop();
        return async () => {
          broker = await startMosquitto({ port });
        };
      },
      close: () => broker.stop(),
    };
  });
});
