import fc from 'fast-check';
import { common, type MavLinkData, MavLinkProtocolV1, MavLinkProtocolV2, minimal } from 'node-mavlink';
import { expect, test } from 'vitest';
import { mavlinkReader } from '../../src/position/mavlink-datagram.ts';
import type { MavlinkOptions } from '../../src/position/mavlink-message.ts';
import { readPositionJson } from '../../src/position/position-json.ts';

const OPTIONS: MavlinkOptions = {
  depthFrom: 'altitude',
  surfaceHectopascals: 1013.25,
  waterDensity: 1025,
  system: null,
};
const json = (value: unknown, options: Partial<MavlinkOptions> = {}) =>
  readPositionJson(new TextEncoder().encode(JSON.stringify(value)), { ...OPTIONS, ...options });

function filled<T extends MavLinkData>(message: T, fields: Partial<T>): T {
  return Object.assign(message, fields);
}

const PRESSURE = { pressAbs: 1013.25 + 100.5, temperature: 1000 };

test('depth from a pressure follows the hydrostatic law', async () => {
  const read = await mavlinkReader({ ...OPTIONS, depthFrom: 'pressure2', waterDensity: 1000 });
  const second = new MavLinkProtocolV2().serialize(filled(new common.ScaledPressure2(), PRESSURE), 0);
  const [heard] = read(second);
  // 100.5 hPa of fresh water: 10050 Pa / (1000 kg/m³ * 9.80665 m/s²).
  expect(heard && 'readings' in heard && heard.readings.depth).toBeCloseTo(1.0248, 3);
  const first = new MavLinkProtocolV2().serialize(filled(new common.ScaledPressure(), PRESSURE), 0);
  expect(read(first)).toEqual([{ dropped: 'of-no-interest' }]);
});

test('a heading comes from ATTITUDE and VFR_HUD too; several packets share a datagram, of either version', async () => {
  const read = await mavlinkReader(OPTIONS);
  const heard = read(
    Buffer.concat([
      new MavLinkProtocolV1(1, 1).serialize(filled(new common.Attitude(), { yaw: -Math.PI / 2 }), 1),
      new MavLinkProtocolV2(1, 1).serialize(filled(new common.VfrHud(), { heading: 123 }), 2),
      new MavLinkProtocolV2(1, 1).serialize(new minimal.Heartbeat(), 3),
    ]),
  );
  expect(heard).toEqual([
    { readings: { heading: expect.closeTo(270, 4) } },
    { readings: { heading: 123 } },
    { dropped: 'of-no-interest' },
  ]);
});

test('a changed byte, another system and a place of exactly nothing are not taken', async () => {
  const message = filled(new common.GlobalPositionInt(), { lat: 1, lon: 2, hdg: 65535 });
  const packet = new MavLinkProtocolV2(7, 1).serialize(message, 0);
  const read = await mavlinkReader({ ...OPTIONS, system: 7 });
  expect(read(packet)).toMatchObject([{ readings: { latitude: 1e-7, longitude: 2e-7, depth: 0 } }]);
  const other = await mavlinkReader({ ...OPTIONS, system: 8 });
  expect(other(packet)).toEqual([{ dropped: 'other-system' }]);
  const broken = Buffer.from(packet);
  broken[12] = (broken[12] ?? 0) ^ 1;
  expect(read(broken)).toEqual([{ dropped: 'checksum-wrong' }]);
  const nowhere = filled(new common.GlobalPositionInt(), { hdg: 65535 });
  const pressureOnly = await mavlinkReader({ ...OPTIONS, depthFrom: 'pressure' });
  expect(pressureOnly(new MavLinkProtocolV2().serialize(nowhere, 0))).toEqual([{ dropped: 'no-fix' }]);
});

test('no datagram, however broken, throws or hangs', async () => {
  const read = await mavlinkReader(OPTIONS);
  const packet = new MavLinkProtocolV2(1, 1).serialize(filled(new common.GlobalPositionInt(), { lat: 5 }), 0);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.uint8Array({ maxLength: 40 }).map((noise) => new Uint8Array([0xfd, ...noise])),
    fc
      .tuple(fc.nat(packet.length), fc.uint8Array({ maxLength: 30 }))
      .map(([cut, noise]) => Uint8Array.from([...packet.subarray(0, cut), ...noise])),
  );
  fc.assert(
    fc.property(bytes, (datagram) => {
      for (const heard of read(datagram)) expect('dropped' in heard || 'readings' in heard).toBe(true);
    }),
  );
});

test("MAVLink2REST's JSON says the same as the packets", () => {
  const message = {
    type: 'GLOBAL_POSITION_INT',
    lat: -61234567,
    lon: 1068765432,
    relative_alt: -42500,
    hdg: 27150,
  };
  const header = { system_id: 1, component_id: 1, sequence: 12 };
  const status = { time: { counter: 3, frequency: 10 } };
  expect(json({ header, message, status })).toEqual({
    readings: { latitude: -6.1234567, longitude: 106.8765432, depth: 42.5, heading: 271.5 },
  });
  expect(json({ message })).toMatchObject({ readings: { depth: 42.5 } });
  expect(json({ header, message }, { system: 2 })).toEqual({ dropped: 'other-system' });
  expect(json({ message: { type: 'HEARTBEAT' } })).toEqual({ dropped: 'of-no-interest' });
  expect(json({ message: { ...message, lat: 'x' } })).toEqual({ dropped: 'field-invalid' });
});

test('a survey system tells its own KP in the plain form', () => {
  expect(json({ kp: 12.345, depth: 40 })).toEqual({ readings: { kp: 12.345, depth: 40 } });
  expect(json({ latitude: 1 })).toEqual({ dropped: 'field-invalid' });
  expect(json({ latitude: 91, longitude: 1 })).toEqual({ dropped: 'field-invalid' });
  expect(json({ depth: null })).toEqual({ dropped: 'field-invalid' });
  expect(json({ speed: 1 })).toEqual({ dropped: 'not-readable' });
  expect(json([1, 2])).toEqual({ dropped: 'not-readable' });
});

test('no JSON, however odd, throws', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const heard = readPositionJson(new TextEncoder().encode(text), OPTIONS);
      expect('dropped' in heard || 'readings' in heard).toBe(true);
    }),
  );
});
