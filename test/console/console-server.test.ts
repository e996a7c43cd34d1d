import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkDoor, type Door, listenAddress } from '../../src/console/access.ts';
import { startConsoleServer } from '../../src/console/console-server.ts';
import { Desk } from '../../src/console/desk.ts';
import { History } from '../../src/console/history.ts';
import { StillInspector } from '../../src/console/still-inspector.ts';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { startLocalBroker } from '../../src/surface/local-broker.ts';
import { until } from '../scenarios/until.ts';
import { consoleAt, OPEN_DOOR } from './console-stage.ts';
import { TestVehicle } from './test-vehicle.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** Asks with exactly this path and these headers, as no browser would. */
function ask(
  url: string,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  const { hostname, port, host } = new URL(url);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, method, headers: { host, ...headers } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    });
    asked.on('error', reject).end(method === 'POST' ? '{}' : undefined);
  });
}

test('the page comes with a strict policy, zipped, and nothing else of the machine', async () => {
  await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  await using running = await consoleAt(broker.url);
  const { url } = running;
  const page = await ask(url, '/');
  expect(page.status).toBe(200);
  expect(page.headers['content-security-policy']).toMatch(
    /default-src 'none'; script-src 'self'; style-src 'self'/,
  );
  expect(page.headers['content-security-policy']).not.toContain('unsafe');
  expect(page.body).not.toMatch(/<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=|https?:\/\//);
  const script = await ask(url, '/console.js', { 'accept-encoding': 'gzip' });
  expect(script.headers['content-encoding']).toBe('gzip');
  const again = await ask(url, '/console.js', { 'if-none-match': String(script.headers.etag) });
  expect(again.status).toBe(304);
  for (const path of [
    ...['/../package.json', '/..%2f..%2fpackage.json', '/%2e%2e/api.ts', '//etc/passwd', '/page/console.js'],
    ...['/console.ts', '/api/../../package.json', '/constructor', '/__proto__', '/console.js%00'],
  ]) {
    expect((await ask(url, path)).status, path).toBe(404);
  }
  expect((await ask(url, '//')).status).toBe(400);
});

test('what is too large is answered with a reason, not with the end of the connection', async () => {
  await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  await using running = await consoleAt(broker.url);
  const { url } = running;
  const answer = await fetch(`${url}/api/ask`, {
    method: 'POST',
    headers: { origin: url, 'x-specta': 'console' },
    body: Buffer.alloc(4_000_000, 0x20),
  });
  expect(answer.status).toBe(422);
  expect(await answer.json()).toMatchObject({ error: { code: 'IMAGE_TOO_LARGE' } });
});

test('all findings are acknowledged at once, also beside one that the vehicle does not know any more', async () => {
  await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  await using running = await consoleAt(broker.url);
  const { url, desk } = running;
  const vehicle = new TestVehicle('rov-1');
  await vehicle.connect(broker.url, 4);
  for (const id of ['F-1', 'F-2', 'F-3']) await vehicle.find(id);
  await until('all are known', () => desk.vehicle('rov-1')?.counts.unacknowledged === 3);
  vehicle.findings.delete('F-2');
  const answer = await fetch(`${url}/api/acknowledge-all`, {
    method: 'POST',
    headers: { origin: url, 'x-specta': 'console' },
    body: JSON.stringify({ vehicle: 'rov-1' }),
  });
  expect(await answer.json()).toEqual({ acknowledged: 2, refused: 1, left: 0 });
  await until('they are', () => desk.vehicle('rov-1')?.counts.unacknowledged === 1);
  expect(vehicle.asked.at(-1)?.name).toBe('light/acknowledge');
  await vehicle.leave();
});

test('only the page itself may ask, and only under the name of this machine', async () => {
  await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  await using running = await consoleAt(broker.url);
  const { url } = running;
  const rebound = await ask(url, '/api/overview', { host: 'evil.example' });
  expect(rebound.status).toBe(421);
  const own = { origin: url, 'x-specta': 'console' };
  expect((await ask(url, '/api/ask', {}, 'POST')).status).toBe(403);
  expect((await ask(url, '/api/ask', { ...own, origin: 'http://evil.example' }, 'POST')).status).toBe(403);
  expect((await ask(url, '/api/ask', { origin: url }, 'POST')).status).toBe(403);
  // Let in, but an empty question is none.
  const empty = await ask(url, '/api/ask', own, 'POST');
  expect(empty.status).toBe(422);
  expect(JSON.parse(empty.body)).toMatchObject({ error: { code: 'REQUEST_INVALID' } });
  expect(JSON.stringify(await ask(url, '/api/overview'))).not.toMatch(/password|username/i);
});

test('a password is asked for, wrong ones are slowed down, whoever is in stays in', async () => {
  await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  await using running = await consoleAt(broker.url, { door: { ...OPEN_DOOR, password: 'sea bed' } });
  const { url } = running;
  const as = (password: string) => ({
    authorization: `Basic ${Buffer.from(`bridge:${password}`).toString('base64')}`,
  });
  const stranger = await ask(url, '/');
  expect(stranger.status).toBe(401);
  expect(stranger.headers['www-authenticate']).toMatch(/^Basic/);
  expect(stranger.body).not.toContain('<html');
  expect((await ask(url, '/', as('sea bed'))).status).toBe(200);
  const guesses = [];
  for (let guess = 0; guess < 14; guess += 1)
    guesses.push((await ask(url, '/', as(`guess ${guess}`))).status);
  expect(guesses.filter((status) => status === 401)).toHaveLength(10);
  expect(guesses.at(-1)).toBe(429);
  expect((await ask(url, '/', as('sea bed'))).status).toBe(200);
});

const OPENSSL = '/usr/bin/openssl';

test.skipIf(!existsSync(OPENSSL))('with a certificate it speaks TLS and nothing else', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'specta-tls-'));
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const words = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
  ];
  execFileSync(OPENSSL, [...words, ...subject, '-keyout', 'key.pem', '-out', 'cert.pem'], {
    ...{ cwd: folder, stdio: 'pipe' },
  });
  const certificate = readFileSync(join(folder, 'cert.pem'));
  const tls = { certificate, key: readFileSync(join(folder, 'key.pem')) };
  await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  await using running = await consoleAt(broker.url, { door: { ...OPEN_DOOR, password: 'sea bed', tls } });
  expect(running.url).toMatch(/^https:/);
  const authorization = `Basic ${Buffer.from('bridge:sea bed').toString('base64')}`;
  const status = await new Promise<number>((resolve, reject) => {
    const asked = secureRequest(
      `${running.url}/`,
      { ca: certificate, headers: { authorization } },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    asked.on('error', reject).end();
  });
  expect(status).toBe(200);
  await expect(ask(running.url, '/')).rejects.toThrow();
  rmSync(folder, { recursive: true });
});

