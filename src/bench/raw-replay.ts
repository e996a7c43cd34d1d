import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CameraDeps, NewestFrameSource, type StreamEnd } from '../camera/newest-frame.ts';
import { listImages } from '../camera/replay-images.ts';
import { createLumaDecoder, DEFAULT_DECODE_LIMITS } from '../vision/decode.ts';
import { pictureOfStill } from '../vision/golden.ts';
import type { LumaPlane } from '../vision/luma.ts';
import type { Picture } from '../vision/picture.ts';

/** Most pictures that are unpacked: each takes some megabytes of disk. */
const MOST = 48;

/** The folder's first pictures as a camera would send them unpacked: YUYV, limited range, from files made at the start. */
export class RawReplay extends NewestFrameSource {
  private readonly path: string;
  private readonly rate: number | null;
  private readonly files: { readonly path: string; readonly width: number; readonly height: number }[] = [];
  private folder = '';

  /** @param rate frames a second; null: as fast as they are taken */
  constructor(path: string, rate: number | null, deps: CameraDeps) {
    super(`yuyv:${path}`, deps);
    this.path = path;
    this.rate = rate;
  }

  override get waits(): boolean {
    return this.rate === null;
  }

  override async stop(): Promise<void> {
    await super.stop();
    if (this.folder !== '') await rm(this.folder, { recursive: true, force: true });
  }

  protected override async prepare(): Promise<void> {
    const images = await listImages(this.path);
    this.folder = await mkdtemp(join(tmpdir(), 'specta-bench-'));
    await mkdir(this.folder, { recursive: true });
    const decoder = createLumaDecoder(DEFAULT_DECODE_LIMITS, 'luma-chroma');
    for (const [index, { path }] of images.slice(0, MOST).entries()) {
      const plane = await decoder.decode(pictureOfStill(new Uint8Array(await readFile(path))));
      const file = join(this.folder, `${index}.yuyv`);
      await writeFile(file, yuyvOf(plane));
      this.files.push({ path: file, width: plane.width, height: plane.height });
    }
  }

  protected override async stream(signal: AbortSignal): Promise<StreamEnd> {
    let dueMs = this.clock.now().monoMs;
    for (const { path, width, height } of this.files) {
      const read = await readFile(path);
      if (this.rate === null) await this.whenTaken();
      else {
        const waitMs = dueMs - this.clock.now().monoMs;
        // A sleep rejects only when aborted, and that is looked at next.
        if (waitMs > 0) await this.clock.sleep(waitMs, signal).catch(() => undefined);
        dueMs += 1000 / this.rate;
      }
      if (signal.aborted) break;
      this.offer({ ...rawPicture(new Uint8Array(read), width, height), source: path });
    }
    return { kind: 'again' };
  }
}

function rawPicture(data: Uint8Array<ArrayBuffer>, width: number, height: number): Picture {
  return { format: 'yuyv', range: 'limited', width, height, stride: 2 * width, data };
}

/** Packed 4:2:2 of limited range (ITU-R BT.601); the sides must be even. */
export function yuyvOf({
  width,
  height,
  data,
  offset,
  stride,
  step,
  chroma,
}: LumaPlane): Uint8Array<ArrayBuffer> {
  const packed = new Uint8Array(2 * width * height);
  const levels = Uint8Array.from({ length: 256 }, (_, value) => Math.round(16 + (value * 219) / 255));
  const tints = Uint8Array.from({ length: 256 }, (_, value) => Math.round(128 + ((value - 128) * 224) / 255));
  for (let y = 0, out = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, out += 2) {
      packed[out] = levels[data[offset + y * stride + x * step]];
      const plane = x % 2 === 0 ? chroma?.cb : chroma?.cr;
      const row = plane ? Math.floor((y * plane.height) / height) : 0;
      const column = plane ? Math.floor((x * plane.width) / width) : 0;
      const tint = plane ? plane.data[plane.offset + row * plane.stride + column * plane.step] : 128;
      packed[out + 1] = tints[tint];
    }
  }
  return packed;
}
