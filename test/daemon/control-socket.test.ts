import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { askRaw } from '../../src/daemon/control/ask-daemon.ts';
import { type ControlSocket, openControlSocket } from '../../src/daemon/control/control-socket.ts';
import { silentLog } from '../../src/platform/log.ts';
import { MOST_REQUEST_BYTES } from '../../src/surface/messages/request.ts';
import type { Requests } from '../../src/surface/requests.ts';
import { withFolder } from './folder.ts';

/** Answers with the name and the size of what came. */
const echo: Requests = {
  answer: async (name, payload) =>
    new TextEncoder().encode(JSON.stringify({ name, bytes: payload.byteLength })),
};

async function withSocket(
  use: (socket: ControlSocket, path: string) => Promise<void>,
  requests: Requests = echo,
): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, 'control.sock');
    await using socket = await openControlSocket(path, requests, silentLog());
    await use(socket, path);
  });
}

async function connected(path: string): Promise<Socket> {
  const socket = createConnection(path);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

test('only user and group may use it; closed, it is gone, and closing twice is closing once', async () => {
  await withSocket(async (socket, path) => {
    expect(statSync(path).isSocket()).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    expect(JSON.parse(await askRaw(path, 'light/test', '{}'))).toEqual({ name: 'light/test', bytes: 2 });
    await socket.close();
    await socket.close();
    expect(existsSync(path)).toBe(false);
  });
});

test('what a dead daemon left is replaced; a living one, and anything that is no socket, are left alone', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'control.sock');
    const living = createServer().listen(path);
    await once(living, 'listening');
    await expect(openControlSocket(path, echo, silentLog())).rejects.toMatchObject({
      code: 'DAEMON_RUNNING',
    });
    expect(statSync(path).isSocket()).toBe(true);
    await new Promise((resolve) => living.close(resolve));

    writeFileSync(path, 'mine');
    await expect(openControlSocket(path, echo, silentLog())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    expect(statSync(path).size).toBe(4);
  });
});

test('a path too long is named with its length', async () => {
  await withFolder(async (folder) => {
    const deep = join(folder, 'd'.repeat(100));
    mkdirSync(deep);
    const path = join(deep, 'control.sock');
    await expect(openControlSocket(path, echo, silentLog())).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`${path} has ${path.length} bytes`),
    });
  });
});

test('the socket of another daemon that has taken its place meanwhile is not removed', async () => {
  await withSocket(async (first, path) => {
    // As if the first one's had been removed by hand.
    const { rmSync } = await import('node:fs');
    rmSync(path);
    await using second = await openControlSocket(path, echo, silentLog());
    await first.close();
    expect(JSON.parse(await askRaw(path, 'status', ''))).toEqual({ name: 'status', bytes: 0 });
    expect(second.path).toBe(path);
  });
});

test('a request of any size is answered, and never more than a little of it is kept', async () => {
  await withSocket(async (_, path) => {
    for (const bytes of [MOST_REQUEST_BYTES, MOST_REQUEST_BYTES + 1, 30_000_000]) {
      const answer = JSON.parse(await askRaw(path, 'status', 'x'.repeat(bytes))) as { bytes: number };
      expect(answer.bytes).toBe(Math.min(bytes, MOST_REQUEST_BYTES + 1));
    }
  });
});

test('clients that hang, talk nonsense or go away harm nobody, and closing does not wait for them', async () => {
  const never: Requests = {
    answer: (name, payload) => (name === 'hang' ? new Promise(() => undefined) : echo.answer(name, payload)),
  };
  await withSocket(async (socket, path) => {
    const silent = await connected(path);
    const halfway = await connected(path);
    halfway.write('POST /status HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{');
    const nonsense = await connected(path);
    nonsense.write('\0\0garbage\r\n\r\n');
    const gone = await connected(path);
    gone.write('POST /status HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n');
    gone.destroy();
    const waiting = askRaw(path, 'hang', '').catch((error: unknown) => error);
    expect(JSON.parse(await askRaw(path, 'status', ''))).toEqual({ name: 'status', bytes: 0 });
    await socket.close();
    expect(await waiting).toMatchObject({ code: 'DAEMON_ABSENT' });
    for (const client of [silent, halfway, nonsense]) {
      client.resume();
      if (!client.destroyed) await once(client, 'close');
    }
  }, never);
});

test('connections are bounded; those that leave make room again', async () => {
  await withSocket(async (_, path) => {
    const clients = await Promise.all(Array.from({ length: 40 }, () => connected(path)));
    // What is too much is closed by the daemon, not kept waiting.
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (clients.filter((client) => client.closed).length >= 24) resolve();
        else setTimeout(look, 10);
      };
      look();
    });
    for (const client of clients) client.destroy();
    await new Promise<void>((resolve) => {
      const look = (): void => {
        askRaw(path, 'status', '').then(
          () => resolve(),
          () => setTimeout(look, 10),
        );
      };
      look();
    });
  });
});

test('another method than POST is no request', async () => {
  await withSocket(async (_, path) => {
    const client = await connected(path);
    client.end('GET /status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of client) text += String(chunk);
    expect(text).toContain('"name":"GET status"');
  });
});
