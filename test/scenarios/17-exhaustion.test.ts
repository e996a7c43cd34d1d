import { execFile } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { startDaemon } from '../../src/daemon/daemon.ts';
import { loadConfig } from '../../src/daemon/load-config.ts';
import { resolveBundle } from '../../src/model/bundle.ts';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { peekBlackBox } from './black-box.ts';
import { scenario } from './scenario.ts';
import { onStage } from './stage.ts';

const run = promisify(execFile);

/** Leaves a process no descriptor beyond those that it has, or lifts the limit again. */
async function limitDescriptors(pid: number, most: number): Promise<void> {
  await run('prlimit', [`--pid=${pid}`, `--nofile=${most}:`]);
}

async function descriptors(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

scenario(
  '17 no descriptor is left: told with its code, judged, lit and alerted all the same, and whole again when there are',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const camera = await stage.liveCamera('sound');
    const daemon = await stage.daemon({ camera: { uri: camera.uri }, surface: { broker: broker.url } });
    const opened = (defect: string) =>
      surface.all('alerts').find((alert) => alert.phase === 'opened' && alert.class === defect);
    await camera.show('rust');
    await stage.until('a first finding is told', () => opened('corrosion'));
    await camera.show('sound');
    await stage.until('and closed', () => surface.all('alerts').some(({ phase }) => phase === 'closed'));
    await stage.until(
      'its image is there',
      () => surface.raw(`alerts/${opened('corrosion')?.finding}/image`).length,
    );

    const open = await descriptors(daemon.pid);
    // What the limit counts is the number of a descriptor: lower ones that are free can still be had.
    await limitDescriptors(daemon.pid, 3);
    await camera.show('crack');
    await stage.until('the light tells of the crack', () => surface.last('light')?.shows === 'crack');
    await stage.until('the alert comes, without a picture', () => opened('crack'));
    expect(opened('crack')?.evidence).toBeNull();
    await stage.until('status/record says why', () =>
      /DISK_FAILED.*(EMFILE|too many open files)/i.test(surface.last('status/record')?.reason ?? ''),
    );
    expect(surface.last('status/record')?.reason).toContain('LimitNOFILE');
    const told = surface.all('health').length;
    await stage.until('its health is told all the same', () => surface.all('health').length > told + 1);
    expect(daemon.ending).toBeNull();

    await limitDescriptors(daemon.pid, 4_096);
    await stage.until('the record works again', () => surface.last('status/record')?.condition === 'ok');
    await camera.show('sound');
    await stage.until('the crack is closed', () =>
      surface.all('alerts').some(({ phase, class: of }) => phase === 'closed' && of === 'crack'),
    );
    const before = surface.all('alerts').length;
    await camera.show('rust');
    await stage.until('the next finding has its picture', () =>
      surface
        .all('alerts')
        .slice(before)
        .some(({ phase, evidence }) => phase === 'opened' && evidence !== null),
    );
    // A still may be on its way; nothing of what failed is left open.
    expect(await descriptors(daemon.pid)).toBeLessThan(open + 8);
    expect(await daemon.stop()).toMatchObject({ code: 0 });
  },
);

test(
  '17 the state disk is read-only: told with its code, judged and lit all the same, and recorded when it is mended',
  { timeout: 120_000 },
  async (context) => {
    if (mosquittoMissing !== null) context.skip(mosquittoMissing);
    await onStage(async (stage) => {
      await mkdir(stage.stateFolder);
      try {
        await run('mount', ['-t', 'tmpfs', '-o', 'ro,size=80m', 'tmpfs', stage.stateFolder]);
      } catch (error) {
        context.skip(`a disk cannot be mounted here (needs root): ${String(error).split('\n')[0]}`);
      }
      try {
        const broker = await stage.broker();
        const surface = await stage.surface(broker.url);
        const camera = await stage.liveCamera('sound');
        const daemon = await stage.daemon({ camera: { uri: camera.uri }, surface: { broker: broker.url } });
        await stage.until('status/record says so', () =>
          /DISK_FAILED.*read-only/s.test(surface.last('status/record')?.reason ?? ''),
        );
        await camera.show('crack');
        await stage.until('the light tells of the crack', () => surface.last('light')?.shows === 'crack');
        await stage.until('it was not committed', () => daemon.output.includes('alert not committed yet'));
        expect(surface.all('alerts')).toEqual([]);
        expect(daemon.ending).toBeNull();

        await run('mount', ['-o', 'remount,rw', stage.stateFolder]);
        await stage.until('the record works', () => surface.last('status/record')?.condition === 'ok');
        await stage.until('what was found meanwhile is told', () =>
          surface.all('alerts').some(({ phase, class: of }) => phase === 'opened' && of === 'crack'),
        );
        expect(peekBlackBox(stage.stateFolder)?.findings).toHaveLength(1);
        expect(await daemon.stop()).toMatchObject({ code: 0 });
      } finally {
        await Promise.all(stage.daemons.map((daemon) => daemon.kill()));
        await run('umount', [stage.stateFolder]);
      }
    });
  },
);

scenario(
  '17 a machine that wakes up in 1970: found, lit and told in order, marked as such, and nothing ages when it is set',
  async (stage) => {
    const broker = await stage.broker();
    const surface = await stage.surface(broker.url);
    const camera = await stage.liveCamera('sound');
    let behindMs = Date.now() - 60_000;
    const clock: Clock = {
      ...systemClock,
      now: () => ({ monoMs: performance.now(), utcMs: Date.now() - behindMs }),
    };
    const file = await stage.configure({ camera: { uri: camera.uri }, surface: { broker: broker.url } });
    const config = await loadConfig(file, {});
    const bundle = await resolveBundle(config.model.bundle, stage.folder);
    const daemon = await startDaemon(config, { log: silentLog(), version: '0.0.0', bundle, clock });
    try {
      const opened = (defect: string) =>
        surface.all('alerts').find((alert) => alert.phase === 'opened' && alert.class === defect);
      await stage.until('a run is under way', () => surface.last('run')?.run);
      await camera.show('crack');
      await stage.until('the light tells of the crack', () => surface.last('light')?.shows === 'crack');
      const first = await stage.until('the surface is told', () => opened('crack'));
      expect(first).toMatchObject({ clockQuality: 'unset', at: expect.stringMatching(/^1970-/) });
      expect(first.evidence).not.toBeNull();
      await camera.show('sound');
      await stage.until('and of its end', () =>
        surface.all('alerts').some(({ phase }) => phase === 'closed'),
      );

      // A time server is heard at last: half a century in one step.
      behindMs = 0;
      await camera.show('rust');
      const second = await stage.until('the next is told', () => opened('corrosion'));
      expect(second.clockQuality).not.toBe('unset');
      expect(second.at).toMatch(new RegExp(`^${new Date().getUTCFullYear()}-`));
      expect(second.run).toBe(first.run);
      const sequences = surface.all('alerts').map(({ sequence }) => sequence);
      expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => a - b));
      const { drops = {}, findings = [] } = peekBlackBox(stage.stateFolder) ?? {};
      expect({ drops, findings: findings.length }).toEqual({ drops: {}, findings: 2 });
      expect(daemon.record.status.condition).toBe('ok');
    } finally {
      await daemon.stop();
    }
    const box = join(stage.stateFolder, 'record');
    expect((await readdir(box)).some((name) => name.includes('corrupt'))).toBe(false);
  },
);
