import { rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CameraOptions } from '../../src/camera/frame-source.ts';
import { openCamera } from '../../src/camera/open-camera.ts';
import { V4L2 } from '../../src/camera/v4l2/layouts.ts';
import { imageBytes, leastStride, lumaRange } from '../../src/camera/v4l2/pixel-formats.ts';
import { V4l2Source } from '../../src/camera/v4l2/v4l2-source.ts';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import { createLog, silentLog } from '../../src/platform/log.ts';
import { rawPlane } from '../../src/vision/raw.ts';
import { expectLegal, statesOf, sum, taken, until } from '../suites/frame-source.ts';
import { cameraOptions, ownFolder } from './camera-fixture.ts';
import { type Script, type ScriptedFrame, ScriptedKernel } from './scripted-kernel.ts';

// What drivers do that the rig's virtual camera does not; the real system calls are test/rig's.

const hasty: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 2), signal) };
const yuyv: Script = { formats: [{ fourcc: 'YUYV', sizes: [[8, 4, 30]] }] };
const mjpeg: Script = { formats: [{ fourcc: 'MJPG', sizes: [[8, 4, 30]] }] };
const asked = { width: 8, height: 4, rate: 30 } as const;
const YUYV_BYTES = 8 * 4 * 2;

let kernel: ScriptedKernel;
let folder: string;
let node: string;
let said: string[];
let sources: V4l2Source[];
let remove: () => Promise<void>;

beforeEach(async () => {
  ({ folder, remove } = await ownFolder());
  kernel = new ScriptedKernel();
  node = join(folder, 'video0');
  said = [];
  sources = [];
});
afterEach(async () => {
  for (const source of sources) await source.stop();
  expect([kernel.descriptors.size, kernel.mapped]).toEqual([0, 0]);
  await remove();
});

async function plug(script: Script, path = node): Promise<void> {
  kernel.cameras.set(path, script);
  await writeFile(path, '');
}

async function unplug(path = node): Promise<void> {
  // First its node: whoever looks for it anew must not find one that nobody answers behind.
  await rm(path, { force: true });
  kernel.cameras.delete(path);
}

function open(
  changes: Partial<CameraOptions> = {},
  device = node,
  monotonicMs = (): number => 0,
): V4l2Source {
  const log = createLog('info', { write: (line) => said.push(String(JSON.parse(line).msg)) });
  const options = cameraOptions(`v4l2:${device}`, { ...asked, ...changes });
  const machine = { loadLibc: () => kernel, deviceFolder: folder, monotonicMs };
  const source = new V4l2Source(options.uri, device, options, { clock: hasty, log }, machine);
  sources.push(source);
  return source;
}

function image(sequence: number, changes: Partial<ScriptedFrame> = {}): ScriptedFrame {
  return { sequence, bytes: new Uint8Array(YUYV_BYTES).fill(sequence), ...changes };
}

test('what drivers pad behind an image is cut off; one that is too short is corrupt', async () => {
  await plug(yuyv);
  const source = open();
  await source.start();
  kernel.push(image(0, { bytes: new Uint8Array(YUYV_BYTES + 500) }));
  expect((await taken(source)).data).toHaveLength(YUYV_BYTES);
  kernel.push(image(1, { bytes: new Uint8Array(YUYV_BYTES - 1) }), image(2, { used: 0 }));
  await until(() => source.drops.corrupt === 2 || sum(source.drops) >= 2);
  kernel.push(image(3));
  expect((await taken(source)).sequence).toBe(3);
});

test('rows with padding keep it, and vision reads them', async () => {
  await plug({ ...yuyv, bytesPerLine: (width) => width * 2 + 16 });
  const source = open();
  await source.start();
  // The last row comes without its padding, as some drivers count.
  kernel.push(image(0, { bytes: new Uint8Array(32 * 4 - 16).fill(7) }));
  const frame = await taken(source);
  expect(frame).toMatchObject({ stride: 32, format: 'yuyv', width: 8, height: 4 });
  expect(rawPlane(frame, 'yuyv').stride).toBe(32);
});

test('of frames that wait together only the newest is copied; the older ones are superseded', async () => {
  await plug(yuyv);
  kernel.push(image(10), image(11), image(12));
  const source = open();
  await source.start();
  const frame = await taken(source);
  expect([...frame.data.subarray(0, 2)]).toEqual([12, 12]);
  expect(frame.sequence).toBe(2);
  expect(source.drops).toEqual({ superseded: 2 });
  expect(kernel.copies).toBe(1);
});

