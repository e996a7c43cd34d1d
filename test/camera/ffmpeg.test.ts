import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { CameraOptions, FrameSource } from '../../src/camera/frame-source.ts';
import { openCamera } from '../../src/camera/open-camera.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { statesOf, taken, until } from '../suites/frame-source.ts';
import { cameraOptions, noFfmpeg, ownFolder, writeClip } from './camera-fixture.ts';
import { serveRtsp } from './rtsp-server.ts';

const { folder, remove } = await ownFolder();
afterAll(remove);

let source: FrameSource | null = null;
afterEach(async () => {
  await source?.stop();
  source = null;
});

function opened(uri: string, changes: Partial<CameraOptions> = {}): FrameSource {
  source = openCamera(cameraOptions(uri, changes), { clock: systemClock, log: silentLog() });
  return source;
}

test('without ffmpeg a clip is refused, with the command that brings it', async () => {
  const path = process.env.PATH;
  try {
    process.env.PATH = folder;
    await expect(opened('file:clip.mp4').start()).rejects.toMatchObject({
      code: 'CAMERA_UNSUPPORTED',
      help: expect.stringContaining('apt-get install ffmpeg'),
    });
  } finally {
    process.env.PATH = path;
  }
});

const skip = noFfmpeg();
if (skip !== null) console.log(`clips and RTSP are skipped: ${skip}`);

describe.skipIf(skip !== null)('with ffmpeg', () => {
  test('a clip that is not there is refused', async () => {
    await expect(opened('file:nowhere.mp4').start()).rejects.toMatchObject({ code: 'CAMERA_FAILED' });
  });

  test('a clip’s frames are full pictures, also where its name looks like a protocol', async () => {
    const path = join(folder, '-a:b clip.mp4');
    await writeClip(`file:${path}`, 3);
    const camera = opened(`file:${path}`);
    await camera.start();
    const sizes: unknown[] = [];
    for (let frame = await camera.next(); frame !== null; frame = await camera.next()) {
      expect(frame).toMatchObject({ format: 'jpeg', range: 'full' });
      const { width, height } = (await sharp(frame.data).raw().toBuffer({ resolveWithObject: true })).info;
      sizes.push([width, height]);
    }
    expect(sizes).toEqual([
      [160, 120],
      [160, 120],
      [160, 120],
    ]);
  });

  test('a looping clip begins again, streaming all the while', async () => {
    const path = join(folder, 'short.mp4');
    await writeClip(path, 2);
    const camera = opened(`file:${path}`, { loop: true });
    const states = statesOf(camera);
    await camera.start();
    for (let index = 0; index < 5; index++) expect((await taken(camera)).sequence).toBe(index);
    expect(states.map((state) => state.kind)).toEqual(['starting', 'streaming']);
  });

  test('a paced clip is thinned out, never stretched by repeated pictures', async () => {
    const path = join(folder, 'second.mp4');
    await writeClip(path, 25);
    for (const [rate, most] of [
      [5, 6],
      [100, 25],
    ]) {
      const camera = opened(`file:${path}`, { rate });
      await camera.start();
      let frames = 0;
      while ((await camera.next()) !== null) frames += 1;
      const seen = frames + (camera.drops.superseded ?? 0);
      expect(seen).toBeLessThanOrEqual(most);
      expect(seen).toBeGreaterThanOrEqual(most - 1);
    }
  });

  test('what is no clip is recovering, with ffmpeg’s own words', async () => {
    const path = join(folder, 'no-clip.mp4');
    await writeFile(path, 'nothing to see');
    const camera = opened(`file:${path}`);
    await camera.start();
    await until(() => camera.state.kind === 'recovering');
    expect(camera.state).toMatchObject({
      reason: expect.stringMatching(/ended with status \d+: .*no-clip\.mp4/),
    });
  });

  test('an RTSP camera streams; when it goes away it is recovering, and comes back by itself', async () => {
    const server = await serveRtsp();
    const camera = opened(server.uri, { stallMs: 5000 });
    await camera.start();
    const { width } = await sharp((await taken(camera)).data).metadata();
    expect(width).toBe(160);
    await taken(camera);
    server.cut();
    await until(() => camera.state.kind === 'recovering');
    await until(() => camera.state.kind === 'streaming');
    await camera.stop();
    await server.close();
  });
});

test('a program without the right to run is no program', async () => {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'ffmpeg'), '');
  await chmod(join(bin, 'ffmpeg'), 0o644);
  const camera = opened(`command:${join(bin, 'ffmpeg')}`);
  await expect(camera.start()).rejects.toMatchObject({ code: 'CAMERA_UNSUPPORTED' });
});
