import { expect } from 'vitest';
import { scenario } from './scenario.ts';

scenario('02 a crack in rust is both findings and lights the lamp; rust alone does not', async (stage) => {
  const broker = await stage.broker();
  const surface = await stage.surface(broker.url);
  const camera = await stage.liveCamera('rust');
  await stage.daemon({ camera: { uri: camera.uri }, surface: { broker: broker.url } });
  const opened = (defect: string) =>
    surface.all('alerts').find((alert) => alert.class === defect && alert.phase === 'opened');
  const closed = (defect: string) =>
    surface.all('alerts').find((alert) => alert.class === defect && alert.phase === 'closed');

  const rust = await stage.until('rust is found', () => opened('corrosion'));
  expect(rust).toMatchObject({ advice: { en: 'Add an anti-corrosion coating.' } });
  expect(surface.all('light').some(({ shows }) => shows === 'crack')).toBe(false);

  await camera.show('crack-in-rust');
  const crack = await stage.until('the crack in it is found', () => opened('crack'));
  expect(crack.finding).not.toBe(rust.finding);
  await stage.until('the light is on', () => surface.last('light')?.shows === 'crack');
  expect(surface.last('light')).toMatchObject({ lit: true, findings: [crack.finding] });
  // The rust is still there: one defect does not end the other.
  expect(closed('corrosion')).toBeUndefined();
  await stage.until('both are open in the run', () => surface.last('run')?.openFindings.length === 2);
  expect(new Set(surface.last('run')?.openFindings.map(({ class: defect }) => defect))).toEqual(
    new Set(['corrosion', 'crack']),
  );
  const live = surface.raw('detections').map(({ payload }) => JSON.parse(payload.toString('utf8')));
  expect(live.some(({ defects }) => defects.length === 2)).toBe(true);

  await camera.show('sound');
  await stage.until('the crack closes', () => closed('crack'));
  await stage.until('the rust closes', () => closed('corrosion'));
  await stage.until('the light is off', () =>
    ['dark', 'heartbeat'].includes(surface.last('light')?.shows ?? ''),
  );
});
