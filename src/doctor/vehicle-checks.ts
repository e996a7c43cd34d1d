import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { FrameSource } from '../camera/frame-source.ts';
import { openCamera } from '../camera/open-camera.ts';
import type { Config } from '../daemon/config.ts';
import { cameraOptions, lineConfig } from '../daemon/part-options.ts';
import { lookAtLine } from '../light/gpio/look-at-line.ts';
import { systemClock } from '../platform/clock.ts';
import { systemCode } from '../platform/errors.ts';
import { silentLog } from '../platform/log.ts';
import { bad, type Check, good, warning } from './examination.ts';

const FRAME_WITHIN_MS = 10_000;
const LITTLE_BYTES = 1e9;

/** The folder itself, or the nearest one above it that is there. */
async function nearestFolder(folder: string): Promise<string> {
  try {
    await stat(folder);
    return folder;
  } catch (error) {
    const parent = dirname(folder);
    if (systemCode(error) !== 'ENOENT' || parent === folder) throw error;
    return nearestFolder(parent);
  }
}

/** Where the daemon keeps its record; nothing is made or written. */
export function diskCheck(stateFolder: string): Check {
  return {
    name: 'disk',
    async look() {
      const folder = resolve(stateFolder);
      try {
        const there = await nearestFolder(folder);
        if (!(await stat(there)).isDirectory())
          return [bad('disk', `${there} is a file`, 'Name another stateFolder, or move the file away.')];
        await access(there, constants.W_OK | constants.X_OK);
        const { bavail, bsize } = await statfs(there);
        const free = bavail * bsize;
        const later = there === folder ? '' : ', made at the first start';
        const found = `${folder}${later}: ${(free / 1e9).toFixed(1)} GB free`;
        return free < LITTLE_BYTES
          ? [warning('disk', found, 'Make room: less than 1 GB is left for stills and alerts.')]
          : [good('disk', found)];
      } catch (error) {
        return [
          bad(
            'disk',
            `${folder} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
            'Create it and give it to the user that runs SPECTA.',
          ),
        ];
      }
    },
  };
}

/** What the camera itself says of why it gives nothing. */
function excuse({ state }: FrameSource): string {
  return state.kind === 'recovering' ? ` (${state.reason})` : '';
}

/** The camera gives a frame. */
export function cameraCheck(config: Config): Check {
  return {
    name: 'camera',
    async look(signal) {
      await using camera = openCamera(
        { ...cameraOptions(config), loop: false },
        { clock: systemClock, log: silentLog() },
      );
      await camera.start();
      const patience = AbortSignal.timeout(FRAME_WITHIN_MS);
      try {
        const frame = await camera.next(AbortSignal.any([signal, patience]));
        if (frame === null)
          return [
            bad('camera', `${camera.uri} ended without a frame`, 'Check the recording or the command.'),
          ];
        const size = frame.width > 0 ? `, ${frame.width}x${frame.height}` : '';
        return [good('camera', `${camera.uri}: ${frame.format}${size}, ${frame.data.byteLength} bytes`)];
      } catch (error) {
        if (!patience.aborted) throw error;
        return [
          bad(
            'camera',
            `${camera.uri}: no frame within ${FRAME_WITHIN_MS / 1000} s${excuse(camera)}`,
            'Check cable, power and URI; the daemon goes on trying by itself.',
          ),
        ];
      }
    },
  };
}

/** The line is there; it is not taken, so that a daemon that holds it goes on undisturbed. */
export function lightCheck(config: Config): Check {
  return {
    name: 'light',
    async look() {
      const { description, heldBy } = lookAtLine(lineConfig(config));
      if (heldBy !== null && heldBy !== 'specta') {
        return [
          bad(
            'light',
            `${description} is held by ${heldBy}`,
            `End ${heldBy}, or name another line in light.line.`,
          ),
        ];
      }
      if (config.light.line.kind !== 'simulated') {
        return [good('light', `${description}${heldBy === null ? '' : ', held by the daemon'}`)];
      }
      return [
        warning(
          'light',
          'simulated: no lamp will shine',
          'Set light.line in the configuration on a vehicle.',
        ),
      ];
    },
  };
}
