import { createSocket } from 'node:dgram';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { freePort } from '../fixtures/mosquitto.ts';
import { placeFields, sentence } from '../position/sentences.ts';
import { scenario } from './scenario.ts';

scenario('15 alerts say where: KP along the route, and why not once nobody tells any more', async (stage) => {
  const broker = await stage.broker();
  const surface = await stage.surface(broker.url);
  const camera = await stage.liveCamera('sound');
  const route = join(stage.folder, 'route.csv');
  await writeFile(route, 'kp,latitude,longitude\n20,1.0,104.0\n31.13,1.0,104.1\n');
  const port = await freePort();
  const source = `nmea-udp:127.0.0.1:${port}`;
  await stage.daemon({
    camera: { uri: camera.uri },
    surface: { broker: broker.url },
    position: { source, route, staleSeconds: 2 },
  });
  const status = () => surface.last('status/position');
  await stage.until('the vehicle waits for positions', () => /heard yet/.test(status()?.reason ?? ''));
  expect(status()?.condition).toBe('recovering');

  const sender = createSocket('udp4');
  const lines = [
    sentence(`GPGGA,0,${placeFields(1, 104.05)},4,12,,,M,,M,,`),
    sentence('SDDBS,,f,61.5,M,,F'),
    '$noise',
  ];
  const telling = setInterval(() => sender.send(lines.join('\r\n'), port, '127.0.0.1'), 100);
  await stage.until('positions come', () => status()?.condition === 'ok');
  await camera.show('rust');
  const alerts = (defect: string) => surface.all('alerts').filter((alert) => alert.class === defect);
  const rust = await stage.until('rust is found', () => alerts('corrosion')[0]);
  expect(rust.position).toMatchObject({ latitude: 1, longitude: 104.05, depthMetres: 61.5, source });
  expect(rust.position?.kp).toBeCloseTo(25.565, 3);
  expect(rust.position?.ageSeconds).toBeLessThanOrEqual(2);
  expect(rust.positionMissing).toBeNull();
  await stage.until('distance is counted', () => surface.last('run')?.run?.coverage.distanceMetres === 0);
  await stage.until('what was not understood is counted', () => surface.last('health')?.drops.position);

  clearInterval(telling);
  await stage.until('silence is told', () => status()?.condition === 'recovering');
  await camera.show('crack-in-rust');
  const crack = await stage.until('the crack is found', () => alerts('crack')[0]);
  expect(crack.position).toBeNull();
  expect(crack.positionMissing).toMatch(/^nothing heard on nmea-udp:.* since /);
  await new Promise<void>((resolve) => sender.close(() => resolve()));
});
