import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { peekBlackBox } from './black-box.ts';
import { scenario } from './scenario.ts';

scenario(
  '07 after a crash the same run goes on under a new boot, its gap counted, its open findings closed',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const camera = await stage.liveCamera('crack');
    const settings = { camera: { uri: camera.uri }, surface: { broker: broker.url } };
    const first = await stage.daemon(settings);
    const opened = await stage.until('the crack is found', () => surface.last('alerts'));
    await first.kill();
    await camera.show('sound');
    await sleep(1_500);

    const second = await stage.daemon(settings);
    const interrupted = await stage.until('the finding is closed', () =>
      surface.all('alerts').find(({ phase }) => phase === 'closed'),
    );
    expect(interrupted).toMatchObject({
      finding: opened.finding,
      run: opened.run,
      closeReason: 'interrupted',
      peakFrame: opened.peakFrame,
    });
    expect(interrupted.boot).not.toBe(opened.boot);
    // What the dead boot kept as proof is still the proof.
    expect(interrupted.evidence).toEqual(opened.evidence);
    const resumed = await stage.until('the run goes on', () =>
      surface.all('run').find(({ boot, run }) => boot === interrupted.boot && run !== null),
    );
    expect(resumed.run).toMatchObject({ id: opened.run, end: null });
    expect(resumed.run?.coverage.lostSeconds).toBeGreaterThanOrEqual(1.5);
    expect(resumed.openFindings).toEqual([]);
    // A crack that was in view when the vehicle lost itself is worth the light.
    expect(
      surface
        .all('light')
        .some(({ boot, lit, shows }) => boot === resumed.boot && lit && shows === 'holding'),
    ).toBe(true);

    await camera.show('crack');
    const again = await stage.until('it is found anew', () =>
      surface.all('alerts').find(({ boot, phase }) => boot === resumed.boot && phase === 'opened'),
    );
    expect(again.run).toBe(opened.run);
    expect(again.finding).not.toBe(opened.finding);

    // A crash too long ago ends the run, and a new one begins.
    await second.kill();
    await stage.daemon({ ...settings, run: { resumeWithinMinutes: 0 } });
    const next = await stage.until('a new run', () =>
      surface.all('run').find(({ run }) => run && run.id !== opened.run),
    );
    expect(next.run?.end).toBeNull();
    await stage.until('the old one ended', () =>
      peekBlackBox(stage.stateFolder)?.runs.some(({ id, end }) => id === opened.run && end === 'interrupted'),
    );
    await stage.until('its open finding was closed', () =>
      surface
        .all('alerts')
        .some(({ finding, closeReason }) => finding === again.finding && closeReason === 'interrupted'),
    );
  },
);
