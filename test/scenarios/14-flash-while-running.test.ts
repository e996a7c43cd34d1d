import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { askDaemon } from '../../src/daemon/control/ask-daemon.ts';
import { type Daemon, startDaemon } from '../../src/daemon/daemon.ts';
import type { Verdict } from '../../src/domain/verdict.ts';
import { resolveBundle } from '../../src/model/bundle.ts';
import type { ModelStore } from '../../src/model/model-store.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { FlashedBundles, Kind } from '../fixtures/flashed-bundles.ts';
import { configured, TRIAL } from './flashing.ts';
import { scenario } from './scenario.ts';
import type { Settings, Stage } from './stage.ts';

interface Vehicle {
  readonly daemon: Daemon;
  readonly store: ModelStore;
  readonly ashore: FlashedBundles;
  readonly verdicts: Verdict[];
}

/** In this process, because every verdict is to be seen. */
async function vehicle(stage: Stage, settings: Readonly<Record<string, Settings>>): Promise<Vehicle> {
  const { config, store, ashore } = await configured(stage, settings);
  const verdicts: Verdict[] = [];
  const bundle = await resolveBundle(config.model.bundle, stage.folder);
  const daemon = await startDaemon(config, {
    log: silentLog(),
    version: '0.0.0',
    bundle,
    models: { store, shipped: async () => bundle, slot: 'current', signature: 'shipped' },
    onEvent: (event) => {
      if (event.kind === 'verdict') verdicts.push(event.verdict);
    },
  });
  return { daemon, store, ashore, verdicts };
}

async function request(daemon: Daemon, name: string, content: object = {}): Promise<Record<string, unknown>> {
  const bytes = await daemon.requests.answer(name, new TextEncoder().encode(JSON.stringify(content)));
  return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
}

/** Every frame that the camera gave has its verdict, and what it did not give it counted as superseded. */
function expectNothingLost({ daemon, verdicts }: Vehicle): void {
  const sequences = verdicts.map(({ frame }) => frame.sequence);
  expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
  const missing = (sequences.at(-1) ?? 0) - (sequences[0] ?? 0) + 1 - sequences.length;
  expect(missing).toBeLessThanOrEqual(daemon.camera.drops.superseded ?? 0);
  expect(daemon.camera.delivered - verdicts.length).toBeLessThanOrEqual(1);
}

scenario('14 good, slow, wrong and broken models are flashed under way: no frame is lost', async (stage) => {
  const broker = await stage.broker();
  const surface = await stage.surface(broker.url);
  const film = await stage.film([
    ['sound', 30],
    ['crack', 30],
    ['rust', 30],
  ]);
  const ship = await vehicle(stage, {
    camera: { uri: `replay:${film}`, rate: 30, loop: true },
    surface: { broker: broker.url },
  });
  const { daemon, store, ashore, verdicts } = ship;
  const serving = (): string => verdicts.at(-1)?.model.version ?? '';
  /** Brings it aboard, puts it on trial, waits for its end. @returns why it failed, null when it serves */
  const flash = async (
    kind: Kind,
    version: string,
    during?: () => Promise<unknown>,
  ): Promise<string | null> => {
    await store.install(await ashore.pack(kind, version));
    expect(await request(daemon, 'model/activate', { bundle: `tiny@${version}` })).toMatchObject({
      status: 'ok',
      data: { serving: { trial: { version } } },
    });
    await during?.();
    await stage.until(`the trial of ${version} is over`, () => {
      const told = surface.last('model');
      return told?.lastTrial?.version === version && told.trial === null;
    });
    const told = surface.last('model');
    await stage.until('it judges', () => serving() === told?.model?.version);
    return told?.lastTrial?.reason ?? null;
  };
  try {
    await stage.until('it sees', () => verdicts.length > 3);

    expect(await flash('good', '0.1.0')).toBeNull();
    expect(serving()).toBe('0.1.0');
    expect(await store.slots()).toMatchObject({
      current: { version: '0.1.0' },
      previous: { kind: 'shipped' },
      lastTrial: { confirmed: true },
    });
    const at = verdicts.findIndex(({ model }) => model.version === '0.1.0');
    expect(verdicts.slice(at).every(({ model }) => model.version === '0.1.0')).toBe(true);

    expect(await flash('slow', '0.2.0')).toMatch(/one inference takes \d+ ms/);
    expect(await flash('wrong', '0.3.0')).toMatch(/Golden input/);
    expect(await flash('broken', '0.4.0')).toMatch(/cannot be served/);
    expect(await flash('unlike', '0.5.0')).toMatch(/disagrees on/);
    // What crashes the engine takes its own process down, and nothing else.
    const crash = async (): Promise<void> => {
      const child = await stage.until('it is proved in a child', provingChild);
      process.kill(child, 'SIGSEGV');
    };
    expect(await flash('slow', '0.6.0', crash)).toMatch(/took the process down.*SIGSEGV/);

    const nobodys = await ashore.pack('good', '0.7.0', { signed: false });
    await expect(store.install(nobodys)).rejects.toMatchObject({ code: 'BUNDLE_UNSIGNED' });
    expect(await request(daemon, 'model/activate', { bundle: 'tiny@0.7.0' })).toMatchObject({
      error: { code: 'BUNDLE_MISSING' },
    });
    expect(serving()).toBe('0.1.0');
    expect(await store.slots()).toMatchObject({ current: { version: '0.1.0' }, trial: null });

    // Both verdicts of each frame of a trial are on record.
    const records = join(stage.stateFolder, 'trials');
    const [first] = (await readdir(records)).sort();
    const lines = (await readFile(join(records, first), 'utf8')).trim().split('\n');
    expect(lines.length).toBeGreaterThanOrEqual(TRIAL.frames);
    expect(JSON.parse(lines[0])).toMatchObject({
      serving: { label: expect.any(String) },
      trial: { label: expect.any(String) },
    });

    // Back, without a trial: it has served before.
    expect(await request(daemon, 'model/rollback')).toMatchObject({
      status: 'ok',
      data: { serving: { version: '0.0.1' }, previous: null },
    });
    await stage.until('it judges', () => serving() === '0.0.1');
    expectNothingLost(ship);
    const list = await request(daemon, 'model/list');
    expect(list).toMatchObject({ data: { current: 'shipped', bundles: expect.any(Array) } });
  } finally {
    await daemon.stop();
  }
});

