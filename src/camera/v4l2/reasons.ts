import { SpectaError, systemCode } from '../../platform/errors.ts';
import type { Identity } from './identity.ts';
import type { OfferedFormat } from './offered.ts';

const IN_WORDS: Readonly<Record<string, string>> = {
  EBUSY: 'another program holds the camera',
  ENODEV: 'the camera was unplugged',
  ENXIO: 'the camera was unplugged',
  ENOENT: 'the camera is not there',
  EACCES: 'this user may not open the camera: put it in the group video',
  EPERM: 'this user may not open the camera: put it in the group video',
  EIO: 'the camera or its cable failed',
  EPIPE: 'the camera stopped in the middle of its stream',
  EPROTO: 'the camera does not keep to the protocol of its bus: check cable and hub',
  ETIMEDOUT: 'the camera does not answer',
  ENOTTY: 'it is no V4L2 device',
  ENOMEM: 'the kernel has no memory for the buffers',
  ENOSPC: 'the bus has no room for this camera',
  EINVAL: 'the driver refuses what it is asked',
  EMFILE: 'too many files are open',
};

/** Why a camera was lost, as people can read it, with the call and the kernel's code behind. */
export function lossInWords(error: unknown): string {
  if (error instanceof SpectaError) return `${error.message} ${error.help}`;
  const message = error instanceof Error ? error.message : String(error);
  const words = IN_WORDS[systemCode(error) ?? ''];
  return words === undefined ? message : `${words} (${message})`;
}

const ENCODED_VIDEO: Readonly<Record<string, string>> = {
  H264: 'h264',
  AVC1: 'h264',
  HEVC: 'hevc',
  H265: 'hevc',
};

/** `CAMERA_UNSUPPORTED` for a camera none of whose formats is read here, with what to write instead. */
export function unreadableCamera({ path, card }: Identity, formats: readonly OfferedFormat[]): SpectaError {
  const names = formats.map(({ fourcc, description }) =>
    description === '' ? fourcc : `${fourcc} (${description})`,
  );
  return new SpectaError(
    'CAMERA_UNSUPPORTED',
    `The camera ${card} at ${path} speaks only ${names.join(', ')}; read are NV12, YU12, YUYV, UYVY, GREY and MJPEG.`,
    `Let a program convert it: ${commandFor(path, formats)}`,
  );
}

/** `CAMERA_UNSUPPORTED` for a camera that gives its images in several planes. */
export function planesCamera({ path, card }: Identity): SpectaError {
  return new SpectaError(
    'CAMERA_UNSUPPORTED',
    `The camera ${card} at ${path} gives its images in several planes of memory, which are not read here.`,
    `Let a program convert it: ${commandFor(path, [])}`,
  );
}

function commandFor(path: string, formats: readonly OfferedFormat[]): string {
  const video = formats.find(({ fourcc }) => Object.hasOwn(ENCODED_VIDEO, fourcc));
  if (video !== undefined) {
    const input = `-f v4l2 -input_format ${ENCODED_VIDEO[video.fourcc]} -i ${path}`;
    return `command:ffmpeg -nostdin -loglevel error ${input} -pix_fmt yuvj420p -c:v mjpeg -q:v 3 -f mjpeg pipe:1`;
  }
  if (formats.some(({ description }) => /bayer/i.test(description))) {
    return 'command:gst-launch-1.0 -q nvarguscamerasrc ! nvvidconv ! video/x-raw,format=I420 ! jpegenc ! fdsink fd=1';
  }
  return `command:ffmpeg -nostdin -loglevel error -f v4l2 -i ${path} -pix_fmt yuvj420p -c:v mjpeg -q:v 3 -f mjpeg pipe:1`;
}
