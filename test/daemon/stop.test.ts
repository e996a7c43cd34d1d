import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { parseConfig } from '../../src/daemon/load-config.ts';
import { freePort } from '../fixtures/mosquitto.ts';
import { crackPicture } from '../fixtures/pictures.ts';
import { makeTinyBundle } from '../fixtures/tiny-bundle.ts';
import { peekBlackBox } from '../scenarios/black-box.ts';
import { until } from '../scenarios/until.ts';
import { withFolder } from './folder.ts';

test('a camera that does not stop in order keeps no other part from it', () =>
  withFolder(async (folder) => {
    const bundle = await makeTinyBundle(join(folder, 'tiny'));
    await mkdir(join(folder, 'film'));
    await writeFile(join(folder, 'film', '1.jpg'), crackPicture());
    const stateFolder = join(folder, 'state');
    const config = parseConfig(
      JSON.stringify({
        stateFolder,
        camera: { uri: `replay:${join(folder, 'film')}`, rate: 20, loop: true },
        surface: { broker: `mqtt://127.0.0.1:${await freePort()}` },
      }),
      {},
    );
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line) => void lines.push(line) });
    const daemon = await startDaemon(config, { log, version: '0.0.0', bundle });
    const stopCamera = daemon.camera.stop.bind(daemon.camera);
    try {
      await until('a finding is open', () => peekBlackBox(stateFolder)?.findings.length === 1);
      daemon.camera.stop = () => Promise.reject(new Error('the driver hangs'));
      await daemon.stop();
      expect(lines.filter((line) => line.includes('did not stop'))).toEqual([
        expect.stringContaining('a part did not stop in order'),
      ]);
      const [finding] = peekBlackBox(stateFolder)?.findings ?? [];
      expect(finding).toMatchObject({ closeReason: 'run-stopped' });
      expect(daemon.light.state.kind).toBe('stopped');
    } finally {
      await stopCamera();
    }
  }));
