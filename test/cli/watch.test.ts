import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort, type Mosquitto, mosquittoMissing, startMosquitto } from '../fixtures/mosquitto.ts';
import { expectedError, jsonLines, ROOT, specta, startSpecta } from './specta.ts';
import { workshop } from './workshop.ts';

const folder = workshop();
let mosquitto: Mosquitto | null = null;

beforeAll(async () => {
  if (mosquittoMissing === null) mosquitto = await startMosquitto();
});
afterAll(async () => mosquitto?.stop());

function broker(): string {
  if (mosquitto === null) throw new Error('no Mosquitto');
  return mosquitto.url;
}

type Message = Record<string, unknown>;

function example(name: string): Message {
  return JSON.parse(readFileSync(join(ROOT, `docs/messages/examples/${name}.json`), 'utf8')) as Message;
}

const crack = (sequence: number): Message => ({ ...example('alert'), class: 'crack', sequence });
const corrosion = (sequence: number): Message => ({ ...example('alert'), class: 'corrosion', sequence });

async function publish(topic: string, ...messages: readonly (Message | string)[]): Promise<void> {
  const client = await connectAsync(broker());
  for (const message of messages) {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    await client.publishAsync(topic, text, { qos: 1 });
  }
  await client.endAsync();
}

test.skipIf(mosquittoMissing)('alerts, states and parts are shown as they come, until Ctrl-C', async () => {
  const watching = startSpecta(['watch', '--broker', broker(), '--client-id', 'all']);
  await watching.until(/watching specta\/\+/);
  await publish('specta/rov-1/state', example('state'));
  await publish('specta/rov-1/status/camera', example('status'));
  await publish('specta/rov-1/alerts', crack(1));
  await watching.until(/crack/);
  watching.child.kill('SIGINT');
  const { status, stdout } = await watching.ended;
  expect(status).toBe(0);
  const { advice, finding } = example('alert') as { advice: { en: string }; finding: string };
  expect(stdout).toContain('rov-1 is online');
  expect(stdout).toContain('rov-1: camera recovering');
  expect(stdout).toContain(`${finding}  ${advice.en}`);
});

test.skipIf(mosquittoMissing)(
  'with --json one alert a line as received, filtered by class and vehicle, until --count; the rest waits at the broker',
  async () => {
    const words = ['watch', '--broker', broker(), '--client-id', 'counting', '--class', 'crack', '--json'];
    const first = startSpecta([...words, '--vehicle', 'rov-1', '--count', '2']);
    await first.until(/watching specta\/rov-1/);
    await publish('specta/rov-2/alerts', crack(9));
    await publish('specta/rov-1/alerts', corrosion(1), crack(2), corrosion(3), crack(4), crack(5));
    const ended = await first.ended;
    expect(ended.status).toBe(0);
    expect(jsonLines(ended.stdout)).toEqual([crack(2), crack(4)]);
    // Nobody watches now: what comes is kept under the name, in order, behind what was not shown.
    await publish('specta/rov-1/alerts', crack(6));
    const second = await specta([...words, '--vehicle', 'rov-1', '--count', '2']);
    expect(second.status).toBe(0);
    expect(jsonLines(second.stdout)).toEqual([crack(5), crack(6)]);
  },
);

test.skipIf(mosquittoMissing)(
  'a message that is no alert is told, not shown, and changes the exit status',
  async () => {
    const watching = startSpecta(['watch', '--broker', broker(), '--client-id', 'odd', '--json']);
    await watching.until(/watching/);
    await publish('specta/rov-1/alerts', 'no JSON', { schema: 99 }, crack(1));
    await watching.until(/"sequence":1/);
    watching.child.kill('SIGTERM');
    const { status, stdout, stderr } = await watching.ended;
    expect(status).toBe(2);
    expect(jsonLines(stdout)).toEqual([crack(1)]);
    expect(stderr.match(/specta\/rov-1\/alerts does not fit/g)).toHaveLength(2);
  },
);

test.skipIf(mosquittoMissing)(
  'a broker that goes and comes back is told once each, and alerts go on',
  async () => {
    const port = await freePort();
    let other = await startMosquitto({ port });
    const watching = startSpecta(['watch', '--broker', other.url, '--json', '--count', '1']);
    await watching.until(/watching/);
    await other.stop();
    await watching.until(/is lost; trying again/);
    other = await startMosquitto({ port });
    try {
      await watching.until(/connected to .* again/);
      const client = await connectAsync(other.url);
      // The subscription is made anew right after the connection; a broker without a store kept nothing.
      const again = setInterval(() => client.publish('specta/rov-1/alerts', JSON.stringify(crack(3))), 200);
      const { status, stdout, stderr } = await watching.ended;
      clearInterval(again);
      await client.endAsync();
      expect(status).toBe(0);
      expect(jsonLines(stdout)).toEqual([crack(3)]);
      expect(stderr.match(/is lost/g)).toHaveLength(1);
    } finally {
      await other.stop();
    }
  },
);

test('a broker that is not there, and Ctrl-C before --count alerts came', async () => {
  const gone = await specta(['watch', '--broker', `mqtt://127.0.0.1:${await freePort()}`]);
  expect(gone.stderr).toMatch(expectedError('BROKER_UNREACHABLE'));
  expect(gone.status).toBe(69);
  if (mosquitto === null) return;
  const watching = startSpecta(['watch', '--broker', broker(), '--client-id', 'never', '--count', '1']);
  await watching.until(/watching/);
  watching.child.kill('SIGINT');
  expect((await watching.ended).status).toBe(130);
});

test('wrong words', async () => {
  const cases = [
    { words: ['--class', 'rust'], code: 'USAGE', status: 64 },
    { words: ['--vehicle', 'a/#'], code: 'USAGE', status: 64 },
    { words: ['--broker', 'http://vessel'], code: 'USAGE', status: 64 },
    { words: ['--broker', 'mqtt://me:secret@vessel'], code: 'USAGE', status: 64 },
    { words: ['--password-file', join(folder, 'gone')], code: 'CONFIG_UNREADABLE', status: 78 },
  ];
  for (const { words, code, status } of cases) {
    const ended = await specta(['watch', ...words]);
    expect(ended.stderr).toMatch(expectedError(code));
    expect(ended.stderr).not.toContain('secret');
    expect(ended.status).toBe(status);
  }
});
