import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serviceManager } from '../../src/platform/systemd.ts';

/** A real datagram socket, as systemd has one, that prints each datagram as a line of JSON. */
const RECEIVER = `
import json, socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\\0' + name[1:] if name.startswith('@') else name)
print('bound', flush=True)
while True:
    print(json.dumps(s.recv(65536).decode()), flush=True)
`;
const hasPython = spawnSync('python3', ['--version']).status === 0;

let folder: string;
let children: ChildProcess[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'specta-notify-'));
  children = [];
});
afterEach(async () => {
  for (const child of children) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  rmSync(folder, { recursive: true });
});

/** @returns takes the next datagram */
async function receive(name: string): Promise<() => Promise<string>> {
  const child = spawn('python3', ['-c', RECEIVER, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('bound');
  return async () => JSON.parse((await lines.next()).value ?? 'null');
}

describe.skipIf(!hasPython)(
  `a real datagram socket${hasPython ? '' : ' (not here: install python3)'}`,
  () => {
    test.each(['path', 'abstract'])('each message arrives as systemd wants it: %s', async (kind) => {
      const name = kind === 'path' ? join(folder, 'notify') : `@specta-test-${process.pid}`;
      const next = await receive(name);
      const manager = serviceManager({
        NOTIFY_SOCKET: name,
        WATCHDOG_USEC: '30000000',
        WATCHDOG_PID: `${process.pid}`,
      });
      expect(manager.isThere).toBe(true);
      expect(manager.watchdogMs).toBe(30_000);
      manager.ready();
      expect(await next()).toBe('READY=1');
      manager.status('camera works; 14.9 verdicts/s — “ok”');
      expect(await next()).toBe('STATUS=camera works; 14.9 verdicts/s — “ok”');
      manager.status('a reason\nREADY=1\nof two lines');
      expect(await next()).toBe('STATUS=a reason READY=1 of two lines');
      manager.watchdog();
      expect(await next()).toBe('WATCHDOG=1');
      manager.extendTimeout(1_500.25);
      expect(await next()).toBe('EXTEND_TIMEOUT_USEC=1500250');
      manager.stopping();
      expect(await next()).toBe('STOPPING=1');
      expect(manager).toMatchObject({ lost: 0, lostBecause: null });
      const open = readdirSync('/proc/self/fd').length;
      manager.close();
      manager.close();
      expect(readdirSync('/proc/self/fd').length).toBe(open - 1);
      manager.watchdog();
      expect(manager.lost).toBe(0);
    });

    test('a manager that does not read, or has gone, costs messages and no time', async () => {
      const name = join(folder, 'notify');
      await receive(name);
      children[0]?.kill('SIGSTOP');
      const manager = serviceManager({ NOTIFY_SOCKET: name });
      for (let i = 0; i < 5_000 && manager.lost === 0; i += 1) manager.watchdog();
      expect(manager.lostBecause).toMatch(/EAGAIN/);
      children[0]?.kill('SIGKILL');
      rmSync(name);
      manager.watchdog();
      expect(manager.lostBecause).toMatch(/ENOENT|ECONNREFUSED/);
      manager.close();
    });
  },
);

test('without a service manager nothing happens', () => {
  const manager = serviceManager({});
  expect(manager).toMatchObject({ isThere: false, watchdogMs: null });
  manager.ready();
  manager.status('anything');
  manager.watchdog();
  manager.stopping();
  manager.extendTimeout(1);
  manager.close();
  expect(manager.lost).toBe(0);
});

test('a watchdog that is meant for another process is not ours', () => {
  const environment = { NOTIFY_SOCKET: '/run/nowhere', WATCHDOG_USEC: '1000000' };
  expect(serviceManager(environment).watchdogMs).toBe(1_000);
  expect(serviceManager({ ...environment, WATCHDOG_PID: `${process.pid + 1}` }).watchdogMs).toBeNull();
  expect(serviceManager({ ...environment, WATCHDOG_USEC: 'soon' }).watchdogMs).toBeNull();
});

test.each([
  ['/run/nowhere/notify'],
  ['vsock:2:1'],
  [`/${'x'.repeat(200)}`],
  ['/dev/null'],
])('an address that cannot be used is counted with its reason: %s', (name) => {
  const manager = serviceManager({ NOTIFY_SOCKET: name });
  manager.ready();
  expect(manager.lost).toBe(1);
  expect(manager.lostBecause).not.toBe('');
  manager.close();
});
