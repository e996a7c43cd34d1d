import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import {
  INSTALLER,
  installFirst,
  isLit,
  journal,
  LONG,
  PATIENT_UNIT,
  ran,
  runs,
  unit,
  until,
  untilLit,
} from './installed-service.ts';
import { lampSuite } from './lamp-suite.ts';
import { NEWER, OLDER, tarballOf } from './releases.ts';

// The product as it is on a vehicle: a release, installed without a network, run by a booted systemd. Each test goes on
// where the one before ended.

// More installations, minutes each where all is emulated.
const inFull = process.env.SPECTA_RIG_FULL === '1' ? test : test.skip;

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const current = (): string => readlinkSync('/opt/specta/current');

test(
  'a release is installed from its tarball without a network, and becomes ready',
  async ({ task }) => {
    // Its first line is a heading.
    expect(readFileSync('/proc/net/route', 'utf8').trim().split('\n')).toHaveLength(1);
    const { seconds: took, out } = await installFirst();
    expect(out).toContain('/etc/specta/specta.yaml is there: left as it is');
    expect(current()).toBe(OLDER);
    expect(unit().activeState).toBe('active');
    expect(ran('systemctl', 'is-enabled', 'specta').stdout.trim()).toBe('enabled');
    const ready = await until('ready is told', () => /"afterMs":(\d+).*"ready"/.exec(journal())?.[1]);
    task.meta.figures = `installed and ready after ${took.toFixed(0)} s; the daemon was ready ${(Number(ready) / 1000).toFixed(1)} s after its start`;
  },
  LONG,
);

test(
  'frames are judged, the lamp shines for the finding, the broker has the state: nothing is forbidden to it',
  async ({ task }) => {
    await untilLit();
    const { pid, statusText } = await until('all parts work', () => {
      const state = unit();
      return /^[1-9\d.]+ verdicts\/s; all parts work$/.test(state.statusText) && state;
    });
    const user = ran('stat', '-c', '%U %G', `/proc/${pid}`).stdout.trim();
    expect(user).toBe('specta specta');
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    const heard = ran('mosquitto_sub', '-t', 'specta/rig/#', '-F', '%t', '-W', '20', '-C', '12').stdout;
    expect(heard).toContain('specta/rig/state');
    expect(heard).toContain('specta/rig/status/camera');
    expect(existsSync('/var/lib/specta/record')).toBe(true);
    expect(journal()).not.toMatch(/EPERM|EACCES|not permitted|denied/);
    const memory = ran('systemctl', 'show', 'specta', '--property=MemoryCurrent', '--value').stdout.trim();
    task.meta.figures = `${statusText}; ${(Number(memory) / 1e6).toFixed(0)} MB`;
  },
  LONG,
);

test(
  'systemd finds little that it could still take away',
  ({ task }) => {
    const { stdout } = ran('systemd-analyze', 'security', 'specta', '--no-pager');
    const [, level = ''] = /Overall exposure level for specta\.service: ([0-9.]+)/.exec(stdout) ?? [];
    task.meta.figures = `exposure ${level}`;
    expect(Number(level)).toBeGreaterThan(0);
    expect(Number(level)).toBeLessThanOrEqual(2);
  },
  LONG,
);

/** Lets the daemon's event loop turn in place for ever, through Node's own inspector. */
async function spin(pid: number): Promise<void> {
  process.kill(pid, 'SIGUSR1');
  let target: string | undefined;
  while (target === undefined) {
    // Refused until the inspector listens.
    const answer = await fetch('http://127.0.0.1:9229/json/list').catch(() => null);
    if (answer === null) await sleep(200);
    else target = ((await answer.json()) as { webSocketDebuggerUrl: string }[])[0]?.webSocketDebuggerUrl;
  }
  const socket = new WebSocket(target);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', reject, { once: true });
  });
  socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: 'for (;;);' } }));
}

lampSuite({ how: 'a frozen event loop', do: ({ pid }) => spin(pid) });

inFull(
  'an upgrade is one command (only with --full)',
  async ({ task }) => {
    const begin = performance.now();
    const { status, stdout, stderr } = await runs('sh', INSTALLER, join('/share', tarballOf(NEWER)));
    expect({ status, stderr }, `${stdout}\n${journal().slice(-4_000)}`).toMatchObject({ status: 0 });
    task.meta.figures = `running after ${seconds(begin)}`;
    expect(current()).toBe(NEWER);
    await untilLit();
    const told = ran('mosquitto_sub', '-t', 'specta/rig/state', '-W', '20', '-C', '1').stdout;
    expect(JSON.parse(told)).toMatchObject({ state: 'online', version: NEWER });
  },
  LONG,
);

