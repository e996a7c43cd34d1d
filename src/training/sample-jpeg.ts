import jpegTurbo from '@julusian/jpeg-turbo';
import type { Sample } from './samples.ts';

/** A sample as a JPEG file, in colour where it has any. */
export function jpegOfSample(
  { luma, chroma }: Sample,
  { width, height }: { readonly width: number; readonly height: number },
  quality = 70,
): Uint8Array<ArrayBuffer> {
  const rgb = Buffer.alloc(luma.length * 3);
  const bounded = (value: number): number => Math.max(0, Math.min(255, Math.round(value)));
  for (let i = 0; i < luma.length; i++) {
    const cb = chroma ? chroma[i] - 128 : 0;
    const cr = chroma ? chroma[luma.length + i] - 128 : 0;
    rgb[3 * i] = bounded(luma[i] + 1.402 * cr);
    rgb[3 * i + 1] = bounded(luma[i] - 0.344136 * cb - 0.714136 * cr);
    rgb[3 * i + 2] = bounded(luma[i] + 1.772 * cb);
  }
  return new Uint8Array(
    jpegTurbo.compressSync(rgb, { format: jpegTurbo.FORMAT_RGB, width, height, quality }),
  );
}
