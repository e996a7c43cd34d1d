import { expect, test } from 'vitest';
import type { FrameSource } from '../../src/camera/frame-source.ts';
import { Capture } from '../../src/camera/v4l2/capture.ts';
import { expectLegal, statesOf, sum, taken, until } from '../suites/frame-source.ts';
import {
  cameraBench,
  controlSetter,
  hastyClock,
  held,
  isFull,
  NODE,
  plug,
  reasons,
  recovers,
  setControls,
  small,
  streams,
  unplug,
} from './virtual-camera.ts';

const bench = cameraBench();

test('half of the buffers dropped by the driver: counted as gaps, frame by frame', async ({ task }) => {
  const { source } = bench.open(`v4l2:${NODE}`, small);
  await source.start();
  await taken(source);
  setControls(bench.libc, { percentage_of_dropped_buffers: 50 });
  const start = { ...source.drops };
  let last = await taken(source);
  const first = last.sequence;
  for (let count = 0; count < 80; count++) last = await taken(source);
  const gaps = (source.drops.gap ?? 0) - (start.gap ?? 0);
  const span = last.sequence - first;
  expect(source.state.kind).toBe('streaming');
  expect(source.delivered + sum(source.drops)).toBeGreaterThanOrEqual(last.sequence + 1);
  expect(gaps / span).toBeGreaterThan(0.3);
  expect(gaps / span).toBeLessThan(0.7);
  task.meta.figures = `${gaps} of ${span} frames lost (${((100 * gaps) / span).toFixed(0)} %), drops ${JSON.stringify(source.drops)}`;
});

test('frames that the driver flags as bad are counted and skipped, and nothing else happens', async ({
  task,
}) => {
  const { source } = bench.open(`v4l2:${NODE}`, small);
  const states = statesOf(source);
  await source.start();
  for (let count = 0; count < 20; count++) {
    await taken(source);
    setControls(bench.libc, { inject_v4l2_buf_flag_error: 1 });
  }
  await until(() => (source.drops.flagged ?? 0) >= 5);
  await taken(source);
  expect(states.map(({ kind }) => kind)).toEqual(['starting', 'streaming']);
  task.meta.figures = `drops ${JSON.stringify(source.drops)}`;
});

for (const fault of ['inject_fatal_streaming_error', 'inject_vidioc_qbuf_error'])
  test(`${fault}: the reason, and recovery`, async ({ task }) => {
    const { source } = bench.open(`v4l2:${NODE}`, small);
    const states = statesOf(source);
    await source.start();
    await taken(source);
    setControls(bench.libc, { [fault]: 1 });
    await until(() => reasons(states).length > 0);
    await until(streams(source));
    const before = source.delivered;
    await taken(source);
    expect(source.delivered).toBe(before + 1);
    expectLegal(states);
    task.meta.figures = reasons(states).join(' | ');
    expect(reasons(states)[0]).toMatch(/VIDIOC_|reports an error/);
  });

test('a camera that another program holds: busy is said, and it streams once it is free', async ({
  task,
}) => {
  const mode = { fourcc: 'YUYV', pixels: 'yuyv', width: 320, height: 180, interval: null } as const;
  const other = Capture.open(bench.libc, NODE, mode, []);
  let source: FrameSource;
  try {
    source = bench.open(`v4l2:${NODE}`, small).source;
    await source.start();
    await until(recovers(source));
    expect(source.state).toMatchObject({
      reason: expect.stringMatching(/^another program holds the camera \(.*EBUSY\)$/),
    });
    task.meta.figures = source.state.kind === 'recovering' ? source.state.reason : '';
  } finally {
    other.close();
  }
  await until(streams(source));
});

test('a camera that goes silent is opened anew until it speaks', async ({ task }) => {
  const { source } = bench.open(`v4l2:${NODE}`, { ...small, stallMs: 1500 });
  const states = statesOf(source);
  await source.start();
  await taken(source);
  setControls(bench.libc, { percentage_of_dropped_buffers: 100 });
  await until(recovers(source));
  expect(reasons(states)[0]).toBe('no frame for 1500 ms');
  setControls(bench.libc, { percentage_of_dropped_buffers: 0 });
  await until(streams(source));
  expectLegal(states);
  task.meta.figures = reasons(states).join('; ');
});

test(`unplugged and plugged in ${isFull ? 50 : 8} times: the reason at once, back by itself, nothing left behind`, async ({
  task,
}) => {
  const { source } = bench.open(`v4l2:${NODE}`, small);
  const states = statesOf(source);
  await source.start();
  await taken(source);
  const cycle = async (): Promise<number> => {
    unplug();
    await until(recovers(source));
    expect(held()).toMatchObject({ nodes: 0, mappings: 0 });
    const before = source.delivered;
    const since = performance.now();
    plug();
    await until(streams(source));
    await taken(source);
    expect(source.delivered).toBeGreaterThan(before);
    return performance.now() - since;
  };
  await cycle();
  const start = held();
  const times: number[] = [];
  for (let count = 1; count < (isFull ? 50 : 8); count++) times.push(await cycle());
  expect(held()).toEqual(start);
  expectLegal(states);
  expect(
    new Set(
      reasons(states)
        .filter((reason) => !/is not there/.test(reason))
        .map(String),
    ).size,
  ).toBeLessThan(6);
  times.sort((a, b) => a - b);
  task.meta.figures = `plug to frame, ms: median ${times[times.length >> 1].toFixed(0)}, most ${times.at(-1)?.toFixed(0)}; reasons: ${[...new Set(reasons(states))].join(' | ')}`;
});

test(`${isFull ? 1000 : 40} reconnects leave no descriptor and no mapping behind`, async ({ task }) => {
  const { source } = bench.open(`v4l2:${NODE}`, small, hastyClock);
  const states = statesOf(source);
  await source.start();
  const fail = controlSetter(bench.libc, { inject_fatal_streaming_error: 1 });
  const reconnect = async (): Promise<void> => {
    await taken(source);
    const before = states.length;
    fail();
    await until(() => states.length > before && source.state.kind === 'streaming');
  };
  for (let count = 0; count < 5; count++) await reconnect();
  const start = held();
  const memory = process.memoryUsage().rss;
  const times = isFull ? 1000 : 40;
  for (let count = 0; count < times; count++) await reconnect();
  const end = held();
  const grown = (process.memoryUsage().rss - memory) / 2 ** 20;
  task.meta.figures = `held ${JSON.stringify(start)} before, ${JSON.stringify(end)} after; memory ${grown.toFixed(1)} MiB more`;
  expect(end.descriptors).toBeLessThanOrEqual(start.descriptors);
  expect(end).toMatchObject({ nodes: 1, mappings: start.mappings });
  await source.stop();
  expect(held()).toMatchObject({ nodes: 0, mappings: 0 });
}, 1_800_000);
