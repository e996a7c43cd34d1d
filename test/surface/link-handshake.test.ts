import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createLink, type Link } from '../../src/surface/link.ts';
import { until } from './listener.ts';
import { MemoryOutbox } from './memory-outbox.ts';

// Brokers that no installed broker is: their bytes are written by hand after the MQTT specifications.

const CONNACK_5 = [0x20, 0x03, 0x00, 0x00, 0x00];
const CONNACK_4 = [0x20, 0x02, 0x00, 0x00];
const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).toReversed()) await end();
});

/** A server that calls `answer` with the protocol level of each CONNECT. */
async function startHandmade(
  answer: (level: number, socket: Socket) => void,
): Promise<{ url: string; levels: number[] }> {
  const levels: number[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined /* the link may reset it */);
    socket.once('data', (bytes) => {
      const level = bytes[bytes.indexOf('MQTT') + 4] ?? 0;
      levels.push(level);
      answer(level, socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `mqtt://127.0.0.1:${address.port}`, levels };
}

function linkTo(broker: string, outbox = new MemoryOutbox()): Link {
  const link = createLink(
    {
      broker,
      vehicle: 'rov-1',
      boot: 'b',
      version: '0',
      clockQuality: () => 'unset',
      reconnectPause: { firstMs: 10, mostMs: 20 },
      stopTimeoutMs: 100,
    },
    { clock: systemClock, log: silentLog(), outbox },
  );
  cleanup.push(() => link.stop());
  link.start();
  return link;
}

const speaks4 = (socket: Socket): boolean => socket.write(Buffer.from(CONNACK_4));

test.each([
  ['says so (0x84)', [5], (socket: Socket) => socket.write(Buffer.from([0x20, 0x03, 0x00, 0x84, 0x00]))],
  [
    'says so as MQTT 3.1.1 does (1)',
    [5],
    (socket: Socket) => socket.end(Buffer.from([0x20, 0x02, 0x00, 0x01])),
  ],
  ['hangs up twice', [5, 5], (socket: Socket) => socket.destroy()],
  ['resets twice', [5, 5], (socket: Socket) => socket.resetAndDestroy()],
])('a broker that does not speak MQTT 5 and %s is spoken to in 3.1.1, also next time', async (_, fives, refuse) => {
  const open: Socket[] = [];
  const broker = await startHandmade((level, socket) => {
    if (level === 5) refuse(socket);
    else {
      open.push(socket);
      speaks4(socket);
    }
  });
  const link = linkTo(broker.url);
  await until('connected', () => link.state.kind === 'connected');
  expect(link.state).toMatchObject({ protocol: 4 });
  open.at(-1)?.destroy();
  await until('connected again', () => link.counts.connections === 2 && link.state.kind === 'connected');
  expect(broker.levels).toEqual([...fives, 4, 4]);
});

test('a broker that hangs up once, as one that is being ended does, is still spoken to in MQTT 5', async () => {
  let calls = 0;
  const broker = await startHandmade((_, socket) => {
    calls += 1;
    if (calls === 1) socket.destroy();
    else socket.write(Buffer.from(CONNACK_5));
  });
  const link = linkTo(broker.url);
  await until('connected', () => link.state.kind === 'connected');
  expect(link.state).toMatchObject({ protocol: 5 });
  expect(broker.levels).toEqual([5, 5]);
});

test('a broker that refuses for another reason is not taken for an old one', async () => {
  const broker = await startHandmade((_, socket) =>
    socket.write(Buffer.from([0x20, 0x03, 0x00, 0x86, 0x00])),
  );
  const link = linkTo(broker.url);
  await until('three attempts', () => broker.levels.length >= 3);
  expect(new Set(broker.levels)).toEqual(new Set([5]));
  expect(link.status.reason).toContain('bad user name or password (0x86)');
});

test('a broker that ends the connection says why', async () => {
  const broker = await startHandmade((_, socket) => {
    socket.write(Buffer.from(CONNACK_5));
    setTimeout(() => socket.end(Buffer.from([0xe0, 0x02, 0x8e, 0x00])), 30);
  });
  const link = linkTo(broker.url);
  await until('the reason', () => link.status.reason?.includes('another client took over'));
  expect(link.counts.lostConnections).toBeGreaterThan(0);
});

test('bytes that are no MQTT end the attempt, not the process', async () => {
  const broker = await startHandmade((_, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const link = linkTo(broker.url);
  await until('three failed attempts', () => link.counts.failedAttempts >= 3);
  expect(link.status.condition).toBe('recovering');
});

test('an acknowledgement that belongs to no send settles nothing', async () => {
  const outbox = new MemoryOutbox();
  outbox.add({ lane: 'alert', topic: 'specta/rov-1/alerts', payload: new TextEncoder().encode('{}') });
  const broker = await startHandmade((_, socket) => {
    socket.write(Buffer.from(CONNACK_5));
    // Acknowledges packet identifiers nobody used to whatever comes, and each real one never.
    socket.on('data', () => {
      for (const id of [1, 2, 3]) socket.write(Buffer.from([0x40, 0x02, 0x00, id]));
    });
  });
  const link = linkTo(broker.url, outbox);
  await until('the alert is sent', () => link.counts.sent.alert === 1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(link.state.kind).toBe('connected');
  expect(link.counts.acknowledged.alert).toBe(0);
  expect(outbox.settled).toEqual([]);
});
