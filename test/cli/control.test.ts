import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { askDaemon } from '../../src/daemon/control/ask-daemon.ts';
import { everyoneMayRead } from '../fixtures/everyone-may-read.ts';
import { Stage } from '../scenarios/stage.ts';
import { expectedError, ROOT, specta } from './specta.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

/** One vehicle for all tests of this file, at its third daemon: the first two are killed and stopped on the way. */
let stage: Stage;
let config: string;
let picture: string;

function data(stdout: string): Record<string, unknown> {
  return JSON.parse(stdout) as Record<string, unknown>;
}

async function ready(): Promise<void> {
  const socket = join(stage.stateFolder, 'control.sock');
  await stage.until('the daemon sees', async () => {
    const facts = await askDaemon(socket, 'status', {}).catch(() => null);
    return facts?.sight && facts.run;
  });
}

beforeAll(async () => {
  stage = await Stage.set();
  const camera = await stage.liveCamera('sound');
  config = await stage.configure({
    camera: { uri: camera.uri },
    light: { onCrack: 'latch', lampTestSeconds: 0.2 },
    surface: { broker: 'mqtt://127.0.0.1:1' },
    requests: { disabled: ['light/acknowledge'] },
  });
  picture = join(stage.folder, 'now.jpg');
  stage.launch(config);
  await ready();
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

test('status: for people one fact a line, for programs one object', async () => {
  const [people, program] = await Promise.all([
    specta(['status', '--config', config]),
    specta(['status', '--config', config, '--json']),
  ]);
  expect(people.status).toBe(0);
  expect(people.stdout).toMatch(/^vehicle {3}rov-1, SPECTA \S+, process \d+, up /m);
  expect(people.stdout).toMatch(/^link {6}recovering since .+: no connection to mqtt:\/\/127\.0\.0\.1:1/m);
  expect(people.stdout).toMatch(/^light {5}simulated: /m);
  const facts = data(program.stdout);
  expect(facts).toMatchObject({
    vehicle: 'rov-1',
    pid: stage.daemons[0]?.pid,
    camera: { state: 'streaming', reason: null },
    engine: { kind: 'onnx', provider: 'cpu' },
    model: { name: 'tiny', slot: 'current' },
    light: { kind: 'simulated' },
    runStartsBy: 'camera',
    disk: { folder: stage.stateFolder },
  });
});

test('the light is tested; what is disabled is refused', async () => {
  const tested = await specta(['light', 'test', '--seconds', '30', '--config', config]);
  expect(tested).toMatchObject({ status: 0, stdout: 'The light is simulated: no lamp blinks.\n' });
  const shown = await specta(['light', 'status', '--config', config, '--json']);
  expect(data(shown.stdout)).toMatchObject({ shows: 'lamp-test' });
  const refused = await specta(['light', 'acknowledge', '--config', config]);
  expect(refused.status).toBe(76);
  expect(refused.stderr).toMatch(expectedError('REQUEST_DISABLED'));
});

test('a run ends and begins on request, each under its own id, also within one second', async () => {
  const before = data((await specta(['status', '--config', config, '--json'])).stdout).run as { id: string };
  const stopped = await specta(['run', 'stop', '--config', config, '--json']);
  expect(data(stopped.stdout)).toMatchObject({ ended: true, run: { id: before.id } });
  expect(data((await specta(['run', 'stop', '--config', config, '--json'])).stdout)).toEqual({
    ended: false,
    run: null,
  });
  const started = await specta(['run', 'start', '--config', config, '--json']);
  const { began, run } = data(started.stdout) as { began: boolean; run: { id: string } };
  expect(began).toBe(true);
  expect(run.id).toMatch(/^R-\d{8}T\d{6}Z-[0-9a-f]{8}-2$/);
  const again = await specta(['run', 'start', '--config', config]);
  expect(again.stdout).toBe(`The run ${run.id} is under way already.\n`);
});

test('the snapshot is the picture that was judged', async () => {
  const { status, stdout } = await specta(['snapshot', '--to', picture, '--config', config, '--json']);
  expect(status).toBe(0);
  expect(data(stdout)).toMatchObject({ file: picture, width: 160, height: 120, contentType: 'image/jpeg' });
  expect(readFileSync(picture).subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
});

test('any request goes through as it is written, and its answer comes as it is', async () => {
  const ask = (name: string, json: string) => specta(['request', name, json, '--config', config]);
  const [first, second] = [
    await ask('light/test', '{"transaction": "t-1", "seconds": 0.1}'),
    await ask('light/test', '{"transaction": "t-1", "seconds": 0.1}'),
  ];
  expect(first.status).toBe(0);
  expect(data(first.stdout)).toMatchObject({ status: 'ok', error: null, transaction: 't-1' });
  expect(second.stdout).toBe(first.stdout);
  const wrong = await ask('light/tset', '{');
  expect(wrong.status).toBe(76);
  expect(data(wrong.stdout)).toMatchObject({ status: 'error', error: { code: 'REQUEST_INVALID' } });
});

test('a second daemon on the same state folder is refused by the number of the first, which goes on', async () => {
  const { status, stderr } = await specta(['run', '--config', config]);
  expect(status).toBe(69);
  expect(stderr).toMatch(expectedError('DAEMON_RUNNING'));
  expect(stderr).toContain(`process ${stage.daemons[0]?.pid}`);
  expect((await specta(['status', '--config', config])).status).toBe(0);
});

test('who may not ask learns which group may', async (context) => {
  if (process.getuid?.() !== 0) context.skip('only root can take another user’s place');
  if (!everyoneMayRead(ROOT))
    context.skip('another user cannot read this clone: its folder is one user’s own');
  // A folder that everyone may look into, with the socket in it.
  const open = join(stage.folder, 'open');
  mkdirSync(open);
  chmodSync(stage.folder, 0o755);
  const socket = join(open, 's.sock');
  const other = await stage.configure({
    stateFolder: join(stage.folder, 'other-state'),
    // It waits for this one as long as the test takes.
    camera: { uri: 'v4l2:/dev/no-such-camera' },
    control: { socket },
  });
  const daemon = stage.launch(other);
  await stage.until('the socket is there', () => existsSync(socket));
  chownSync(socket, 0, 2);
  const asked = spawnSync(process.execPath, [join(ROOT, 'src/main.ts'), 'status', '--socket', socket], {
    uid: 65_534,
    gid: 65_534,
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });
  await daemon.kill();
  stage.forget(daemon);
  expect(asked.stderr).toMatch(expectedError('DAEMON_FORBIDDEN'));
  expect(asked.stderr).toContain('the group bin');
  expect(asked.status).toBe(77);
});

test('killed with -9 nothing stays locked: the next one takes socket and folder; stopped, both are free', async () => {
  const [first] = stage.daemons;
  await first?.kill();
  if (first) stage.forget(first);
  const socket = join(stage.stateFolder, 'control.sock');
  expect(statSync(socket).isSocket()).toBe(true);
  const orphaned = await specta(['light', 'test', '--config', config]);
  expect(orphaned.status).toBe(69);
  expect(orphaned.stderr).toContain('the daemon that made it has died');

  const second = stage.launch(config);
  await ready();
  // Somebody who hangs on the socket does not hold up the stop.
  const hanging = createConnection(socket).on('error', () => undefined);
  const { code, ms } = await second.stop();
  hanging.destroy();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(5_000);
  stage.forget(second);
  expect(existsSync(socket)).toBe(false);
  const gone = await specta(['status', '--config', config]);
  expect(gone.status).toBe(69);
  expect(gone.stderr).toMatch(expectedError('DAEMON_ABSENT'));
});
