import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll } from 'vitest';
import type { Frame } from '../../src/domain/frame.ts';
import { at } from './sample-values.ts';

export { at, sampleFinding, sampleMessage, sampleRun } from './sample-values.ts';

const folders: string[] = [];

/** A fresh folder, removed after the file's tests. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'specta-record-'));
  folders.push(folder);
  return folder;
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** A textured picture, JPEG, `width` x `height` pixels. */
export async function sampleJpeg(width: number, height: number): Promise<Uint8Array<ArrayBuffer>> {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      pixels[i++] = 60 + (x * 90) / width + 20 * Math.sin(y / 9);
      pixels[i++] = 90 + (y * 90) / height;
      pixels[i++] = 120 + 30 * Math.sin((x + y) / 13);
    }
  }
  const jpeg = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 95 })
    .toBuffer();
  return new Uint8Array(jpeg);
}

export function jpegFrame(data: Uint8Array<ArrayBuffer>, sequence = 7): Frame {
  return {
    sequence,
    capturedAt: at(11),
    format: 'jpeg',
    range: 'full',
    width: 0,
    height: 0,
    stride: 0,
    data,
    source: 'replay',
  };
}
