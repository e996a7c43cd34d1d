import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { expect, test } from 'vitest';
import { OperatorLink, type OperatorLinkOptions } from '../../src/console/operator-link.ts';
import { type Clock, ManualClock, systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { startLocalBroker } from '../../src/surface/local-broker.ts';
import { until } from '../scenarios/until.ts';

function linkTo(broker: string, over: Partial<OperatorLinkOptions> = {}, clock: Clock = systemClock) {
  return new OperatorLink(
    { broker, protocol: 4, clientId: 'bridge', topics: ['specta/#'], take: () => undefined, ...over },
    { clock, log: silentLog() },
  );
}

test('stopped while it begins, it ends and leaves no connection', async () => {
  await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  const link = linkTo(broker.url);
  link.start();
  await link.stop();
  expect(link.state).toEqual({ kind: 'stopped' });
  expect(broker.clients).toBe(0);
});

test('a certificate that is none is a reason to wait, not to end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'specta-operator-'));
  const file = join(folder, 'none.pem');
  writeFileSync(file, 'no certificate');
  const link = linkTo('mqtts://127.0.0.1:1', { certificateFile: file, keyFile: file });
  link.start();
  await until('it waits', () => link.state.kind === 'waiting');
  expect(link.state).toMatchObject({ reason: expect.stringContaining('a file for the connection') });
  await link.stop();
  rmSync(folder, { recursive: true });
});

test('what could not be kept is not tried any more once its connection is gone: the broker gives it again', async () => {
  const broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  const clock = new ManualClock();
  const full = (): void => {
    throw new Error('the disk is full');
  };
  const link = linkTo(broker.url, { take: full }, clock);
  link.start();
  await until('it is connected', () => link.state.kind === 'connected');
  const client = await mqtt.connectAsync(broker.url, { protocolVersion: 4, reconnectPeriod: 0 });
  await client.publishAsync('specta/rov-1/alerts', 'x', { qos: 1 });
  await until('it was refused', () => link.takenAgain === 1);
  await clock.advance(1_000);
  expect(link.takenAgain).toBe(2);
  await client.endAsync();
  await broker.stop();
  await until('it waits', () => link.state.kind === 'waiting');
  await clock.advance(10_000);
  expect(link.takenAgain).toBe(2);
  await link.stop();
});
