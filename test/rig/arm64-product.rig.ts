import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CheckResult } from '../../src/doctor/examination.ts';
import { NODE_OPTIONS } from '../../src/platform/node-options.ts';
import { type Mosquitto, startMosquitto } from '../fixtures/mosquitto.ts';
import { Surface } from '../scenarios/surface.ts';
import { until } from '../scenarios/until.ts';
import {
  ELSEWHERE,
  farthest,
  isArm64Rig,
  PICTURES_FOLDER,
  readFacts,
  SHARE,
  TINY_BUNDLE,
  type ToldVerdict,
} from './arm64-facts.ts';
import { isWireHigh } from './simulated-chip.ts';
import { NODE } from './virtual-camera.ts';

const project = resolve(import.meta.dirname, '../..');
/** Far beyond what anything takes there. */
const PATIENCE_MS = 600_000;

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment without the rig's own words, which are no keys of a configuration. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(SPECTA_|VITEST|NODE_)/.test(name)),
  );
}

/** Runs a program to its end, whatever its status. */
async function ended(program: string, parameters: readonly string[], cwd: string): Promise<Ended> {
  const options = { cwd, env: environment(), timeout: PATIENCE_MS, encoding: 'utf8' } as const;
  try {
    return { status: 0, ...(await promisify(execFile)(program, [...parameters], options)) };
  } catch (error) {
    if (!(error instanceof Error) || !('stdout' in error) || !('code' in error)) throw error;
    const { code, stdout, stderr } = error as Error & { code: unknown; stdout: unknown; stderr: unknown };
    return { status: typeof code === 'number' ? code : -1, stdout: String(stdout), stderr: String(stderr) };
  }
}

/** Another file's tests may have taken the chip away and brought it back under another name. */
const wire = (): boolean => isWireHigh(17);

