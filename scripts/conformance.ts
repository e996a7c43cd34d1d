import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import mqtt, { type IPublishPacket } from 'mqtt';
import { startDaemon } from '../src/daemon/daemon.ts';
import { parseConfig } from '../src/daemon/load-config.ts';
import { ensureDemoRun } from '../src/footage/demo-run.ts';
import { resolveBundle } from '../src/model/bundle.ts';
import { createLog } from '../src/platform/log.ts';
import { nmeaChecksum } from '../src/position/nmea.ts';
import { freePort, startMosquitto } from '../test/fixtures/mosquitto.ts';

// Records docs/messages/conformance.jsonl: every message of one inspection of rendered footage, as a client above water
// hears it from a real Mosquitto. Run it anew when messages change.

const project = resolve(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    /** A rendered run; default: the demo's, rendered into the work folder. */
    footage: { type: 'string' },
    /** Where the vehicle's state stays; default: nowhere. */
    state: { type: 'string' },
    out: { type: 'string', default: join(project, 'docs/messages/conformance.jsonl') },
  },
});

const work = mkdtempSync(join(tmpdir(), 'specta-conformance-'));
const broker = await startMosquitto();
try {
  const lines: string[] = [];
  const began = performance.now();
  let images = 0;
  const client = await mqtt.connectAsync(broker.url, { protocolVersion: 5, clientId: 'conformance' });
  client.on('message', (topic: string, payload: Buffer, packet: IPublishPacket) => {
    const { contentType, messageExpiryInterval, userProperties } = packet.properties ?? {};
    const isJson = !topic.endsWith('/image');
    // One picture is enough to test a client with; the others are told by size.
    if (!isJson) images += 1;
    const body = isJson
      ? { payload: JSON.parse(payload.toString('utf8')) as unknown }
      : { bytes: payload.byteLength, ...(images === 1 ? { payloadBase64: payload.toString('base64') } : {}) };
    lines.push(
      JSON.stringify({
        afterMs: Math.round(performance.now() - began),
        topic,
        qos: packet.qos,
        retain: packet.retain,
        contentType,
        expirySeconds: messageExpiryInterval,
        userProperties,
        ...body,
      }),
    );
  });
  await client.subscribeAsync('#', { qos: 1, rap: true });

  const port = await freePort();
  const route = join(work, 'route.csv');
  writeFileSync(route, 'kp,latitude,longitude\n12.000,-6.1000,106.8000\n13.107,-6.1000,106.8100\n');
  const footage = values.footage ?? (await ensureDemoRun(join(work, 'footage'), {}));
  const config = parseConfig(
    JSON.stringify({
      vehicle: 'rov-1',
      stateFolder: resolve(values.state ?? join(work, 'state')),
      camera: { uri: `replay:${resolve(footage)}`, rate: 10 },
      surface: { broker: broker.url, homeAssistant: 'homeassistant' },
      position: { source: `nmea-udp:127.0.0.1:${port}`, route },
    }),
    {},
  );
  const bundle = await resolveBundle(config.model.bundle, join(project, 'models'));
  const ended = new AbortController();
  const daemon = await startDaemon(config, {
    log: createLog('error'),
    version: '0.1.0',
    bundle,
    onEvent: ({ kind }) => {
      if (kind === 'camera-ended') ended.abort();
    },
  });
  const sender = createSocket('udp4');
  let step = 0;
  const telling = setInterval(() => {
    step += 1;
    const say = (text: string): string =>
      `$${text}*${nmeaChecksum(text).toString(16).toUpperCase().padStart(2, '0')}\r\n`;
    const minutes = (48 + step * 0.0002).toFixed(5);
    const datagram = `${say(`GPGGA,0,0606.00010,S,106${minutes},E,4,12,0.8,,M,,M,,`)}${say('SDDBS,,f,38.4,M,,F')}${say('HEHDT,90.5,T')}`;
    sender.send(datagram, port, '127.0.0.1');
  }, 200);
  await new Promise<void>((done) => {
    if (ended.signal.aborted) done();
    ended.signal.addEventListener('abort', () => done(), { once: true });
  });
  // Pictures travel behind the alerts; the run's end is still to be told.
  await new Promise((done) => setTimeout(done, 3_000));
  clearInterval(telling);
  await daemon.stop();
  await new Promise((done) => setTimeout(done, 500));
  sender.close();
  await client.endAsync();
  writeFileSync(values.out, `${lines.join('\n')}\n`);
  console.log(`${lines.length} messages, ${images} of them pictures: ${values.out}`);
} finally {
  await broker.stop();
  rmSync(work, { recursive: true, force: true });
}
