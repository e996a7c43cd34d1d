import sharp from 'sharp';
import { expect, test } from 'vitest';
import { drawSnapshot } from '../../src/daemon/control/snapshot.ts';
import type { Frame } from '../../src/domain/frame.ts';
import { crackPicture } from '../fixtures/pictures.ts';

const about = { sequence: 1, capturedAt: { monoMs: 0, utcMs: 0 }, source: 'test' } as const;

test('a compressed frame is given as it is', async () => {
  const data = new Uint8Array(crackPicture());
  const frame: Frame = { ...about, format: 'jpeg', range: 'full', width: 0, height: 0, stride: 0, data };
  const image = await drawSnapshot(frame);
  expect(image).toMatchObject({ extension: 'jpg' });
  expect(image.bytes).toEqual(data);
});

test('a raw frame is coded as JPEG, and keeps its own bytes', async () => {
  const data = new Uint8Array(64 * 48 * 2).fill(128);
  const frame: Frame = { ...about, format: 'yuyv', range: 'full', width: 64, height: 48, stride: 128, data };
  const { bytes, width, height, extension } = await drawSnapshot(frame);
  expect({ width, height, extension }).toEqual({ width: 64, height: 48, extension: 'jpg' });
  const { channels } = await sharp(bytes).stats();
  for (const { mean } of channels) expect(mean).toBeCloseTo(128, -1);
  expect(data.byteLength).toBe(64 * 48 * 2);
});

test('a raw frame with too few bytes is told by its own code', async () => {
  const data = new Uint8Array(10);
  const frame: Frame = { ...about, format: 'grey', range: 'full', width: 64, height: 48, stride: 64, data };
  await expect(drawSnapshot(frame)).rejects.toMatchObject({ code: 'FRAME_INVALID' });
});