test("the sequence follows the kernel's count: gaps and flagged frames take their numbers", async () => {
  await plug(yuyv);
  const source = open();
  await source.start();
  const top = 2 ** 32 - 2;
  const numbers: number[] = [];
  for (const frame of [image(top), image(top + 3), image(4, { flagged: true }), image(5)]) {
    kernel.push(frame);
    await until(() => kernel.unfetched === 0);
    if (!frame.flagged) numbers.push((await taken(source)).sequence);
  }
  expect(numbers).toEqual([0, 3, 7]);
  expect(source.drops).toEqual({ gap: 4, flagged: 1 });
});

test("a frame's time is the kernel's stamp on the product's clock, and never goes back", async () => {
  await plug(yuyv);
  const source = open({}, node, () => 500_000);
  await source.start();
  const times: number[] = [];
  for (const stampMs of [499_900, 499_000, 600_000]) {
    kernel.push(image(times.length, { stampMs }));
    times.push((await taken(source)).capturedAt.monoMs);
  }
  expect(performance.now() - times[0]).toBeGreaterThanOrEqual(100);
  expect(times[1]).toBe(times[0]);
  expect(times[2]).toBeGreaterThan(times[1]);
});

test('JPEG images: what is none is corrupt, one beyond the limit is oversized', async () => {
  await plug(mjpeg);
  const source = open({ maxFrameBytes: 100 });
  await source.start();
  for (const bytes of [
    [1, 2, 3],
    [0xff, 0xd8, ...new Array<number>(99).fill(0)],
    [0xff, 0xd8, 0xff],
  ]) {
    kernel.push(image(0, { bytes: Uint8Array.from(bytes) }));
    await until(() => kernel.unfetched === 0);
  }
  const frame = await taken(source);
  expect(frame).toMatchObject({ format: 'jpeg', range: 'full', width: 0, height: 0, stride: 0 });
  expect([...frame.data]).toEqual([0xff, 0xd8, 0xff]);
  expect(source.drops).toEqual({ corrupt: 1, oversized: 1 });
});

test('where the bus has no room for raw, or the driver gives another format, the next one is taken and it is said', async () => {
  await plug({
    formats: [
      { fourcc: 'NV12', sizes: [[8, 4, 30]], gives: 'RGB3' },
      { fourcc: 'YUYV', sizes: [[8, 4, 30]], streamOn: 'ENOSPC' },
      { fourcc: 'MJPG', sizes: [[8, 4, 30]] },
      { fourcc: 'H264', sizes: [[8, 4, 30]] },
    ],
  });
  const source = open();
  await source.start();
  kernel.push(image(0, { bytes: Uint8Array.from([0xff, 0xd8]) }));
  expect((await taken(source)).format).toBe('jpeg');
  expect(said[0]).toContain('took 8x4 MJPG at 30 a second (JPEG, to be decoded)');
  expect(said[0]).toContain('8x4 NV12 at 30 a second: the driver gives RGB3 in its place');
  expect(said[0]).toContain('8x4 YUYV at 30 a second: the bus has no room');
  expect(said[0]).toContain('formats that are not read here: H264.');
});

test.each([
  ['H264', 'H.264', /command:ffmpeg .*-input_format h264 -i .*video0/],
  ['HEVC', 'HEVC', /-input_format hevc/],
  ['RG10', '10-bit Bayer RGRG/GBGB', /command:gst-launch-1\.0 .*nvarguscamerasrc/],
  ['RGB3', '24-bit RGB', /command:ffmpeg .*-f v4l2 -i/],
])('a camera of %s only is refused at the start, with the command to use', async (fourcc, description, command) => {
  await plug({ formats: [{ fourcc, description, sizes: [[8, 4, 30]] }] });
  const source = open();
  await expect(source.start()).rejects.toMatchObject({
    code: 'CAMERA_UNSUPPORTED',
    message: expect.stringContaining(`speaks only ${fourcc} (${description})`),
    help: expect.stringMatching(command),
  });
  expect(source.state).toEqual({ kind: 'idle' });
});

test('a camera of several planes is refused; a node that gives no images may begin to', async () => {
  await plug({ ...yuyv, capabilities: V4L2.V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2.V4L2_CAP_STREAMING });
  await expect(open().start()).rejects.toMatchObject({ code: 'CAMERA_UNSUPPORTED' });
  await plug({ ...yuyv, capabilities: V4L2.V4L2_CAP_STREAMING });
  const source = open();
  await source.start();
  await until(() => source.state.kind === 'recovering');
  expect(source.state).toMatchObject({ reason: `Scripted at ${node} gives no images` });
  await plug(yuyv);
  kernel.push(image(0));
  await taken(source);
});

