import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePort, mosquittoMissing, startMosquitto } from '../fixtures/mosquitto.ts';
import { crackPicture } from '../fixtures/pictures.ts';
import { contentOf, expectedError, specta } from './specta.ts';
import { place, workshop } from './workshop.ts';

const folder = workshop();

interface Result {
  readonly check: string;
  readonly health: 'good' | 'warning' | 'bad';
  readonly found: string;
  readonly todo: string | null;
}

function report(stdout: string): { health: string; results: Result[] } {
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(stdout) as { health: string; results: Result[] };
}

function config(name: string, broker: string, camera = `replay:${join(folder, 'frames')}`): string {
  const stateFolder = join(folder, 'state/deep');
  place(folder, {
    'frames/1.jpg': crackPicture(),
    [name]: JSON.stringify({ stateFolder, camera: { uri: camera }, surface: { broker } }),
  });
  return join(folder, name);
}

test.skipIf(mosquittoMissing)(
  'everything there is looked at: one JSON object, each finding with what to do, and nothing is changed',
  async () => {
    const mosquitto = await startMosquitto();
    const file = config('good.json', mosquitto.url);
    const before = contentOf(folder);
    const { status, stdout } = await specta(['doctor', '--config', file, '--json']);
    expect(mosquitto.log()).toMatch(/specta-doctor-\d+ disconnected/);
    await mosquitto.stop();
    expect(status).toBe(0);
    const { health, results } = report(stdout);
    // The light of this configuration is simulated: that is a warning, and the worst here.
    expect(health).toBe('warning');
    for (const result of results) {
      expect(Object.keys(result)).toEqual(['check', 'health', 'found', 'todo']);
      if (result.health !== 'good') expect(result.todo).toMatch(/\S/);
    }
    const healthOf = Object.fromEntries(results.map((result) => [result.check, result.health]));
    expect(healthOf).toMatchObject({
      config: 'good',
      runtime: 'good',
      model: 'good',
      engine: 'good',
      camera: 'good',
      light: 'warning',
      disk: 'good',
      broker: 'good',
    });
    expect(results.find(({ check }) => check === 'broker')?.found).toContain('MQTT 5');
    expect(contentOf(folder)).toEqual(before);
  },
);

test('the worst finding decides the exit status; a broker that is away is only a warning', async () => {
  const broker = `mqtt://127.0.0.1:${await freePort()}`;
  const file = config('bad.json', broker, `replay:${join(folder, 'no-frames')}`);
  const { status, stdout } = await specta(['doctor', '--config', file]);
  expect(status).toBe(69);
  expect(stdout).toMatch(
    /^bad +camera +The images at ".+no-frames" cannot be read: ENOENT\.\n +→ Check .+$/m,
  );
  expect(stdout).toMatch(/^warning +broker +.+cannot be reached.+\n +→ Alerts wait on board/m);
  expect(stdout).toMatch(/^good +engine +onnx on cpu: specta-separable/m);
});

test('a broken configuration is one more finding, and the rest is looked at all the same', async () => {
  place(folder, { 'broken.yaml': 'camera:\n  uri: replay:x\n  rte: 3\n' });
  const { status, stdout } = await specta(['doctor', '--config', join(folder, 'broken.yaml'), '--json']);
  expect(status).toBe(69);
  const { health, results } = report(stdout);
  expect(health).toBe('bad');
  expect(results[0]).toMatchObject({ check: 'config', health: 'bad' });
  expect(results[0].found).toContain('camera.rte: unknown key; did you mean camera.rate?');
  expect(results.find(({ check }) => check === 'engine')).toMatchObject({ health: 'good' });
});

test('an address that is none is wrong usage', async () => {
  const { status, stderr } = await specta(['doctor', '--broker', 'vessel']);
  expect(stderr).toMatch(expectedError('USAGE'));
  expect(status).toBe(64);
});
