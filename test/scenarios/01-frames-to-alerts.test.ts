import { expect } from 'vitest';
import { scenario } from './scenario.ts';

scenario('01 frames become a finding, alerts and light, and all is told above water', async (stage) => {
  const broker = await stage.broker();
  const surface = await stage.surface(broker.url);
  const film = await stage.film([
    ['sound', 20],
    ['crack', 60],
    ['sound', 160],
  ]);
  const daemon = await stage.daemon({
    camera: { uri: `replay:${film}`, rate: 40 },
    surface: { broker: broker.url, detectionsPerSecond: 20 },
  });

  // The vehicle is there, with everything it retains.
  await stage.until('online', () => surface.last('state')?.state === 'online');
  await stage.until('the model serves', () => surface.last('model')?.model);
  expect(surface.last('model')).toMatchObject({
    slot: 'current',
    model: { name: 'tiny', version: '0.0.1', engine: 'onnx', provider: 'cpu' },
  });

  // The crack: live detections, one finding, light on.
  await stage.until('the finding opens', () => surface.all('alerts').some(({ phase }) => phase === 'opened'));
  await stage.until('the light is on', () => surface.last('light')?.shows === 'crack');
  const [opened] = surface.all('alerts');
  expect(opened).toMatchObject({
    vehicle: 'rov-1',
    phase: 'opened',
    class: 'crack',
    historical: false,
    closeReason: null,
    review: 'unreviewed',
    advice: { en: 'Weld the crack or replace the section.', id: 'Las retakan atau ganti bagian pipa.' },
    model: { name: 'tiny', provider: 'cpu' },
  });
  expect(opened.evidence?.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(opened.notice.en).toMatch(/screening aid/i);
  expect(surface.last('light')).toMatchObject({ lit: true, findings: [opened.finding] });

  // It goes: the finding closes under its id, the light goes off after its hold.
  await stage.until('the finding closes', () =>
    surface.all('alerts').some(({ phase }) => phase === 'closed'),
  );
  await stage.until('the light is off again', () =>
    ['dark', 'heartbeat'].includes(surface.last('light')?.shows ?? ''),
  );
  const alerts = surface.all('alerts');
  expect(new Set(alerts.map(({ finding }) => finding))).toEqual(new Set([opened.finding]));
  expect(alerts.at(-1)).toMatchObject({ phase: 'closed', closeReason: 'gone', run: opened.run });
  expect(alerts.at(-1)?.closedAt).not.toBeNull();

  // Each alert stands in the log once it is safe.
  const committed = daemon.log.filter(({ msg }) => msg === 'alert committed');
  expect(committed).toMatchObject(
    alerts.map(({ finding, class: defect, phase, boot, sequence }) => ({
      finding,
      class: defect,
      phase,
      boot,
      sequence,
    })),
  );

  // The recording ends, and with it the run; the daemon lives on.
  await stage.until('the run has ended', () => surface.last('run')?.run?.end === 'camera-ended');
  expect(surface.last('run')).toMatchObject({ run: { id: opened.run }, openFindings: [] });
  const coverage = surface.last('run')?.run?.coverage;
  expect(coverage?.framesJudged).toBeGreaterThan(10);
  expect(coverage?.seenSeconds).toBeGreaterThan(1);
  await stage.until('the image came', () => surface.raw(`alerts/${opened.finding}/image`).length > 0);
  await stage.until('health', () => surface.last('health'));
  expect(surface.last('health')).toMatchObject({ engine: 'onnx', provider: 'cpu' });
  const detections = surface.raw('detections').map(({ payload }) => JSON.parse(payload.toString('utf8')));
  expect(detections.length).toBeGreaterThan(0);
  expect(detections[0]).toMatchObject({ label: 'crack', run: opened.run });

  // Whoever comes later is told the present from what the broker retains.
  const late = await stage.surface(broker.url);
  for (const name of ['state', 'light', 'run', 'model'] as const) {
    await stage.until(`${name} is retained`, () => late.last(name));
    expect(late.raw(name)[0].retained).toBe(true);
  }
  for (const part of ['camera', 'engine', 'light', 'record', 'link', 'position'] as const) {
    await stage.until(`status/${part} is retained`, () => late.last(`status/${part}`));
  }
  expect(late.last('status/camera')).toMatchObject({
    condition: 'absent',
    reason: 'the recording has ended',
  });
  expect(late.last('status/engine')).toMatchObject({ condition: 'ok', reason: null });
  expect(late.all('alerts')).toEqual([]);

  // Every alert once, in rising order of one boot.
  const sequences = alerts.map(({ sequence }) => sequence);
  expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
  expect(new Set(alerts.map(({ boot }) => boot)).size).toBe(1);
  expect(await daemon.stop()).toMatchObject({ code: 0 });
});