test('unplugged: the reason at once; plugged in under another node, it is found by card and bus', async () => {
  await plug(yuyv);
  const source = open();
  const states = statesOf(source);
  await source.start();
  kernel.push(image(0));
  await taken(source);
  await unplug();
  await until(() => states.length > 3);
  expect(states[2]).toMatchObject({ reason: 'the camera was unplugged (VIDIOC_DQBUF: ENODEV)', attempt: 1 });
  expect(states[3]).toMatchObject({ reason: `${node} is not there; no camera is plugged in`, attempt: 2 });
  await plug(yuyv, join(folder, 'video3'));
  kernel.push(image(0));
  expect((await taken(source)).source).toBe(join(folder, 'video3'));
  expectLegal(states);
});

test('a stable name leads to the node of the moment', async () => {
  await plug(yuyv, join(folder, 'video2'));
  const name = join(folder, 'usb-camera');
  await symlink('video2', name);
  kernel.push(image(0));
  const source = open({}, name);
  await source.start();
  expect((await taken(source)).source).toBe(join(folder, 'video2'));
});

test('whichever call fails, once, with whatever code: it recovers by itself and leaves nothing behind', async () => {
  await plug(yuyv);
  const whole = open();
  await whole.start();
  kernel.push(image(0));
  await taken(whole);
  await whole.stop();
  const calls = kernel.calls.length;
  expect(calls).toBeGreaterThan(20);
  for (let at = 0; at < calls; at++) {
    for (const code of ['EIO', 'ENODEV', 'EBUSY', 'EINVAL']) {
      kernel.calls.length = 0;
      kernel.failure = { at, code };
      const source = open();
      const states = statesOf(source);
      await source.start();
      kernel.push(image(0));
      await taken(source);
      await source.stop();
      expectLegal(states);
      expect([at, code, kernel.descriptors.size, kernel.mapped]).toEqual([at, code, 0, 0]);
    }
  }
});

test('where buffers cannot be mapped, nor given back, the descriptor is closed all the same and the reason told', async () => {
  await plug(yuyv);
  kernel.mappable = 2;
  kernel.unmapFails = true;
  const source = open();
  await source.start();
  await until(() => source.state.kind === 'recovering');
  expect(source.state).toMatchObject({
    reason: expect.stringMatching(/no memory for the buffers \(mmap: ENOMEM\)/),
  });
  expect([kernel.descriptors.size, kernel.mapped]).toEqual([0, 0]);
  kernel.mappable = Number.POSITIVE_INFINITY;
  kernel.unmapFails = false;
  kernel.push(image(0));
  await taken(source);
});

test("luma's range: what the driver says, else the kernel's rule, but grey as sensors give it", () => {
  const { V4L2_QUANTIZATION_FULL_RANGE: full, V4L2_QUANTIZATION_LIM_RANGE: limited } = V4L2;
  const srgb = 8;
  expect(lumaRange('yuyv', full, srgb)).toBe('full');
  expect(lumaRange('grey', limited, srgb)).toBe('limited');
  expect(lumaRange('nv12', 0, srgb)).toBe('limited');
  expect(lumaRange('nv12', 0, V4L2.V4L2_COLORSPACE_JPEG)).toBe('full');
  expect(lumaRange('grey', 0, srgb)).toBe('full');
  expect(lumaRange('jpeg', limited, srgb)).toBe('full');
});

test('the bytes of a raw image are those that vision expects, at any size and padding', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('nv12', 'yu12', 'yuyv', 'uyvy', 'grey'),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 0, max: 64 }),
      (format, width, height, padding) => {
        const stride = leastStride(format, width) + padding;
        const data = new Uint8Array(imageBytes(format, stride, height) ?? 0);
        const plane = rawPlane({ format, range: 'full', width, height, stride, data }, format);
        expect([plane.width, plane.height]).toEqual([width, height]);
      },
    ),
  );
});

test.each([
  ['/dev/specta-has-no-such-camera', /is not there; (no camera|there)/],
  ['/dev/null', /it is no V4L2 device \(VIDIOC_QUERYCAP: ENOTTY\)/],
  ['No Such Camera', /no camera is named "No Such Camera"/],
])('%s, on the real kernel: recovering, with the reason', async (device, reason) => {
  const deps = { clock: hasty, log: silentLog() };
  await using source = openCamera(cameraOptions(`v4l2:${device}`), deps);
  await source.start();
  await until(() => source.state.kind === 'recovering');
  expect(source.state).toMatchObject({ reason: expect.stringMatching(reason) });
});
