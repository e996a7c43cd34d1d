import { common, MavLinkProtocolV1, MavLinkProtocolV2, minimal } from 'node-mavlink';
import { mavlinkReader } from '../../src/position/mavlink-datagram.ts';
import type { MavlinkOptions } from '../../src/position/mavlink-message.ts';
import { DEPTH_SENTENCES, nmeaChecksum, readSentence } from '../../src/position/nmea.ts';
import { readPositionJson } from '../../src/position/position-json.ts';
import { parsePositionUri } from '../../src/position/position-uri.ts';
import { parseRoute } from '../../src/position/route-file.ts';
import type { Heard } from '../../src/position/source-core.ts';
import { placeFields, sentence } from '../position/sentences.ts';
import { bytesOf, type FuzzedParser, must, textOf } from './fuzzed-parser.ts';

const OPTIONS: MavlinkOptions = {
  depthFrom: 'altitude',
  surfaceHectopascals: 1013.25,
  waterDensity: 1025,
  system: null,
};

/** Whatever is told is a number that can be, or has its reason. */
function mustBeSound(heard: Heard): void {
  if ('dropped' in heard) {
    must(heard.dropped.length > 0, 'dropped without a reason');
    return;
  }
  const { latitude = 0, longitude = 0, heading = 0, ...others } = heard.readings;
  must(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180, `a place of ${latitude}, ${longitude}`);
  must(heading >= 0 && heading <= 360, `a heading of ${heading}`);
  for (const [name, value] of Object.entries(others)) must(Number.isFinite(value), `${name} of ${value}`);
}

const nmea: FuzzedParser = {
  name: 'NMEA 0183',
  refusals: /^none: a line that cannot be read is counted$/,
  async open() {
    const place = placeFields(-6.1, 106.8);
    const bodies = [
      `GPGGA,120000.00,${place},1,08,1.0,0.0,M,0.0,M,,`,
      `GPRMC,120000.00,A,${place},0.5,90.0,221126,,,A`,
      'HEHDT,123.4,T',
      'HCHDG,123.4,1.0,E,2.0,W',
      'SDDBS,10.0,f,3.05,M,1.67,F',
      'SDDPT,3.05,0.5,100',
    ];
    return {
      samples: bodies.map((body) => bytesOf(sentence(body))),
      read: (bytes) => {
        const line = Buffer.from(bytes).toString('latin1');
        mustBeSound(readSentence(line, DEPTH_SENTENCES));
        // Behind its checksum too: what a broken sender signs.
        const body = line.replace(/^\$/, '').replace(/\*.*$/s, '');
        mustBeSound(readSentence(sentence(body), DEPTH_SENTENCES));
        must(nmeaChecksum(body) >= 0, 'a negative checksum');
      },
    };
  },
};

const mavlink: FuzzedParser = {
  name: 'MAVLink datagrams',
  refusals: /^none: what cannot be read is counted$/,
  async open() {
    const read = await mavlinkReader(OPTIONS);
    const second = new MavLinkProtocolV2(1, 1);
    const position = Object.assign(new common.GlobalPositionInt(), {
      lat: -61_000_000,
      lon: 1_068_000_000,
      relativeAlt: -5_000,
      hdg: 9_000,
    });
    const samples = [
      second.serialize(position, 1),
      new MavLinkProtocolV1(1, 1).serialize(Object.assign(new common.Attitude(), { yaw: 1 }), 2),
      second.serialize(Object.assign(new common.VfrHud(), { heading: 90 }), 3),
      second.serialize(new minimal.Heartbeat(), 4),
    ];
    return {
      samples: [...samples, Buffer.concat(samples)].map((packet) => new Uint8Array(packet)),
      read: (bytes) => {
        const heard = read(bytes);
        must(heard.length <= bytes.length, 'more messages than bytes');
        for (const each of heard) mustBeSound(each);
      },
    };
  },
};

const json: FuzzedParser = {
  name: 'position as JSON',
  refusals: /^none: what cannot be read is counted$/,
  async open() {
    const samples = [
      { kp: 1.5, latitude: -6.1, longitude: 106.8, depth: 12, heading: 90 },
      { header: { system_id: 1 }, message: { type: 'ATTITUDE', yaw: 1 } },
      {
        message: {
          type: 'GLOBAL_POSITION_INT',
          lat: -61_000_000,
          lon: 1_068_000_000,
          relative_alt: -1,
          hdg: 1,
        },
      },
    ];
    return {
      samples: samples.map((value) => bytesOf(JSON.stringify(value))),
      read: (bytes) => mustBeSound(readPositionJson(bytes, OPTIONS)),
    };
  },
};

const route: FuzzedParser = {
  name: 'route (GeoJSON, CSV)',
  refusals: /^DATA_INVALID$/,
  async open() {
    const line = {
      type: 'LineString',
      coordinates: [
        [106.8, -6.1],
        [106.81, -6.1],
        [106.82, -6.11],
      ],
    };
    const samples = [
      JSON.stringify(line),
      JSON.stringify({ type: 'FeatureCollection', features: [{ type: 'Feature', geometry: line }] }),
      'latitude,longitude,kp\n-6.1,106.8,0\n-6.1,106.81,1.1\n-6.11,106.82,2.5\n',
      'lat;lon\n-6.1;106.8\n-6.1;106.81\n',
    ];
    return {
      samples: samples.map(bytesOf),
      read: (bytes) => {
        const read = parseRoute(textOf(bytes), 'route');
        const along = read.locate({ latitude: -6.1, longitude: 106.805 });
        must(
          Number.isFinite(along.kp) && along.offMetres >= 0,
          `a KP of ${along.kp}, ${along.offMetres} m off`,
        );
      },
    };
  },
};

const uri: FuzzedParser = {
  name: "position source's address",
  refusals: /^none: null where it is none$/,
  async open() {
    return {
      samples: ['nmea-udp:127.0.0.1:10110', 'mavlink-udp:[::1]:14550', 'mqtts://host:8883/rov/+/pos/#'].map(
        bytesOf,
      ),
      read: (bytes) => {
        const read = parsePositionUri(textOf(bytes));
        must(
          read === null || read.kind === 'mqtt' || (read.port > 0 && read.port < 65_536),
          'a port that is none',
        );
      },
    };
  },
};

export const positionParsers: readonly FuzzedParser[] = [nmea, mavlink, json, route, uri];
