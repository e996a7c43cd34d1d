import { expect, test } from 'vitest';
import type { CameraOptions } from '../../src/camera/frame-source.ts';
import { openCamera } from '../../src/camera/open-camera.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { cameraOptions } from './camera-fixture.ts';

const deps = { clock: systemClock, log: silentLog() };

function open(uri: string, changes: Partial<CameraOptions> = {}): () => unknown {
  return () => openCamera(cameraOptions(uri, changes), deps);
}

function code(expected: string): object {
  return expect.objectContaining({ code: expected });
}

test('a bad URI, and half a size of a V4L2 camera, are refused when opened', () => {
  expect(open('webcam:0')).toThrow(code('CAMERA_URI_INVALID'));
  expect(open('v4l2:/dev/video0', { width: 640 })).toThrow(code('CONFIG_INVALID'));
});

test.each([
  [{ rate: 0 }],
  [{ rate: Number.NaN }],
  [{ stallMs: 0 }],
  [{ maxFrameBytes: 0.5 }],
  [{ format: 'grey' }],
  [{ format: 'grey', width: 4, height: 0 }],
  [{ format: 'nv12', width: 5, height: 4 }],
  [{ format: 'grey', width: 4, height: 4, maxFrameBytes: 15 }],
] satisfies [Partial<CameraOptions>][])('options that make no sense are refused: %j', (changes) => {
  expect(open('command:x', changes)).toThrow(code('CONFIG_INVALID'));
});

test('the shown URI holds no password', () => {
  const source = openCamera(cameraOptions('rtsp://pilot:secret@cam/main'), deps);
  expect(source.uri).toBe('rtsp://pilot:***@cam/main');
});
