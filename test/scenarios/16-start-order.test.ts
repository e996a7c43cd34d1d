import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { askDaemon } from '../../src/daemon/control/ask-daemon.ts';
import { Gate } from '../fixtures/gate.ts';
import { peekBlackBox } from './black-box.ts';
import { scenario } from './scenario.ts';

type Late = 'camera' | 'broker' | 'disk';

const ORDERS: readonly (readonly Late[])[] = [
  ['camera', 'broker', 'disk'],
  ['camera', 'disk', 'broker'],
  ['broker', 'camera', 'disk'],
  ['broker', 'disk', 'camera'],
  ['disk', 'camera', 'broker'],
  ['disk', 'broker', 'camera'],
];

/** So long each has come alone, ms. */
const ALONE_MS = 800;
const PARTS = ['camera', 'engine', 'light', 'record', 'link'] as const;

for (const order of ORDERS) {
  scenario(
    `16 all is away at start and comes late, ${order.join(', then ')}: in the end all is as ever`,
    async (stage) => {
      const camera = await stage.liveCamera('broken');
      // Where the disk will be mounted stands something else: nothing can be made there.
      await writeFile(stage.stateFolder, '');
      const broker = await stage.broker();
      const gate = await Gate.to(broker.port, 'closed');
      const daemon = await stage.daemon({ camera: { uri: camera.uri }, surface: { broker: gate.url } });
      await stage.until('it watches', () => daemon.said('watching'));
      const come: Readonly<Record<Late, () => Promise<unknown>>> = {
        camera: () => camera.show('sound'),
        broker: () => gate.set('open'),
        disk: () => rm(stage.stateFolder),
      };
      for (const part of order) {
        await come[part]();
        await sleep(ALONE_MS);
      }

      const surface = await stage.surface(broker.url);
      await stage.until('all parts work', () =>
        PARTS.every((part) => surface.last(`status/${part}`)?.condition === 'ok'),
      );
      await stage.until('a run is under way', () => surface.last('run')?.run);
      const socket = join(stage.stateFolder, 'control.sock');
      await stage.until('it can be asked on the board', () =>
        askDaemon(socket, 'status', {}).then(
          ({ parts }) => parts.length > 0,
          () => false,
        ),
      );
      await camera.show('crack');
      await stage.until('the light tells of the crack', () => surface.last('light')?.shows === 'crack');
      await stage.until('the surface is told', () =>
        surface.all('alerts').some(({ phase, evidence }) => phase === 'opened' && evidence !== null),
      );
      // A run whose beginning met no disk is written with its coverage, some seconds later.
      await stage.until('the record has the run and the finding, once', () => {
        const { findings = [], runs = [], damage } = peekBlackBox(stage.stateFolder) ?? {};
        return findings.length === 1 && runs.length === 1 && damage === null;
      });

      // The state folder is this daemon's alone by now: a second one is refused, and takes nothing from the first.
      const second = stage.launch(await stage.configure({ camera: { uri: camera.uri } }));
      const { code } = await second.ended;
      stage.forget(second);
      expect({ code, output: second.output }).toMatchObject({
        code: 69,
        output: expect.stringContaining('DAEMON_RUNNING'),
      });
      expect(await daemon.stop()).toMatchObject({ code: 0 });
      // Looked at every other second, told once.
      expect(daemon.output.match(/the inbox cannot be looked at/g)?.length ?? 0).toBeLessThan(2);
      await gate.set('closed');
    },
    { concurrent: true },
  );
}
