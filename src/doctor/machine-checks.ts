import { access, constants } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { startBoot } from '../platform/boot.ts';
import { systemClock } from '../platform/clock.ts';
import { boardTemperature } from '../platform/temperature.ts';
import { bad, type Check, good, warning } from './examination.ts';

/** Node and the machine. */
export const runtimeCheck: Check = {
  name: 'runtime',
  async look() {
    const { node } = process.versions;
    const machine = `${process.platform}-${process.arch}, ${availableParallelism()} cores, ${(totalmem() / 1e9).toFixed(0)} GB`;
    const results = [good('runtime', `Node ${node} on ${machine}`)];
    if (process.platform !== 'linux') {
      results.push(
        warning('runtime', `${process.platform} is not where SPECTA serves`, 'Use Linux on x64 or arm64.'),
      );
    }
    return results;
  },
};

export const clockCheck: Check = {
  name: 'clock',
  async look() {
    const quality = startBoot({ clock: systemClock }).clockQuality();
    const time = new Date().toISOString();
    if (quality === 'synchronised') return [good('clock', `${time}, synchronised`)];
    if (quality === 'unset')
      return [
        bad(
          'clock',
          `${time}: the clock was never set`,
          'Set it (timedatectl set-time …) or connect a time server; order is kept by sequence all the same.',
        ),
      ];
    return [
      warning(
        'clock',
        `${time}, not known to be synchronised`,
        'Connect the board to a time server before the dive; alerts carry the clock quality.',
      ),
    ];
  },
};

export const temperatureCheck: Check = {
  name: 'temperature',
  async look() {
    const celsius = await boardTemperature();
    if (celsius === null) return [good('temperature', 'the kernel tells none here')];
    const found = `${celsius.toFixed(0)} °C`;
    return celsius < 80
      ? [good('temperature', found)]
      : [warning('temperature', found, 'The board will throttle: let it cool down.')];
  },
};

export const programsCheck: Check = {
  name: 'programs',
  async look() {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      try {
        await access(join(folder, 'ffmpeg'), constants.X_OK);
        return [good('ffmpeg', join(folder, 'ffmpeg'))];
      } catch (error) {
        if (!(error instanceof Error)) throw error;
      }
    }
    return [
      warning('ffmpeg', 'not found', 'Needed only for file: and rtsp: cameras: sudo apt-get install ffmpeg'),
    ];
  },
};
