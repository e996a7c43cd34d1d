import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Capture } from '../../src/camera/v4l2/capture.ts';
import { pixelsOf } from '../../src/camera/v4l2/pixel-formats.ts';
import { rawPlane } from '../../src/vision/raw.ts';
import { frameSourceSuite, taken, until } from '../suites/frame-source.ts';
import { cameraBench, NODE, openV4l2, recovers, setControls, small } from './virtual-camera.ts';

const bench = cameraBench();

frameSourceSuite({
  name: 'v4l2 (vivid)',
  skip: null,
  endless: async () => openV4l2(`v4l2:${NODE}`, small).source,
  pulled: null,
});

test('every raw format gives the same picture, in exactly the bytes that vision wants', async ({ task }) => {
  setControls(bench.libc, { osd_text_mode: 'None', horizontal_movement: 'No Movement' });
  const means: string[] = [];
  for (const fourcc of ['YUYV', 'UYVY', 'NV12', 'YU12', 'GREY']) {
    const pixels = pixelsOf(fourcc) ?? 'jpeg';
    const mode = { fourcc, pixels, width: 320, height: 180, interval: { numerator: 1, denominator: 30 } };
    const capture = Capture.open(bench.libc, NODE, mode, []);
    try {
      let filled = capture.take();
      for (; filled === null; filled = capture.take()) await capture.ready(1000);
      const data = capture.copy(filled);
      const { range, width, height, stride } = capture.settled;
      if (data === null || pixels === 'jpeg') throw new Error(`${fourcc} gave no image`);
      const plane = rawPlane({ format: pixels, range, width, height, stride, data }, pixels);
      let total = 0;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) total += plane.data[plane.offset + y * plane.stride + x * plane.step];
      }
      const mean = total / width / height;
      const luma = range === 'full' ? mean : ((mean - 16) * 255) / 219;
      means.push(`${fourcc} ${luma.toFixed(1)} (${data.length} bytes, ${range})`);
    } finally {
      capture.close();
    }
  }
  task.meta.figures = means.join(', ');
  const values = means.map((line) => Number(line.split(' ')[1]));
  expect(Math.max(...values) - Math.min(...values)).toBeLessThan(1);
});

test('asked for more than it can, it says in words what it took and what else there was', async ({
  task,
}) => {
  const { source, said } = bench.open(`v4l2:${NODE}`, { width: 640, height: 480, rate: 30 });
  await source.start();
  const frame = await taken(source);
  expect(frame).toMatchObject({ format: 'nv12', width: 640, height: 480, range: 'limited', source: NODE });
  expect(frame.data).toHaveLength((640 * 480 * 3) / 2);
  const [words] = said;
  expect(words).toContain('Asked for 640x480 at 30 a second, took 640x480 NV12 at 25 a second');
  expect(words).toContain('It also offers 640x480 YU12 at 25 a second; 640x480 YUYV at 25 a second');
  expect(words).toMatch(/formats that are not read here: .*RGB3/);
  task.meta.figures = words.slice(0, 120);
});

test("frames carry the kernel's time", async ({ task }) => {
  const { source } = bench.open(`v4l2:${NODE}`, small);
  await source.start();
  const ages: number[] = [];
  for (let count = 0; count < 20; count++)
    ages.push(-(await taken(source)).capturedAt.monoMs + performance.now());
  ages.sort((a, b) => a - b);
  task.meta.figures = `capture to hand-over, ms: median ${ages[10].toFixed(1)}, most ${ages[19].toFixed(1)}`;
  for (const age of ages) expect(age).toBeGreaterThanOrEqual(0);
  expect(ages[10]).toBeLessThan(5000);
});

test('controls are set by name; an unknown one is refused with the list', async ({ task }) => {
  const { source, said } = bench.open(`v4l2:${NODE}`, {
    ...small,
    controls: { brightness: 77, test_pattern: '100% Black' },
  });
  await source.start();
  await taken(source);
  const shown = execFileSync('v4l2-ctl', ['-d', NODE, '-C', 'brightness,test_pattern'], { encoding: 'utf8' });
  expect(shown).toMatch(/brightness: 77/);
  expect(said[0]).toContain('brightness is 77.');
  await source.stop();
  const wrong = bench.open(`v4l2:${NODE}`, {
    ...small,
    controls: { brightnes: 1, contrast: 1000, test_pattern: 'Blue' },
  });
  const refusal = await wrong.source.start().catch((error: unknown) => error);
  expect(refusal).toMatchObject({
    code: 'CONFIG_INVALID',
    help: expect.stringContaining('contrast (0 to 255)'),
  });
  const { message } = refusal as Error;
  expect(message).toContain('no control "brightnes" (did you mean brightness?)');
  expect(message).toContain('contrast goes from 0 to 255, not to 1000');
  expect(message).toContain('test_pattern has no entry "Blue"');
  task.meta.figures = message;
});

test('a node, a stable name and the name of the card find the camera; a wrong name says what there is', async () => {
  mkdirSync('/dev/v4l/by-id', { recursive: true });
  symlinkSync('../../video0', '/dev/v4l/by-id/usb-Rig_Camera-video-index0');
  for (const name of [
    '/dev/v4l/by-id/usb-Rig_Camera-video-index0',
    'usb-Rig_Camera-video-index0',
    'vivid',
    'VIVID',
  ]) {
    const { source } = bench.open(`v4l2:${name}`, small);
    await source.start();
    expect((await taken(source)).source).toBe(NODE);
    await source.stop();
  }
  const { source } = bench.open('v4l2:vivd', small);
  await source.start();
  await until(recovers(source));
  expect(source.state).toMatchObject({
    reason: 'no camera is named "vivd" (did you mean "vivid"?); there is /dev/video0 (vivid)',
  });
});
