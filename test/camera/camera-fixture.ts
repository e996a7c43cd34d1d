import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import sharp, { type Sharp } from 'sharp';
import { findProgram } from '../../src/camera/camera-child.ts';
import type { CameraOptions } from '../../src/camera/frame-source.ts';

const ACTOR = fileURLToPath(new URL('./acting-camera.mjs', import.meta.url));

/** Options for a test: as fast as possible, no loop, MJPEG, patient. */
export function cameraOptions(uri: string, changes: Partial<CameraOptions> = {}): CameraOptions {
  return {
    uri,
    rate: null,
    loop: false,
    format: 'mjpeg',
    width: null,
    height: null,
    controls: {},
    stallMs: 20_000,
    maxFrameBytes: 4 * 1024 * 1024,
    ...changes,
  };
}

/** A `command:` URI for the acting camera: see its own head for the steps. */
export function actingCamera(image: string, ...steps: string[]): string {
  return `command:${[process.execPath, ACTOR, image, ...steps].map((word) => `'${word}'`).join(' ')}`;
}

/** An own folder, and the function that removes it. */
export async function ownFolder(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'specta-camera-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A JPEG of a gradient, each `seed` another one. */
export async function jpeg(seed: number, width = 64, height = 48): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await picture(seed, width, height).jpeg({ quality: 80 }).toBuffer());
}

export function picture(seed: number, width: number, height: number): Sharp {
  const pixels = Buffer.alloc(width * height, 0).map((_, index) => (index * (seed + 3) + (index >> 4)) % 256);
  return sharp(pixels, { raw: { width, height, channels: 1 } });
}

/** Writes `count` JPEGs `1.jpg` … into the folder. */
export async function writeJpegs(folder: string, count: number): Promise<void> {
  for (let index = 1; index <= count; index++)
    await writeFile(join(folder, `${index}.jpg`), await jpeg(index));
}

/** Why ffmpeg's cameras cannot be tested here; null where they can. */
export function noFfmpeg(): string | null {
  return findProgram('ffmpeg') === null ? 'ffmpeg is not installed (apt-get install ffmpeg)' : null;
}

/** A clip of `frames` different frames at 25 a second. */
export async function writeClip(path: string, frames: number): Promise<void> {
  const input = ['-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=25', '-frames:v', String(frames)];
  const output = ['-c:v', 'mpeg4', '-pix_fmt', 'yuv420p', '-y', path];
  await promisify(execFile)('ffmpeg', ['-nostdin', '-loglevel', 'error', ...input, ...output]);
}