function arm64Tests(): void {
  const facts = readFacts();
  const specta = join(facts.release, 'bin/specta');
  let folder = '';
  let broker: Mosquitto;
  let config = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'specta-arm64-'));
    broker = await startMosquitto();
    config = join(folder, 'specta.yaml');
    const settings = {
      vehicle: 'rig-arm64',
      stateFolder: join(folder, 'state'),
      camera: { uri: `v4l2:${NODE}`, width: 320, height: 180, rate: 30, stallSeconds: 30 },
      light: { line: { kind: 'chardev', chip: 'rig', line: 'RELAY' }, lampTestSeconds: 3, idle: 'off' },
      surface: { broker: broker.url },
      // The shipped model takes seconds a frame there; it has judged one in arm64-runtime.rig.ts.
      model: { bundle: join(SHARE, TINY_BUNDLE) },
    };
    await writeFile(config, JSON.stringify(settings));
  });
  afterAll(async () => {
    await broker.stop();
    await rm(folder, { recursive: true, force: true });
  });

  test('the release judges pictures as it does on the other processor', async ({ task }) => {
    const words = ['classify', PICTURES_FOLDER, '--model', `./${TINY_BUNDLE}`, '--json'];
    const { status, stdout, stderr } = await ended(specta, words, SHARE);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const verdicts = stdout
      .trim()
      .split('\n')
      .map((line): ToldVerdict => JSON.parse(line));
    expect(facts.verdicts.length).toBeGreaterThan(0);
    expect(verdicts.map(({ file, label, blind }) => ({ file, label, blind }))).toEqual(
      facts.verdicts.map(({ file, label, blind }) => ({ file, label, blind })),
    );
    const most = Math.max(
      ...verdicts.map(({ probabilities }, index) =>
        farthest(probabilities, facts.verdicts[index].probabilities),
      ),
    );
    expect(most).toBeGreaterThanOrEqual(0);
    expect(most).toBeLessThanOrEqual(1e-4);
    const labels = verdicts.map(({ label, blind }) => label ?? `blind ${blind}`).join(', ');
    task.meta.figures = `${labels}; farthest from ${facts.arch} ${most.toExponential(1)} `;
  });

  test('npx specta doctor finds everything in order', async ({ task }) => {
    const npx = join(facts.modules, 'npm/bin/npx-cli.js');
    const words = [...NODE_OPTIONS, npx, '--offline', 'specta', 'doctor', '--config', config, '--json'];
    const { status, stdout, stderr } = await ended(process.execPath, words, project);
    expect({ status, stderr, stdout }).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\{/) });
    const { health, results }: { health: string; results: CheckResult[] } = JSON.parse(stdout);
    task.meta.figures = `${health}: ${results.map(({ check, health: one }) => `${check} ${one}`).join(', ')}`;
    const found = (check: string): CheckResult[] => results.filter((result) => result.check === check);
    expect(found('runtime')[0]).toMatchObject({
      health: 'good',
      found: expect.stringMatching(/^Node 24\..* on linux-arm64/),
    });
    expect(found('engine')).toMatchObject([
      { health: 'good', found: expect.stringContaining('onnx on cpu') },
    ]);
    expect(found('camera')).toMatchObject([{ health: 'good', found: expect.stringContaining('320x180') }]);
    expect(found('light')).toMatchObject([{ health: 'good', found: expect.stringContaining('RELAY') }]);
    expect(results.filter((result) => result.health === 'bad')).toEqual([]);
  });

  test('the daemon of the release judges V4L2 frames and drives the line', async ({ task }) => {
    const surface = new Surface(broker.url);
    await until('somebody listens above water', () => surface.subscribed > 0, PATIENCE_MS);
    expect(wire()).toBe(false);
    const env = environment();
    const daemon = spawn(specta, ['run', '--config', config], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    daemon.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    const over = new Promise<number | null>((settle) => daemon.once('close', settle));
    const seen = <T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T>> =>
      until<NonNullable<T>>(
        what,
        async () => {
          if (daemon.exitCode !== null) throw new Error(`the daemon ended before: ${what}\n${log}`);
          return (await look()) || null;
        },
        PATIENCE_MS,
      ).catch((error: Error) => {
        throw new Error(`${error.message}\n${log.slice(-4000)}`, { cause: error });
      });
    try {
      await seen('the lamp test lights the line', wire);
      await seen('the lamp test ends', () => !wire());
      const health = await seen('a frame is judged', () =>
        surface.all('health').find(({ latencyMs }) => latencyMs.captureToVerdict !== undefined),
      );
      expect(health).toMatchObject({ engine: 'onnx', provider: 'cpu' });
      expect(surface.last('status/camera')).toMatchObject({ condition: 'ok' });
      expect(surface.last('status/light')).toMatchObject({ condition: 'ok' });
      const { fps, latencyMs, memoryBytes } = health;
      task.meta.figures = `${fps.toFixed(1)} frames a second, capture to verdict p50 ${latencyMs.captureToVerdict.p50.toFixed(0)} ms, ${(memoryBytes / 1e6).toFixed(0)} MB (emulated)`;
    } finally {
      daemon.kill('SIGTERM');
    }
    expect(await over).toBe(0);
    expect(wire()).toBe(false);
    // An emulator may not get all parts to stop in the time that a vehicle has: its will then says that it is gone.
    const goodbye = (): string | undefined => {
      const state = surface.last('state')?.state;
      return state === 'stopped' || state === 'offline' ? state : undefined;
    };
    const farewell = await until('the surface is told', goodbye, PATIENCE_MS).catch((error: Error) => {
      throw new Error(`${error.message}\n${log.slice(-4000)}`, { cause: error });
    });
    task.meta.figures += `; told at the end: ${farewell}`;
    await surface.leave();
  });
}

if (!isArm64Rig) test.skip(`the product on arm64 (${ELSEWHERE})`, () => {});
else describe('the product on arm64', arm64Tests);
