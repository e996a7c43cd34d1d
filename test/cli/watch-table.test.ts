import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startLocalBroker } from '../../src/surface/local-broker.ts';
import { TestVehicle } from '../console/test-vehicle.ts';
import { expectedError, follow, ROOT, specta } from './specta.ts';
import { workshop } from './workshop.ts';

const folder = workshop();

test('on a terminal vehicles and findings stay in place, filtered, and are there again at the next start', async () => {
  // `script` gives the command a terminal of its own; see demo.test.ts.
  if (!existsSync('/usr/bin/script')) return;
  await using broker = await startLocalBroker({ host: '127.0.0.1', port: 0 });
  const words = [process.execPath, join(ROOT, 'src/main.ts'), 'watch', '--table', '--broker', broker.url];
  words.push('--folder', join(folder, 'kept'), '--severity', 'high');
  const command = words.map((word) => `'${word}'`).join(' ');
  const env = { ...process.env, TERM: 'xterm' };
  const start = () =>
    spawn('script', ['-qec', `stty cols 150 rows 30; exec ${command}`, '/dev/null'], { env });
  const first = start();
  const watching = follow(first);
  await watching.until(/connected to/);
  const vehicle = new TestVehicle('rov-1');
  await vehicle.connect(broker.url, 4);
  await watching.until(/rov-1.*watching/);
  await vehicle.find('F-boot-0001');
  await vehicle.find('F-boot-0002', { defect: 'corrosion' });
  await watching.until(/critical.*crack.*F-boot-0001/);
  await vehicle.part('camera', 'failed', 'the camera is gone');
  await watching.until(/cannot see: camera, the camera is gone/);
  first.stdin.write('\x03');
  const ended = await watching.ended;
  expect(ended.status).toBe(0);
  // Less severe than was asked for.
  expect(ended.stdout).not.toContain('F-boot-0002');
  await vehicle.find('F-boot-0003');
  await vehicle.leave('stopped');
  const second = start();
  const again = follow(second);
  await again.until(/F-boot-0003/);
  await again.until(/rov-1.*not known: stopped/);
  second.stdin.write('\x03');
  const { status, stdout } = await again.ended;
  expect(status).toBe(0);
  expect(stdout).toContain('F-boot-0001');
});

test('without a terminal the table is refused', async () => {
  const { status, stderr } = await specta(['watch', '--table', '--folder', join(folder, 'none')]);
  expect(stderr).toMatch(expectedError('USAGE'));
  expect(status).toBe(64);
});
