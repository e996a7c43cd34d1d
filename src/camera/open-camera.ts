import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { SpectaError, systemCode } from '../platform/errors.ts';
import { findProgram } from './camera-child.ts';
import { parseCameraUri, withoutSecrets } from './camera-uri.ts';
import { CommandSource, type ImageKind } from './command.ts';
import { ffmpegArguments } from './ffmpeg.ts';
import type { CameraOptions, FrameSource } from './frame-source.ts';
import type { CameraDeps } from './newest-frame.ts';
import { rawFrameBytes, rawStride } from './raw-splitter.ts';
import { ReplaySource } from './replay.ts';
import { thisMachine } from './v4l2/machine.ts';
import { V4l2Source } from './v4l2/v4l2-source.ts';

/**
 * The camera that `options.uri` names; it does nothing until started. Its `uri` shows no passwords.
 * Throws `CAMERA_URI_INVALID`, `CAMERA_UNSUPPORTED` for a kind this build does not have, and `CONFIG_INVALID` for
 * options that make no sense together.
 */
export function openCamera(options: CameraOptions, deps: CameraDeps): FrameSource {
  const camera = parseCameraUri(options.uri);
  const uri = withoutSecrets(options.uri.trim());
  checkNumbers(options);
  switch (camera.kind) {
    case 'replay':
      return new ReplaySource(uri, camera.path, options, deps);
    case 'file':
    case 'rtsp': {
      const plan = {
        argv: ffmpegArguments(camera, options.rate),
        image: jpegKind(uri),
        rawBytes: null,
        finite: camera.kind === 'file',
        pulled: camera.kind === 'file' && options.rate === null,
        async check(): Promise<void> {
          needFfmpeg(uri);
          if (camera.kind === 'file') await needClip(camera.path);
        },
      };
      return new CommandSource(uri, plan, options, deps);
    }
    case 'command': {
      const plan = {
        argv: camera.argv,
        ...outputOf(options, uri),
        finite: false,
        pulled: false,
        async check(): Promise<void> {
          needProgram(camera.argv[0]);
        },
      };
      return new CommandSource(uri, plan, options, deps);
    }
    case 'v4l2':
      if ((options.width === null) !== (options.height === null)) {
        throw badOptions('the camera has a width or a height, but not both', 'Give both, or neither.');
      }
      return new V4l2Source(uri, camera.device, options, deps, thisMachine);
  }
}

function jpegKind(source: string): ImageKind {
  return { format: 'jpeg', range: 'full', width: 0, height: 0, stride: 0, source };
}

/** What comes out of a `command:`: MJPEG, or raw images of a known size. */
function outputOf(options: CameraOptions, uri: string): { image: ImageKind; rawBytes: number | null } {
  const { format, width, height, maxFrameBytes } = options;
  if (format === 'mjpeg') return { image: jpegKind(uri), rawBytes: null };
  if (!isSize(width) || !isSize(height)) {
    throw badOptions(
      `the raw format ${format} needs a width and a height`,
      'Give both in pixels, as the command writes them.',
    );
  }
  const rawBytes = rawFrameBytes(format, width, height);
  if (rawBytes === null) {
    throw badOptions(
      `${format} cannot be ${width}x${height}`,
      'Its chroma is shared by pixels in pairs: use even sides.',
    );
  }
  if (rawBytes > maxFrameBytes) {
    throw badOptions(
      `an image of ${width}x${height} ${format} has ${rawBytes} bytes, more than maxFrameBytes ${maxFrameBytes}`,
      'Raise maxFrameBytes or lower the size.',
    );
  }
  const stride = rawStride(format, width);
  const range = format === 'grey' ? 'full' : 'limited';
  return { image: { format, range, width, height, stride, source: uri }, rawBytes };
}

function isSize(value: number | null): value is number {
  return value !== null && Number.isInteger(value) && value > 0;
}

function checkNumbers(options: CameraOptions): void {
  const { rate, stallMs, maxFrameBytes } = options;
  if (rate !== null && !(Number.isFinite(rate) && rate > 0)) {
    throw badOptions(
      `the rate ${rate} is no number of frames a second`,
      'Give a number above 0, or null for no pace.',
    );
  }
  if (!(Number.isFinite(stallMs) && stallMs > 0)) {
    throw badOptions(`stallMs ${stallMs} is no time`, 'Give milliseconds above 0.');
  }
  if (!(Number.isInteger(maxFrameBytes) && maxFrameBytes > 0)) {
    throw badOptions(`maxFrameBytes ${maxFrameBytes} is no size`, 'Give a whole number of bytes above 0.');
  }
}

function badOptions(what: string, help: string): SpectaError {
  return new SpectaError('CONFIG_INVALID', `The camera's options are not valid: ${what}.`, help);
}

function needProgram(program: string): void {
  if (findProgram(program) !== null) return;
  throw new SpectaError(
    'CAMERA_UNSUPPORTED',
    `The camera command "${program}" is not on this machine, or is no program.`,
    'Install it, or write its full path.',
  );
}

function needFfmpeg(uri: string): void {
  if (findProgram('ffmpeg') !== null) return;
  throw new SpectaError(
    'CAMERA_UNSUPPORTED',
    `The camera ${uri} needs ffmpeg, which is not on this machine.`,
    'Install it: apt-get install ffmpeg',
  );
}

async function needClip(path: string): Promise<void> {
  let what: string;
  try {
    await access(path, constants.R_OK);
    if ((await stat(path)).isFile()) return;
    what = 'it is no file';
  } catch (error) {
    what = systemCode(error) ?? String(error);
  }
  throw new SpectaError(
    'CAMERA_FAILED',
    `The clip "${path}" cannot be read: ${what}.`,
    'Check that the file exists and that this user may read it.',
  );
}
