import type { PixelFormat } from '../domain/frame.ts';
import type { ImageSplitter, SplitImage } from './image-splitter.ts';

/** Pixel formats without compression. */
export type RawFormat = Exclude<PixelFormat, 'jpeg' | 'encoded'>;

/** Bytes of one row of luma (or packed pixels), without padding. */
export function rawStride(format: RawFormat, width: number): number {
  return format === 'yuyv' || format === 'uyvy' ? width * 2 : width;
}

/** Bytes of one raw image without padding; null where the format cannot have that size (odd sides of 4:2:x). */
export function rawFrameBytes(format: RawFormat, width: number, height: number): number | null {
  switch (format) {
    case 'grey':
      return width * height;
    case 'yuyv':
    case 'uyvy':
      return width % 2 === 0 ? width * height * 2 : null;
    case 'nv12':
    case 'yu12':
      return width % 2 === 0 && height % 2 === 0 ? (width * height * 3) / 2 : null;
  }
}

/** Cuts raw video by its byte count: there are no marks in it, so a lost byte shifts what follows until a restart. */
export class RawSplitter implements ImageSplitter {
  private readonly frameBytes: number;
  private image: Uint8Array<ArrayBuffer> | null = null;
  private filled = 0;

  constructor(frameBytes: number) {
    this.frameBytes = frameBytes;
  }

  push(chunk: Uint8Array): SplitImage[] {
    const images: SplitImage[] = [];
    let from = 0;
    while (from < chunk.length) {
      this.image ??= new Uint8Array(this.frameBytes);
      const piece = chunk.subarray(from, from + this.frameBytes - this.filled);
      this.image.set(piece, this.filled);
      this.filled += piece.length;
      from += piece.length;
      if (this.filled === this.frameBytes) {
        images.push({ kind: 'image', data: this.image });
        this.image = null;
        this.filled = 0;
      }
    }
    return images;
  }

  end(): SplitImage[] {
    const half = this.filled > 0;
    this.image = null;
    this.filled = 0;
    return half ? [{ kind: 'dropped', reason: 'corrupt' }] : [];
  }
}
