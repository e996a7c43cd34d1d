import { spawn, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import mqtt, { type IPublishPacket } from 'mqtt';
import { expect, test } from 'vitest';
import { mosquittoMissing, startMosquitto } from '../fixtures/mosquitto.ts';
import { Contract } from '../scenarios/contract.ts';
import { type LoggedMessage, loggedMessages } from './conformance-log.ts';

const PATIENCE_MS = 60_000;
const messages = loggedMessages().filter(
  ({ topic, payload }) => topic.startsWith('specta/') && payload.byteLength > 0,
);

/** One line a message from somebody else's client: topic and JSON. */
interface Line {
  readonly topic: string;
  readonly payload: unknown;
}

/** Plays the log to a broker once the client listens, and gives what the client printed. */
async function played(
  client: (port: number, count: number) => readonly [program: string, words: readonly string[]],
  parse: (line: string) => Line | null,
  listens: (output: string, log: string) => boolean,
): Promise<Line[]> {
  const broker = await startMosquitto();
  const [program, words] = client(broker.port, messages.length);
  const child = spawn(program, [...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const ended = new Promise<number | null>((done) => child.once('close', done));
    while (!listens(output, broker.log())) {
      if (child.exitCode !== null) throw new Error(`it ended before it listened: ${errors}`);
      await new Promise((done) => setTimeout(done, 20));
    }
    const vehicle = await mqtt.connectAsync(broker.url, { protocolVersion: 5 });
    for (const { topic, payload, logged } of messages) {
      // mqtt.js never sends a message whose user properties are an empty object.
      const beside = logged.userProperties
        ? { properties: { userProperties: { ...logged.userProperties } } }
        : {};
      await vehicle.publishAsync(topic, payload, { qos: 1, retain: logged.retain, ...beside });
    }
    await vehicle.endAsync();
    expect(await ended, errors).toBe(0);
    return output.split('\n').flatMap((line) => (line === '' ? [] : (parse(line) ?? [])));
  } finally {
    child.kill('SIGKILL');
    await broker.stop();
  }
}

/** Every JSON message of the log came through, and each is as its published schema says. */
function expectWhole(lines: readonly Line[]): void {
  const contract = new Contract();
  const none = {} as IPublishPacket;
  const isJson = ({ topic }: LoggedMessage | Line): boolean => !topic.endsWith('/image');
  for (const { topic, payload } of lines.filter(isJson)) {
    expect(contract.breachOf(topic, Buffer.from(JSON.stringify(payload)), none, 4)).toBeNull();
  }
  const sent = messages.filter(isJson).map(({ topic, logged }) => ({ topic, payload: logged.payload }));
  expect(lines.filter(isJson)).toEqual(sent);
}

test.skipIf(mosquittoMissing !== null || spawnSync('mosquitto_sub', ['--help']).error !== undefined)(
  'mosquitto_sub reads everything by the published schemas',
  { timeout: PATIENCE_MS },
  async () => {
    // A picture is told by its length: its bytes would break the lines.
    const lines = await played(
      (port, count) => {
        const where = ['-h', '127.0.0.1', '-p', String(port), '-t', 'specta/#', '-q', '1'];
        return ['mosquitto_sub', [...where, '-C', String(count), '-F', '%l %x %t']];
      },
      (line) => {
        const [, hex = '', topic = ''] = line.split(' ');
        const payload = topic.endsWith('/image')
          ? null
          : JSON.parse(Buffer.from(hex, 'hex').toString('utf8'));
        return { topic, payload };
      },
      (_, log) => /Sending SUBACK/.test(log),
    );
    expectWhole(lines);
  },
);

const pahoMissing =
  spawnSync('python3', ['-c', 'import paho.mqtt.client']).status === 0
    ? mosquittoMissing
    : 'Eclipse Paho is not installed: sudo apt-get install -y python3-paho-mqtt';

test('Eclipse Paho reads everything by the published schemas', { timeout: PATIENCE_MS }, async (context) => {
  if (pahoMissing !== null) context.skip(pahoMissing);
  const reader = resolve(import.meta.dirname, 'paho-reader.py');
  const lines = await played(
    (port, count) => ['python3', [reader, String(port), String(count)]],
    (line) => {
      const { topic, payload } = JSON.parse(line) as Line;
      return topic === 'ready' ? null : { topic, payload };
    },
    (output) => output.includes('"ready"'),
  );
  expectWhole(lines);
});
