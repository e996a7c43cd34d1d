import { expect, test } from 'vitest';
import { startLocalBroker } from '../../src/surface/local-broker.ts';
import { listen, until } from './listener.ts';

test('takes the port asked for, and a free one when that is taken', async () => {
  await using first = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  await using second = await startLocalBroker({ host: '127.0.0.1', port: first.port });
  expect(second.port).not.toBe(first.port);
  const listener = await listen(second.url, 4);
  expect(second.clients).toBe(1);
  await listener.leave();
});

test('stop ends connections, frees the port and may be called again', async () => {
  const broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  const listener = await listen(broker.url, 4);
  await Promise.all([broker.stop(), broker.stop()]);
  await broker.stop();
  await listener.leave();
  await using again = await startLocalBroker({ host: '127.0.0.1', port: broker.port });
  await until('the same port', () => again.port === broker.port);
});

test('an address that is not of this machine is an error with help', async () => {
  await expect(startLocalBroker({ host: '203.0.113.1', port: 0 })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    help: expect.stringContaining('address of this machine'),
  });
});