inFull(
  'a return to the former release is one command (only with --full)',
  async ({ task }) => {
    const begin = performance.now();
    const { status, stderr } = await runs('sh', INSTALLER, '--return');
    expect({ status, stderr }, journal().slice(-4_000)).toMatchObject({ status: 0 });
    task.meta.figures = `running after ${seconds(begin)}`;
    expect(current()).toBe(OLDER);
    await untilLit();
    const told = ran('mosquitto_sub', '-t', 'specta/rig/state', '-W', '20', '-C', '1').stdout;
    expect(JSON.parse(told)).toMatchObject({ state: 'online', version: OLDER });
  },
  LONG,
);

/** A release that is whole, but whose daemon or configuration fails. */
function brokenRelease(
  version: string,
  parts: { readonly main: string; readonly loadConfig: string },
): string {
  const folder = `/tmp/specta-${version}`;
  for (const part of ['device', 'systemd'])
    cpSync(`/opt/specta/current/${part}`, join(folder, part), { recursive: true });
  const write = (path: string, text: string): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text, { mode: 0o755 });
  };
  write('package.json', `{ "type": "module", "version": "${version}" }\n`);
  write('RELEASE', `version=${version}\narch=${process.arch}\n`);
  write('src/main.ts', parts.main);
  write('src/daemon/load-config.ts', `export async function loadConfig() { ${parts.loadConfig} }\n`);
  write('bin/specta', '#!/bin/sh\n');
  symlinkSync(`/opt/specta/${OLDER}/bin/node`, join(folder, 'bin/node'));
  const sums = ran('sh', '-c', `cd ${folder} && find . -type f -printf '%P\\n' | sort | xargs sha256sum`);
  write('SHA256SUMS', sums.stdout);
  return folder;
}

inFull(
  'an upgrade that does not become ready leaves the former release running (only with --full)',
  async ({ task }) => {
    const folder = brokenRelease('0.2.0-broken', {
      main: 'throw new Error("broken on purpose");',
      loadConfig: '',
    });
    const begin = performance.now();
    const { status, stderr } = await runs('sh', INSTALLER, folder);
    expect(status).toBe(1);
    expect(stderr).toContain(`did not become ready: journalctl -u specta says why. ${OLDER} runs again`);
    task.meta.figures = `running again after ${seconds(begin)}`;
    expect(current()).toBe(OLDER);
    await untilLit();
    expect(readlinkSync('/opt/specta/previous')).toBe(NEWER);
  },
  LONG,
);

inFull(
  'a release that cannot use the configuration is refused, and the daemon does not notice (only with --full)',
  async () => {
    await untilLit();
    const { pid } = unit();
    const folder = brokenRelease('0.3.0-strict', {
      main: '',
      loadConfig: 'throw new Error("vehicle: a key that nobody knows");',
    });
    const { status, stderr } = await runs('sh', INSTALLER, folder);
    expect(status).toBe(1);
    expect(stderr).toContain('vehicle: a key that nobody knows');
    expect(stderr).toContain('What runs now goes on');
    expect(unit()).toMatchObject({ pid, activeState: 'active' });
    expect(current()).toBe(OLDER);
  },
  LONG,
);

test(
  'an uninstall leaves configuration, record and their owner, and nothing else',
  async ({ task }) => {
    rmSync(PATIENT_UNIT, { recursive: true });
    const { status, stderr } = await runs('sh', INSTALLER, '--uninstall');
    expect({ status, stderr }, journal().slice(-4_000)).toMatchObject({ status: 0 });
    expect(isLit()).toBe(false);
    const places = ['/etc', '/opt', '/usr', '/var', '/run', '/lib'];
    const left = ran('find', ...places, '-xdev', '-name', '*specta*', '-not', '-path', '*/specta/*').stdout;
    expect(left.trim().split('\n').sort()).toEqual(['/etc/specta', '/var/lib/specta']);
    expect(ran('systemctl', 'is-enabled', 'specta').stdout).not.toContain('enabled');
    expect(ran('id', 'specta').status).toBe(0);
    task.meta.figures = left.trim().replaceAll('\n', ', ');
  },
  LONG,
);
