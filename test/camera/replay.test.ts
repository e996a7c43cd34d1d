import { execFileSync } from 'node:child_process';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CameraOptions, FrameSource } from '../../src/camera/frame-source.ts';
import { openCamera } from '../../src/camera/open-camera.ts';
import type { Frame } from '../../src/domain/frame.ts';
import { type Clock, ManualClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { statesOf, sum, taken, until } from '../suites/frame-source.ts';
import { cameraOptions, jpeg, ownFolder, picture, writeJpegs } from './camera-fixture.ts';

let folder: string;
let remove: () => Promise<void>;
let source: FrameSource | null = null;

beforeEach(async () => {
  ({ folder, remove } = await ownFolder());
});
afterEach(async () => {
  await source?.stop();
  source = null;
  await remove();
});

function replay(
  path: string,
  changes: Partial<CameraOptions> = {},
  clock: Clock = new ManualClock(),
): FrameSource {
  source = openCamera(cameraOptions(`replay:${path}`, changes), { clock, log: silentLog() });
  return source;
}

async function all(from: FrameSource): Promise<Frame[]> {
  await from.start();
  const frames: Frame[] = [];
  for (let frame = await from.next(); frame !== null; frame = await from.next()) frames.push(frame);
  return frames;
}

test('a folder is shown in natural order, its other files left out', async () => {
  for (const name of ['10.jpg', '2.JPG', '1.jpeg']) await writeFile(join(folder, name), await jpeg(1));
  for (const name of ['truth.jsonl', 'run.json', 'notes.txt', '.3.jpg'])
    await writeFile(join(folder, name), 'x');
  await mkdir(join(folder, '4.jpg'));
  const frames = await all(replay(folder));
  expect(frames.map((frame) => frame.source)).toEqual(['1.jpeg', '2.JPG', '10.jpg']);
  expect(frames.map((frame) => frame.sequence)).toEqual([0, 1, 2]);
});

test('the format is told by the first bytes, not by the name', async () => {
  const image = picture(1, 32, 24);
  await writeFile(join(folder, 'a.png'), await jpeg(1));
  await writeFile(join(folder, 'b.jpg'), await image.png().toBuffer());
  await writeFile(join(folder, 'c.webp'), await image.webp().toBuffer());
  await writeFile(join(folder, 'd.tif'), await image.tiff().toBuffer());
  const frames = await all(replay(folder));
  expect(frames.map((frame) => frame.format)).toEqual(['jpeg', 'encoded', 'encoded', 'encoded']);
  expect(frames[0]).toMatchObject({ range: 'full', width: 0, height: 0, stride: 0, source: 'a.png' });
});

test('a list names images relative to itself, with comments, in its own order and repeatedly', async () => {
  await mkdir(join(folder, 'images'));
  await writeJpegs(join(folder, 'images'), 2);
  const list = join(folder, 'list.txt');
  await writeFile(list, '# a list\r\nimages/2.jpg\r\n\r\nimages/1.jpg\nimages/2.jpg');
  const frames = await all(replay(list));
  expect(frames.map((frame) => frame.source)).toEqual(['images/2.jpg', 'images/1.jpg', 'images/2.jpg']);
});

test('one image file is a list of one', async () => {
  await writeJpegs(folder, 1);
  expect(await all(replay(join(folder, '1.jpg')))).toHaveLength(1);
});

test('bad images are dropped by reason, each with a number, and the stream goes on', async () => {
  await writeFile(join(folder, '1.jpg'), '');
  await writeFile(join(folder, '2.jpg'), await jpeg(1, 16, 16));
  await writeFile(join(folder, '3.jpg'), 'not an image');
  await writeFile(join(folder, '4.jpg'), await jpeg(1, 512, 512));
  await symlink(join(folder, 'nowhere'), join(folder, '5.jpg'));
  await writeFile(join(folder, '6.jpg'), await jpeg(1, 16, 16));
  const camera = replay(folder, { maxFrameBytes: 2000 });
  const frames = await all(camera);
  expect(frames.map((frame) => [frame.source, frame.sequence])).toEqual([
    ['2.jpg', 1],
    ['6.jpg', 5],
  ]);
  expect(camera.drops).toEqual({ corrupt: 3, oversized: 1 });
  expect(camera.state).toEqual({ kind: 'stopped', reason: 'ended' });
});

test('a pipe among the images is dropped and holds nothing up, though nobody writes to it', async () => {
  execFileSync('mkfifo', [join(folder, '1.jpg')]);
  await writeFile(join(folder, '2.jpg'), await jpeg(1, 16, 16));
  const camera = replay(folder);
  expect((await all(camera)).map((frame) => frame.source)).toEqual(['2.jpg']);
  expect(camera.drops).toEqual({ corrupt: 1 });
});

test('a folder that is not there, or empty, rejects the start, which may be tried again', async () => {
  const missing = join(folder, 'missing');
  const camera = replay(missing);
  await expect(camera.start()).rejects.toMatchObject({ code: 'FOLDER_UNREADABLE' });
  expect(camera.state).toEqual({ kind: 'idle' });
  await mkdir(missing);
  await expect(camera.start()).rejects.toMatchObject({ code: 'FOLDER_EMPTY' });
  await writeJpegs(missing, 1);
  expect(await all(camera)).toHaveLength(1);
});

test('a list without images and a missing list reject the start', async () => {
  await writeFile(join(folder, 'list.txt'), '# nothing\n');
  await expect(replay(join(folder, 'list.txt')).start()).rejects.toMatchObject({ code: 'FOLDER_EMPTY' });
  await expect(replay(join(folder, 'gone.txt')).start()).rejects.toMatchObject({ code: 'FOLDER_UNREADABLE' });
});

test('the pace is the clock’s: an image each period, times and all', async () => {
  await writeJpegs(folder, 4);
  const clock = new ManualClock();
  const camera = replay(folder, { rate: 10 }, clock);
  const times: number[] = [];
  await camera.start();
  for (let index = 0; index < 4; index++) {
    const pending = camera.next();
    await settled(clock, pending, index === 0 ? 0 : 100);
    times.push((await pending)?.capturedAt.monoMs ?? Number.NaN);
  }
  expect(times).toEqual([0, 100, 200, 300]);
});

test('without a taker the newest image wins and the others are superseded', async () => {
  await writeJpegs(folder, 5);
  const clock = new ManualClock();
  const camera = replay(folder, { rate: 10 }, clock);
  await camera.start();
  // The folder is really read, however long a busy disk takes for that.
  const patience = performance.now() + 30_000;
  while (camera.state.kind !== 'stopped' && performance.now() < patience) {
    await clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(camera.state).toEqual({ kind: 'stopped', reason: 'ended' });
  expect((await camera.next())?.source).toBe('5.jpg');
  expect(await camera.next()).toBeNull();
  expect(camera.drops).toEqual({ superseded: 4 });
  expect(camera.delivered + sum(camera.drops)).toBe(5);
});

test('an image that waits at the stop is counted', async () => {
  await writeJpegs(folder, 3);
  const camera = replay(folder);
  await camera.start();
  await until(() => camera.state.kind === 'streaming');
  await camera.stop();
  expect(await camera.next()).toBeNull();
  expect(camera.drops).toEqual({ stopped: 1 });
});

test('looping begins again with rising numbers and stays streaming', async () => {
  await writeJpegs(folder, 2);
  const camera = replay(folder, { loop: true });
  const states = statesOf(camera);
  await camera.start();
  const sources: string[] = [];
  for (let index = 0; index < 5; index++) {
    const frame = await taken(camera);
    expect(frame.sequence).toBe(index);
    sources.push(frame.source);
  }
  expect(sources).toEqual(['1.jpg', '2.jpg', '1.jpg', '2.jpg', '1.jpg']);
  expect(states.map((state) => state.kind)).toEqual(['starting', 'streaming']);
});

test('a looping folder that vanishes is recovering, with growing pauses, until it is back', async () => {
  await writeJpegs(folder, 1);
  const clock = new ManualClock();
  const camera = replay(folder, { loop: true }, clock);
  await camera.start();
  const image = (await taken(camera)).data;
  await rm(join(folder, '1.jpg'));
  while (camera.state.kind === 'streaming') await camera.next(AbortSignal.timeout(20)).catch(() => null);
  await until(() => camera.state.kind === 'recovering');
  expect(camera.state).toEqual({
    kind: 'recovering',
    reason: 'none of the 1 images can be read',
    attempt: 1,
  });
  await clock.advance(500);
  await until(() => camera.state.kind === 'recovering' && camera.state.attempt === 2);
  await writeFile(join(folder, '1.jpg'), image);
  await clock.advance(1000);
  expect((await taken(camera)).source).toBe('1.jpg');
  expect(camera.state.kind).toBe('streaming');
});

/** Moves the clock by `ms` at the moment the source sleeps, in small steps of nothing until it does. */
async function settled(clock: ManualClock, pending: Promise<unknown>, ms: number): Promise<void> {
  let done = false;
  void pending.then(() => {
    done = true;
  });
  for (let tries = 0; tries < 200; tries++) await clock.advance(0);
  if (!done) await clock.advance(ms);
  for (let tries = 0; tries < 1000 && !done; tries++) await clock.advance(0);
}
