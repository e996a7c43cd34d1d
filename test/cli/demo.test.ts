import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { beforeAll, expect, test } from 'vitest';
import { freePort } from '../fixtures/mosquitto.ts';
import { crackPicture, rustPicture, soundPicture } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import { contentOf, expectedError, follow, ROOT, specta, startSpecta } from './specta.ts';
import { place, workshop } from './workshop.ts';

const folder = workshop();
const footage = join(folder, 'footage');
const state = join(folder, 'state');
const demo = ['demo', '--footage', footage, '--model', join(folder, 'tiny'), '--folder', state];

beforeAll(async () => {
  await makeTinyBundle(join(folder, 'tiny'));
  const scenes = [soundPicture, rustPicture, soundPicture, crackPicture, soundPicture];
  const pictures = Array.from({ length: 50 }, (_, index) => {
    const draw = scenes[Math.floor(index / 10)];
    return [`${String(index).padStart(3, '0')}.jpg`, draw({ seed: index + 1 })] as const;
  });
  place(footage, Object.fromEntries(pictures));
});

test('one inspection without a terminal: what is simulated, alerts, the light, an orderly end', async () => {
  const before = contentOf(footage);
  const { status, stdout, stderr } = await specta([...demo, '--once', '--rate', '10', '--port', '0']);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^SIMULATED {2}camera: pictures of \S+footage, 10 frames a second$/m);
  expect(stdout).toMatch(/^SIMULATED {2}broker: in this process, mqtt:\/\/127\.0\.0\.1:\d+$/m);
  expect(stdout).toMatch(/^SIMULATED {2}alert light: /m);
  expect(stdout).toMatch(/alert {2}opened {2}corrosion/);
  expect(stdout).toMatch(/light {2}ON +open finding of a crack/);
  expect(stdout).toMatch(/alert {2}opened {2}crack/);
  expect(stdout).toMatch(/alert {2}closed {2}crack/);
  expect(stdout).toMatch(/4 alerts of 2 findings received over MQTT, \d+ frames\s+judged\. Stopped in order/);
  expect(stdout).not.toContain('\x1b');
  expect(contentOf(footage)).toEqual(before);
});

test('a busy port is told and another one taken; two demos at once; Ctrl-C ends both with status 0', async () => {
  const busy = createServer();
  const port = await freePort();
  await new Promise<void>((ready) => busy.listen(port, '127.0.0.1', ready));
  const demos = [1, 2].map(() => startSpecta([...demo, '--port', String(port)]));
  await Promise.all(demos.map((each) => each.until(/a short blip/)));
  // Both use the same folder: each has its own state in it.
  expect(new Set(demos.map(({ child }) => existsSync(join(state, `demo/session-${child.pid}`))))).toEqual(
    new Set([true]),
  );
  for (const { child } of demos) child.kill('SIGINT');
  for (const { status, stdout, stderr } of await Promise.all(demos.map(({ ended }) => ended))) {
    expect(stdout).toContain(`(${port} is taken)`);
    expect(stdout).toContain('Stopped in order; the light is at its');
    expect(stderr).toBe('');
    expect(status).toBe(0);
  }
  await new Promise((closed) => busy.close(closed));
});

test('messages of others on its broker are counted as a trouble and do not end it', async () => {
  const port = await freePort();
  const running = startSpecta([...demo, '--port', String(port)]);
  await running.until(/a short blip/);
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`);
  for (const topic of ['alerts', 'light', 'status/camera'])
    await client.publishAsync(`specta/demo/${topic}`, 'no JSON', { qos: 1 });
  await client.endAsync();
  await running.until(/opened {2}crack/);
  running.child.kill('SIGTERM');
  expect((await running.ended).status).toBe(0);
});

test('on a terminal the picture stays in place, and the end gives the cursor and the screen back', async () => {
  // `script` gives the command a terminal of its own; `exec`, since a shell in between gets the
  // interrupt too and ends with 130 whatever the command did.
  if (!existsSync('/usr/bin/script')) return;
  const words = [process.execPath, join(ROOT, 'src/main.ts'), ...demo, '--port', '0'];
  const command = words.map((word) => `'${word}'`).join(' ');
  const env = { ...process.env, TERM: 'xterm', COLUMNS: '80', LINES: '30' };
  const child = spawn('script', ['-qec', `stty cols 80 rows 30; exec ${command}`, '/dev/null'], { env });
  const running = follow(child);
  await running.until(/open finding of a crack/);
  child.stdin.write('\x03');
  const { status, stdout } = await running.ended;
  expect(status).toBe(0);
  const enter = stdout.indexOf('\x1b[?1049h');
  const leave = stdout.indexOf('\x1b[?1049l');
  expect(enter).toBeGreaterThanOrEqual(0);
  expect(leave).toBeGreaterThan(enter);
  expect(stdout.lastIndexOf('\x1b[?25h')).toBeGreaterThan(stdout.lastIndexOf('\x1b[?25l'));
  const after = stdout.slice(leave);
  expect(after).toContain('Alerts received over MQTT');
  expect(after).toContain('Stopped in order');
  // The picture is drawn over itself, never wiped first: wiping is what flickers.
  expect(stdout.slice(enter, leave).split('\x1b[2J')).toHaveLength(2);
});

test('a folder that cannot be made, footage that is not there, wrong words', async () => {
  place(folder, { 'in-the-way': 'a file' });
  const [inTheWay, gone, port, rate] = await Promise.all([
    specta([...demo.slice(0, -1), join(folder, 'in-the-way')]),
    specta(['demo', '--footage', join(folder, 'gone'), '--folder', state, '--port', '0']),
    specta([...demo, '--port', '70000']),
    specta([...demo, '--rate', '0']),
  ]);
  expect(inTheWay.stderr).toMatch(expectedError('DISK_FAILED'));
  expect(inTheWay.status).toBe(74);
  expect(gone.stderr).toMatch(expectedError('FOLDER_UNREADABLE'));
  expect(gone.status).toBe(65);
  for (const { status, stderr } of [port, rate]) {
    expect(stderr).toMatch(expectedError('USAGE'));
    expect(status).toBe(64);
  }
});

test('with --once, footage of which no frame can be judged ends with status 2', async () => {
  const bad = place(join(folder, 'bad'), { '1.jpg': 'text', '2.jpg': '' });
  const words = ['demo', '--footage', bad, '--folder', state, '--port', '0', '--once'];
  const { status, stdout } = await specta(words);
  expect(stdout).toContain('0 frames');
  expect(status).toBe(2);
});