/** The process that proves a bundle for this one; undefined when there is none. */
async function provingChild(): Promise<number | undefined> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const [status, command] = await Promise.all(
      ['status', 'cmdline'].map((file) => readFile(`/proc/${name}/${file}`, 'utf8').catch(() => '')),
    );
    if (status.includes(`PPid:\t${process.pid}\n`) && command.includes('proving-child')) return Number(name);
  }
  return undefined;
}

scenario(
  '14 a camera that gives every frame: the frames before and behind the switch follow each other',
  async (stage) => {
    const film = await stage.film([['sound', 40]]);
    // Without a pace the camera waits for each frame to be taken: any gap would be the daemon's.
    const ship = await vehicle(stage, {
      camera: { uri: `replay:${film}`, loop: true },
      surface: { broker: 'mqtt://127.0.0.1:9' },
    });
    const { daemon, store, ashore, verdicts } = ship;
    try {
      await store.install(await ashore.pack('good', '0.1.0'));
      await request(daemon, 'model/activate', { bundle: 'tiny@0.1.0' });
      const behind = (): Verdict[] => verdicts.filter(({ model }) => model.version === '0.1.0');
      await stage.until('the new one serves', () => behind().length > 20);
    } finally {
      await daemon.stop();
    }
    const sequences = verdicts.map(({ frame }) => frame.sequence);
    expect(sequences).toEqual(sequences.map((_, index) => sequences[0] + index));
    expect(daemon.camera.drops.superseded).toBeUndefined();
    const versions = verdicts.map(({ model }) => model.version);
    expect(versions).toEqual(versions.toSorted());
  },
);

scenario(
  '14 killed in the middle of a trial: the old model serves, and the trial is told as failed',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const camera = await stage.liveCamera('sound');
    const { file, config, store, ashore } = await configured(stage, {
      camera: { uri: camera.uri },
      surface: { broker: broker.url },
      model: { trial: { ...TRIAL, frames: 100_000, leastFrames: 100_000, minutes: 60 } },
    });
    const first = stage.launch(file);
    await stage.until('it serves', () => surface.last('model')?.model);
    await store.install(await ashore.pack('good', '0.1.0'));
    const socket = join(config.stateFolder, 'control.sock');
    await askDaemon(socket, 'model/activate', { bundle: 'tiny@0.1.0' });
    await stage.until('both judge', () => (surface.last('model')?.trial?.compared ?? 0) > 0);
    expect(await store.slots()).toMatchObject({ trial: { phase: { kind: 'begun' } } });
    await first.kill();
    stage.forget(first);

    stage.launch(file);
    await stage.until('the trial is told as failed', () => surface.last('model')?.lastTrial);
    await stage.until('it serves again', () => surface.last('model')?.model);
    expect(surface.last('model')).toMatchObject({
      model: { version: '0.0.1' },
      trial: null,
      lastTrial: { version: '0.1.0', passed: false, reason: 'SPECTA ended before the trial did' },
    });
    expect(await store.slots()).toMatchObject({ current: { kind: 'shipped' }, trial: null });
  },
);

scenario(
  '14 a flashed model that does not load at a start: the one before serves, and that is told',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const film = await stage.film([['sound', 40]]);
    const { file, store, ashore } = await configured(stage, {
      camera: { uri: `replay:${film}`, rate: 20, loop: true },
      surface: { broker: broker.url },
    });
    await store.install(await ashore.pack('good', '0.1.0'));
    await store.activate('tiny@0.1.0');
    await store.install(await ashore.pack('broken', '0.2.0'));
    await store.activate('tiny@0.2.0');
    const daemon = stage.launch(file);
    await stage.until('one serves', () => surface.last('model')?.model);
    expect(surface.last('model')).toMatchObject({
      slot: 'previous',
      model: { version: '0.1.0' },
      signature: 'trusted',
    });
    expect(daemon.output).toContain('the model that is to serve does not load');
  },
);
