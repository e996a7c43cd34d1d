import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import type { CameraOptions, CameraState, FrameSource } from '../../src/camera/frame-source.ts';
import { openCamera } from '../../src/camera/open-camera.ts';
import { type Clock, ManualClock, systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { expectLegal, resources, statesOf, taken, until } from '../suites/frame-source.ts';
import { actingCamera, cameraOptions, jpeg, ownFolder } from './camera-fixture.ts';

const { folder, remove } = await ownFolder();
const image = join(folder, 'image.jpg');
const bytes = await jpeg(1, 320, 240);
await writeFile(image, bytes);
afterAll(remove);

let source: FrameSource | null = null;
afterEach(async () => {
  await source?.stop();
  source = null;
});

function command(
  steps: string[],
  changes: Partial<CameraOptions> = {},
  clock: Clock = systemClock,
): FrameSource {
  const uri = actingCamera(image, ...steps);
  source = openCamera(cameraOptions(uri, changes), { clock, log: silentLog() });
  return source;
}

function recoveringIn(states: readonly CameraState[]): { reason: string; attempt: number }[] {
  return states.flatMap((state) => (state.kind === 'recovering' ? [state] : []));
}

test('a child that dies at once is tried again with growing pauses, its last words as the reason', async () => {
  const clock = new ManualClock();
  const camera = command(['say:first', 'say:no such camera at rtsp://me:secret@cam/', 'exit:7'], {}, clock);
  const states = statesOf(camera);
  await camera.start();
  for (const [index, pauseMs] of [500, 1000, 2000].entries()) {
    await until(() => recoveringIn(states).length === index + 1);
    await clock.advance(pauseMs - 1);
    expect(recoveringIn(states)).toHaveLength(index + 1);
    await clock.advance(1);
  }
  await until(() => recoveringIn(states).length === 4);
  expect(recoveringIn(states).map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
  expect(recoveringIn(states)[0].reason).toBe(
    'the camera command ended with status 7: no such camera at rtsp://me:***@cam/',
  );
  expectLegal(states);
});

test('a child that ends well after three frames is started again, and its pauses stay short', async () => {
  const camera = command(['image', 'wait:20', 'image', 'wait:20', 'image', 'exit:0']);
  const states = statesOf(camera);
  await camera.start();
  let last = -1;
  while (last < 6) last = (await taken(camera)).sequence;
  expect(recoveringIn(states).length).toBeGreaterThanOrEqual(2);
  for (const { attempt, reason } of recoveringIn(states)) {
    expect(attempt).toBe(1);
    expect(reason).toContain('ended with status 0');
  }
  expect(camera.drops.corrupt ?? 0).toBe(0);
  expectLegal(states);
});

test('a child that hangs after a frame has stalled: it is ended and started again', async () => {
  const before = resources();
  const camera = command(['image', 'deaf', 'hang'], { stallMs: 300 });
  const states = statesOf(camera);
  await camera.start();
  await taken(camera);
  expect((await taken(camera)).sequence).toBe(1);
  expect(recoveringIn(states)[0].reason).toMatch(/^no frame for 300 ms; was ended by SIG(TERM|KILL)$/);
  await camera.stop();
  await until(() => resources().children <= before.children && resources().descriptors <= before.descriptors);
});

test('a child that never says anything has stalled too, after a longer wait', async () => {
  const camera = command(['hang'], { stallMs: 100 });
  const states = statesOf(camera);
  await camera.start();
  await until(() => recoveringIn(states).length > 0);
  expect(recoveringIn(states)[0].reason).toContain('no frame for 400 ms');
});

test('a child that writes garbage gives no frame; garbage before an image does no harm', async () => {
  const junk = command(['garbage:200000', 'exit:0']);
  const states = statesOf(junk);
  await junk.start();
  await until(() => recoveringIn(states).length > 0);
  expect(junk.delivered).toBe(0);
  await junk.stop();
  const mixed = command(['garbage:100001', 'image', 'garbage:7', 'hang']);
  await mixed.start();
  expect(Buffer.from((await taken(mixed)).data).equals(bytes)).toBe(true);
});

test('half a frame at the end is counted as corrupt, and its number shows as a gap', async () => {
  const camera = command(['image', 'wait:200', 'half', 'exit:0']);
  await camera.start();
  expect((await taken(camera)).sequence).toBe(0);
  expect((await taken(camera)).sequence).toBe(2);
  expect(camera.drops.corrupt).toBe(1);
});

test('an oversized image is dropped with its reason, and the next comes through', async () => {
  const camera = command(['big:500000', 'image', 'hang'], { maxFrameBytes: bytes.length });
  await camera.start();
  const frame = await taken(camera);
  expect(frame.sequence).toBe(1);
  expect(frame.data.length).toBe(bytes.length);
  expect(camera.drops).toEqual({ oversized: 1 });
});

test('raw images have the asked format, size, stride and range', async () => {
  const file = join(folder, 'image.nv12');
  await writeFile(file, Buffer.alloc(16 * 8 * 1.5, 7));
  const uri = actingCamera(file, 'image', 'hang');
  const options = cameraOptions(uri, { format: 'nv12', width: 16, height: 8 });
  source = openCamera(options, { clock: systemClock, log: silentLog() });
  await source.start();
  const frame = await taken(source);
  expect(frame).toMatchObject({ format: 'nv12', width: 16, height: 8, stride: 16, range: 'limited' });
  expect(frame.data).toEqual(new Uint8Array(192).fill(7));
});

test('the stop ends a child that ignores SIGTERM, and what it started', async () => {
  const before = resources();
  const seconds = `${100_000 + process.pid}`;
  const camera = command(['deaf', `child:${seconds}`, 'image', 'hang']);
  await camera.start();
  await taken(camera);
  await until(() => runs('sleep', seconds));
  await camera.stop();
  await until(() => !runs('sleep', seconds));
  await until(() => resources().children <= before.children && resources().descriptors <= before.descriptors);
});

test('the stop does not wait for a pause to end', async () => {
  const camera = command(['exit:1'], {}, new ManualClock());
  await camera.start();
  await until(() => camera.state.kind === 'recovering');
  await camera.stop();
  expect(camera.state).toEqual({ kind: 'stopped', reason: 'requested' });
});

test('a program that is not there is refused at the start', async () => {
  const deps = { clock: systemClock, log: silentLog() };
  for (const program of ['no-such-program-here', '/no/such/program', folder]) {
    const camera = openCamera(cameraOptions(`command:${program} -x`), deps);
    await expect(camera.start()).rejects.toMatchObject({ code: 'CAMERA_UNSUPPORTED' });
    await camera.stop();
  }
});

function runs(...argv: string[]): boolean {
  return readdirSync('/proc').some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `${argv.join('\0')}\0`;
    } catch {
      // It ended between the listing and the look.
      return false;
    }
  });
}
