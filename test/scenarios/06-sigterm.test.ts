import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { DATABASE_FILE } from '../../src/record/open-record.ts';
import { Gate } from '../fixtures/gate.ts';
import { peekBlackBox } from './black-box.ts';
import { scenario } from './scenario.ts';

/** What the documentation promises of a stop, ms. */
const PROMISE_MS = 5_000;

scenario(
  '06 SIGTERM while a crack is in view: findings, run, light and state are told in order, exit 0 in time',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const camera = await stage.liveCamera('crack');
    const daemon = await stage.daemon({ camera: { uri: camera.uri }, surface: { broker: broker.url } });
    await stage.until('the light is on', () => surface.last('light')?.shows === 'crack');
    await stage.until('the finding was told', () => surface.all('alerts').length > 0);
    const run = surface.last('run')?.run;
    const { session } = surface.last('state') ?? {};

    const ending = await daemon.stop();
    expect(ending).toMatchObject({ code: 0, signal: null });
    expect(ending.ms).toBeLessThan(PROMISE_MS);

    await stage.until('it says that it stopped', () => surface.last('state')?.state === 'stopped');
    expect(surface.last('state')).toMatchObject({ state: 'stopped', session });
    expect(surface.last('run')).toMatchObject({ run: { id: run?.id, end: 'shutdown' }, openFindings: [] });
    expect(surface.last('light')).toMatchObject({ shows: 'stopped', lit: false });
    expect(surface.last('status/camera')).toMatchObject({ condition: 'absent' });
    expect(surface.all('alerts').at(-1)).toMatchObject({ phase: 'closed', closeReason: 'run-stopped' });

    // In order: the finding's end, the run's end, the light, and the farewell last of all.
    const names = surface.heard.map(({ topic }) => topic.split('/').slice(2).join('/'));
    const lastOf = (name: string): number => names.lastIndexOf(name);
    expect(names.at(-1)).toBe('state');
    expect(lastOf('light')).toBeLessThan(lastOf('state'));
    expect(lastOf('run')).toBeLessThan(lastOf('light'));
    // The broker has no will to publish: the farewell stands.
    await sleep(500);
    expect(surface.last('state')?.state).toBe('stopped');

    // The next start finds nothing to mend.
    const left = peekBlackBox(stage.stateFolder);
    expect(left?.runs.map(({ end }) => end)).toEqual(['shutdown']);
    expect(left?.findings.map(({ closeReason }) => closeReason)).toEqual(['run-stopped']);
    expect(left?.waiting).toEqual([]);
  },
);

scenario(
  '06 SIGTERM while the broker does not answer and the camera does not heed: still in time, still whole',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const gate = await Gate.to(broker.port);
    const camera = await stage.liveCamera('crack', { heeds: false });
    const daemon = await stage.daemon({ camera: { uri: camera.uri }, surface: { broker: gate.url } });
    await stage.until('the finding was told', () => surface.all('alerts').length > 0);
    await gate.set('silent');

    const ending = await daemon.stop();
    expect(ending).toMatchObject({ code: 0, signal: null });
    expect(ending.ms).toBeLessThan(PROMISE_MS);
    const left = peekBlackBox(stage.stateFolder);
    expect(left?.runs.map(({ end }) => end)).toEqual(['shutdown']);
    expect(left?.findings.map(({ closeReason }) => closeReason)).toEqual(['run-stopped']);
    // What the silent broker never acknowledged waits for the next start.
    expect(left?.waiting.at(-1)).toMatchObject({ phase: 'closed' });
    await gate.set('closed');
  },
);

scenario(
  '06 SIGTERM while the disk does not answer: still in time; what was told of the run is whole',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const camera = await stage.liveCamera('crack');
    const daemon = await stage.daemon({ camera: { uri: camera.uri }, surface: { broker: broker.url } });
    await stage.until('the finding was told', () => surface.all('alerts').length > 0);
    // Whoever writes now waits.
    const db = new DatabaseSync(join(stage.stateFolder, 'record', DATABASE_FILE), {
      timeout: 10_000,
    });
    db.exec('BEGIN IMMEDIATE');
    try {
      const ending = await daemon.stop();
      expect(ending).toMatchObject({ code: 0, signal: null });
      expect(ending.ms).toBeLessThan(PROMISE_MS);
    } finally {
      db.exec('ROLLBACK');
      db.close();
    }
    await stage.until('it says that it stopped', () => surface.last('state')?.state === 'stopped');
    expect(surface.last('light')).toMatchObject({ shows: 'stopped', lit: false });
    // The next start finds a finding without an end, and says so.
    await stage.daemon({ camera: { uri: camera.uri }, surface: { broker: broker.url } });
    await stage.until('the finding is closed', () =>
      surface.all('alerts').some(({ phase }) => phase === 'closed'),
    );
  },
);

scenario('06 SIGTERM at any moment of the start ends it with status 0, in time', async (stage) => {
  const broker = await stage.broker();
  const camera = await stage.liveCamera('crack');
  const config = await stage.configure({ camera: { uri: camera.uri }, surface: { broker: broker.url } });
  for (const [moment, extraMs] of [
    ['the light works', 0],
    ['the light works', 60],
    ['connected', 0],
    ['the run begins', 0],
  ] as const) {
    const daemon = stage.launch(config);
    await stage.until(moment, () =>
      moment === 'the light works' ? daemon.output !== '' : daemon.output.includes(moment),
    );
    await sleep(extraMs);
    const ending = await daemon.stop();
    expect(ending, `${moment}: ${daemon.output}`).toMatchObject({ code: 0, signal: null });
    expect(ending.ms).toBeLessThan(PROMISE_MS);
  }
});
