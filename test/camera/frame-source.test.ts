import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { CameraOptions, FrameSource } from '../../src/camera/frame-source.ts';
import { openCamera } from '../../src/camera/open-camera.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { type FrameSourceKind, frameSourceSuite } from '../suites/frame-source.ts';
import {
  actingCamera,
  cameraOptions,
  jpeg,
  noFfmpeg,
  ownFolder,
  picture,
  writeClip,
  writeJpegs,
} from './camera-fixture.ts';

const { folder, remove } = await ownFolder();
afterAll(remove);

function opened(uri: string, changes: Partial<CameraOptions>): FrameSource {
  return openCamera(cameraOptions(uri, changes), { clock: systemClock, log: silentLog() });
}

const replay: FrameSourceKind = {
  name: 'replay',
  skip: null,
  async endless() {
    await writeJpegs(folder, 3);
    return opened(`replay:${folder}`, { rate: 100, loop: true });
  },
  async pulled(images) {
    await writeJpegs(folder, 3);
    const list = join(folder, 'list.txt');
    await writeFile(list, Array.from({ length: images }, (_, index) => `${(index % 3) + 1}.jpg`).join('\n'));
    return opened(`replay:${list}`, {});
  },
};

const mjpeg: FrameSourceKind = {
  name: 'command with MJPEG',
  skip: null,
  async endless() {
    const image = join(folder, 'command.jpg');
    await writeFile(image, await jpeg(1));
    return opened(actingCamera(image, 'image', 'wait:10', 'loop'), {});
  },
  pulled: null,
};

const raw: FrameSourceKind = {
  name: 'command with raw images',
  skip: null,
  async endless() {
    const image = join(folder, 'command.grey');
    await writeFile(image, await picture(1, 64, 48).raw().toBuffer());
    const changes = { format: 'grey', width: 64, height: 48 } as const;
    return opened(actingCamera(image, 'image', 'wait:10', 'loop'), changes);
  },
  pulled: null,
};

let longClip: Promise<void> | null = null;

const clip: FrameSourceKind = {
  name: 'clip',
  skip: noFfmpeg(),
  async endless() {
    const path = join(folder, 'clip.mp4');
    longClip ??= writeClip(path, 50);
    await longClip;
    return opened(`file:${path}`, { rate: 25, loop: true });
  },
  async pulled(images) {
    const path = join(folder, `clip-${images}.mp4`);
    await writeClip(path, images);
    return opened(`file:${path}`, {});
  },
};

for (const kind of [replay, mjpeg, raw, clip]) frameSourceSuite(kind);
