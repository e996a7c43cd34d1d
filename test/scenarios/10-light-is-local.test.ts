import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Daemon, startDaemon } from '../../src/daemon/daemon.ts';
import { loadConfig } from '../../src/daemon/load-config.ts';
import { resolveBundle } from '../../src/model/bundle.ts';
import { silentLog } from '../../src/platform/log.ts';
import { freePort } from '../fixtures/mosquitto.ts';
import { scenario } from './scenario.ts';
import { HANDS_ON } from './stage.ts';

scenario(
  '10 broker and database down: the light goes on for a crack all the same, and the alert comes when both are back',
  async (stage) => {
    const port = await freePort();
    const url = `mqtt://127.0.0.1:${port}`;
    const camera = await stage.liveCamera('sound');
    // A file stands where the record's folder should be.
    await mkdir(stage.stateFolder);
    const inTheWay = join(stage.stateFolder, 'record');
    await writeFile(inTheWay, 'not a folder');
    const file = await stage.configure({ camera: { uri: camera.uri }, surface: { broker: url } });
    const config = await loadConfig(file, {});
    const bundle = await resolveBundle(config.model.bundle, stage.folder);
    // In this process, because the simulated light is seen only here while there is no broker.
    const daemon: Daemon = await startDaemon(config, { log: silentLog(), version: '0.0.0', bundle });
    try {
      await stage.until('it sees', () => daemon.camera.state.kind === 'streaming');
      expect(daemon.record.status.condition).toBe('failed');
      expect(daemon.link.status.condition).toBe('recovering');

      await camera.show('crack');
      await stage.until('the light is on', () => daemon.light.state.kind === 'crack');
      expect(daemon.light.lit).toBe(true);
      await camera.show('sound');
      await stage.until('the light is off', () => !daemon.light.lit);

      const broker = await stage.broker({ ...HANDS_ON, port });
      const surface = await stage.surface(broker.url);
      await stage.until(
        'status/record tells of it',
        () => surface.last('status/record')?.condition === 'failed',
        40_000,
      );
      expect(surface.last('status/record')?.reason).toContain('DISK_FAILED');
      expect(surface.all('alerts')).toEqual([]);

      await rm(inTheWay);
      await stage.until('the record works again', () => surface.last('status/record')?.condition === 'ok');
      await stage.until(
        'the finding was kept and is told',
        () => surface.last('alerts')?.phase === 'closed',
        40_000,
      );
      expect(surface.all('alerts').map(({ phase }) => phase)).toEqual(['opened', 'closed']);
    } finally {
      await daemon.stop();
    }
  },
);