test('a start in vain, for its port or its certificate, leaves nothing running', async () => {
  await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  await using running = await consoleAt(broker.url);
  const timers = new Set<() => void>();
  const clock: Clock = {
    ...systemClock,
    after(ms, callback) {
      const stop = systemClock.after(ms, callback);
      timers.add(stop);
      return () => {
        timers.delete(stop);
        stop();
      };
    },
  };
  using history = new History(':memory:');
  const desk = new Desk({ broker: broker.url, history, clock, log: silentLog() });
  await using inspector = new StillInspector(desk.asking, null, new AbortController().signal);
  const facts = { version: '0.1.0', brokerUrl: broker.url };
  const start = (door: Partial<Door>) =>
    startConsoleServer({
      ...{ door: { ...OPEN_DOOR, ...door }, desk, inspector, facts, clock, log: silentLog() },
    });
  const taken = Number(new URL(running.url).port);
  await expect(start({ port: taken })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
  const none = Buffer.from('no certificate');
  const tls = { certificate: none, key: none };
  await expect(start({ tls })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect(timers.size).toBe(0);
});

test('it is not open to the network without a password and TLS', () => {
  const key = Buffer.from('');
  const tls = { certificate: key, key };
  for (const host of ['0.0.0.0', '192.168.1.4', '::', 'vessel']) {
    expect(() => checkDoor({ ...OPEN_DOOR, host })).toThrow(/without a password/);
    expect(() => checkDoor({ ...OPEN_DOOR, host, password: 'x' })).toThrow(/without TLS/);
    expect(() => checkDoor({ ...OPEN_DOOR, host, password: 'x', tls })).not.toThrow();
  }
  for (const host of ['127.0.0.1', '::1', 'localhost'])
    expect(() => checkDoor({ ...OPEN_DOOR, host })).not.toThrow();
  expect(listenAddress('[::1]:80')).toEqual({ host: '::1', port: 80 });
  expect(listenAddress('8080')).toEqual({ host: '127.0.0.1', port: 8080 });
  for (const odd of ['', 'a', '1:2:3', '127.0.0.1:99999', 'http://x:1'])
    expect(() => listenAddress(odd)).toThrow();
});
