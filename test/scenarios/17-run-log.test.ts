import { expect } from 'vitest';
import { freePort } from '../fixtures/mosquitto.ts';
import { peekBlackBox } from './black-box.ts';
import { scenario } from './scenario.ts';

scenario(
  '17 a run without a broker, then the power goes: the next start tells the whole story of it',
  async (stage) => {
    const port = await freePort();
    const film = await stage.film([
      ['sound', 40],
      ['crack', 20],
      ['sound', 40],
    ]);
    const settings = {
      camera: { uri: `replay:${film}`, rate: 40 },
      surface: { broker: `mqtt://127.0.0.1:${port}` },
    };
    const first = await stage.daemon(settings);
    const ended = await stage.until('the run has ended', () =>
      peekBlackBox(stage.stateFolder)?.runs.find(({ end }) => end === 'camera-ended'),
    );
    await first.kill();
    stage.forget(first);

    const broker = await stage.broker({ port });
    const surface = await stage.surface(broker.url);
    await stage.daemon(settings);
    const past = await stage.until('its end is told', () => {
      const told = surface.all('run/log').filter(({ run }) => run.id === ended.id);
      return told.some(({ run }) => run.end !== null) ? told : null;
    });
    expect(past.every(({ historical }) => historical)).toBe(true);
    expect(new Set(past.map(({ boot }) => boot)).size).toBe(1);
    const sequences = past.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
    expect(past[0]?.run).toMatchObject({ end: null, coverage: { framesJudged: 0 } });
    expect(past.at(-1)?.run).toMatchObject({
      end: 'camera-ended',
      coverage: { framesJudged: ended.coverage.framesJudged, seenSeconds: ended.coverage.seenSeconds },
    });
    expect(past.at(-1)).toMatchObject({
      position: null,
      positionMissing: 'no source of position is configured',
    });
    // The present is not told in the past's place.
    const now = await stage.until('the next run', () =>
      surface.all('run/log').find(({ run }) => run.id !== ended.id),
    );
    expect(now.historical).toBe(false);
    expect(surface.raw('run/log').every(({ retained }) => !retained)).toBe(true);
  },
);
