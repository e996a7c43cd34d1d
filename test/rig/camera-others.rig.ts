import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Capture } from '../../src/camera/v4l2/capture.ts';
import { listVideoNodes } from '../../src/camera/v4l2/find-camera.ts';
import { jpeg } from '../camera/camera-fixture.ts';
import { taken, until } from '../suites/frame-source.ts';
import { Ffmpeg, withLoopbacks } from './loopback.ts';
import { cameraBench, hastyClock, NODE, plug, recovers, small, streams, unplug } from './virtual-camera.ts';

// Other cameras than vivid: v4l2loopback, fed by ffmpeg or only in the way.
const bench = cameraBench();

test('plugged in again under another node, it is found by card and bus', async ({ task }) => {
  const byNode = bench.open(`v4l2:${NODE}`, small).source;
  const byCard = bench.open('v4l2:vivid', small).source;
  await byNode.start();
  expect((await taken(byNode)).source).toBe(NODE);
  unplug();
  await until(recovers(byNode));
  await underAnotherNode(async () => {
    await until(streams(byNode));
    const { source: path } = await taken(byNode);
    expect(path).not.toBe(NODE);
    await byNode.stop();
    await byCard.start();
    expect((await taken(byCard)).source).toBe(path);
    await byCard.stop();
    task.meta.figures = listVideoNodes(bench.libc)
      .map(({ path: node, card }) => `${node} ${card}`)
      .join(', ');
  });
});

test('busy from the start, and plugged in again under another node before its first frame: found by card and bus', async () => {
  const mode = { fourcc: 'YUYV', pixels: 'yuyv', width: 320, height: 180, interval: null } as const;
  const { source } = bench.open(`v4l2:${NODE}`, small);
  const other = Capture.open(bench.libc, NODE, mode, []);
  try {
    await source.start();
    await until(() => source.state.kind === 'recovering' && /EBUSY/.test(source.state.reason));
    unplug();
  } finally {
    other.close();
  }
  await underAnotherNode(async () => {
    await until(streams(source));
    expect((await taken(source)).source).not.toBe(NODE);
    await source.stop();
  });
});

/** Plugs the camera in while something else has taken its node; puts all back in the end. */
async function underAnotherNode(use: () => Promise<void>): Promise<void> {
  const modules = process.env.SPECTA_RIG_MODULES ?? '';
  execFileSync('insmod', [`${modules}/v4l2loopback.ko`, 'video_nr=0', 'card_label=Other']);
  try {
    plug();
    await use();
  } finally {
    unplug();
    execFileSync('rmmod', ['v4l2loopback']);
    plug();
  }
}

/** ffmpeg as a camera that gives what vivid cannot. */
async function withLoopback(output: readonly string[], use: (card: string) => Promise<void>): Promise<void> {
  writeFileSync('/tmp/loopback.jpg', await jpeg(1, 320, 240));
  const input = ['-re', '-framerate', '10', '-loop', '1', '-i', '/tmp/loopback.jpg'];
  await withLoopbacks([9], async () => {
    await using _ = new Ffmpeg([...input, ...output, '-f', 'v4l2', '/dev/video9']);
    await use('Loopback9');
  });
}

test('a camera of MJPEG gives JPEG images, and comes by itself when it begins to send', async ({ task }) => {
  await withLoopback(['-c:v', 'copy'], async (card) => {
    const { source, said } = bench.open(`v4l2:${card}`, { width: 320, height: 240, rate: 10 });
    await source.start();
    const frame = await taken(source);
    expect(frame).toMatchObject({ format: 'jpeg', range: 'full', stride: 0, source: '/dev/video9' });
    expect(Buffer.from(frame.data.subarray(0, 2)).toString('hex')).toBe('ffd8');
    task.meta.figures = said.at(-1)?.slice(0, 140) ?? '';
    await source.stop();
  });
});

test('a camera of H.264 only is refused, with the command to use', async ({ task }) => {
  const encoder = [
    '-pix_fmt',
    'yuv420p',
    '-c:v',
    'libx264',
    '-preset',
    'ultrafast',
    '-tune',
    'zerolatency',
    '-g',
    '5',
  ];
  await withLoopback(encoder, async (card) => {
    const { source } = bench.open(`v4l2:${card}`, small, hastyClock);
    const refusal = await source.start().then(
      async () => {
        await until(() => source.state.kind === 'recovering' && /speaks only/.test(source.state.reason));
        return source.state.kind === 'recovering' ? source.state.reason : '';
      },
      (error: Error) => `${error.message} ${'help' in error ? error.help : ''}`,
    );
    expect(refusal).toContain('speaks only H264');
    expect(refusal).toContain('-input_format h264 -i /dev/video9');
    task.meta.figures = refusal.slice(0, 120);
    await source.stop();
  });
});
