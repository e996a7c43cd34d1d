import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { askDaemon } from '../../src/daemon/control/ask-daemon.ts';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { configured } from '../scenarios/flashing.ts';
import { Stage } from '../scenarios/stage.ts';
import { expectedError, specta } from './specta.ts';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 });

let stage: Stage;

beforeAll(async () => {
  stage = await Stage.set();
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

interface Item {
  readonly item: string;
  readonly state: 'green' | 'red';
  readonly found: string;
  readonly todo: string | null;
}

function report(stdout: string): { ready: boolean; vehicle: string; items: Item[] } {
  return JSON.parse(stdout) as { ready: boolean; vehicle: string; items: Item[] };
}

function statesOf(items: readonly Item[]): Record<string, string> {
  return Object.fromEntries(items.map(({ item, state }) => [item, state]));
}

test.skipIf(mosquittoMissing)(
  'with a daemon it is asked for everything: only the simulated lamp keeps the page red; doctor asks it as well',
  async () => {
    const broker = await stage.broker();
    await stage.surface(broker.url);
    const camera = await stage.liveCamera('sound');
    const config = await stage.configure({ camera: { uri: camera.uri }, surface: { broker: broker.url } });
    const daemon = stage.launch(config);
    const socket = join(stage.stateFolder, 'control.sock');
    await stage.until('the daemon sees and is connected', async () => {
      const facts = await askDaemon(socket, 'status', {}).catch(() => null);
      return facts?.sight && facts.link?.state === 'connected';
    });

    const picture = join(stage.folder, 'deck.jpg');
    const words = ['predive', '--socket', socket, '--yes', 'clock', '--yes', 'lamp'];
    const { status, stdout } = await specta([...words, '--picture', picture, '--json']);
    expect(status).toBe(69);
    const { ready, vehicle, items } = report(stdout);
    expect([ready, vehicle]).toEqual([false, 'rov-1']);
    expect(statesOf(items)).toEqual({
      daemon: 'green',
      camera: 'green',
      lamp: 'red',
      model: 'green',
      clock: 'green',
      disk: 'green',
      link: 'green',
      backup: 'green',
    });
    expect(items.find(({ item }) => item === 'model')?.found).toContain('tiny 0.0.1');
    expect(readFileSync(picture).subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));

    // The camera is a program that the daemon runs: were it opened again, two would run.
    const doctor = await specta(['doctor', '--config', config, '--json']);
    const { results } = JSON.parse(doctor.stdout) as {
      results: { check: string; found: string; health: string }[];
    };
    const found = (check: string) => results.find((each) => each.check === check);
    expect(found('daemon')).toMatchObject({
      health: 'good',
      found: expect.stringContaining(`process ${daemon.pid}`),
    });
    expect(found('camera')?.found).toContain('is streaming in the daemon');
    expect(found('engine')?.found).toBe('onnx on cpu runs in the daemon: tiny 0.0.1');
    expect(doctor.status).toBe(0);

    await camera.show('dark');
    await stage.until(
      'it is dark',
      async () => (await askDaemon(socket, 'status', {})).sight?.blind === 'dark',
    );
    const dark = await specta(['predive', '--config', config]);
    expect(dark.status).toBe(69);
    expect(dark.stdout).toMatch(/^ {2}RED {4}camera {2}cannot see: dark/m);
    expect(dark.stdout).toMatch(/→ Take the cap off the lens/);
    expect((await daemon.stop()).code).toBe(0);
    stage.forget(daemon);
  },
);

test('without a daemon camera and engine are taken for one frame, and nothing is left behind', async () => {
  const camera = await stage.film([['sound', 3]]);
  const stateFolder = join(stage.folder, 'fresh');
  const config = await stage.configure({
    stateFolder,
    camera: { uri: `replay:${camera}` },
    surface: { broker: 'mqtt://127.0.0.1:1' },
  });
  const { status, stdout } = await specta(['predive', '--config', config, '--json']);
  expect(status).toBe(69);
  const { items } = report(stdout);
  expect(statesOf(items)).toMatchObject({
    daemon: 'red',
    camera: 'green',
    lamp: 'red',
    model: 'green',
    link: 'red',
  });
  expect(items.find(({ item }) => item === 'backup')).toMatchObject({ state: 'green' });
  for (const { state, todo } of items) expect(todo === null).toBe(state === 'green');
  expect(existsSync(stateFolder)).toBe(false);
});

test('without a daemon the model is the one that its next start serves, not the one that came with SPECTA', async () => {
  const camera = await stage.film([['sound', 3]]);
  const settings = {
    camera: { uri: `replay:${camera}` },
    surface: { broker: 'mqtt://127.0.0.1:1' },
    model: { allowUnsigned: true },
  };
  const { file, store, ashore } = await configured(stage, settings);
  await store.install(await ashore.pack('good', '0.1.0', { signed: false }));
  await store.activate('tiny@0.1.0');
  const { stdout } = await specta(['predive', '--config', file, '--json']);
  const model = report(stdout).items.find(({ item }) => item === 'model');
  expect(model).toMatchObject({ state: 'red', found: 'tiny 0.1.0, signed by NOBODY: never for a dive' });
  const doctor = await specta(['doctor', '--config', file]);
  expect(doctor.stdout).toMatch(/^good +engine +onnx on cpu: tiny 0\.1\.0/m);
});

test('with neither a daemon nor a configuration there is nothing to look at', async () => {
  const { status, stderr } = await specta(['predive', '--socket', join(stage.folder, 'none.sock')]);
  expect(status).toBe(69);
  expect(stderr).toMatch(expectedError('DAEMON_ABSENT'));
  expect(stderr).toContain('Without a daemon give --config FILE.');
  const wrong = await specta(['predive', '--yes', 'everything']);
  expect(wrong.status).toBe(64);
});
