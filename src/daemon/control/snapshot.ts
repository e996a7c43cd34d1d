import { Worker } from 'node:worker_threads';
import type { Frame } from '../../domain/frame.ts';
import { type ErrorRecord, fromErrorRecord, SpectaError } from '../../platform/errors.ts';
import { type FrameImage, type FramePixels, frameImage } from '../../record/frame-image.ts';

/** What the snapshot worker answers. */
export type SnapshotAnswer = { readonly image: FrameImage } | { readonly error: ErrorRecord };

/** A frame that is not drawn within this is given up, ms. */
const DRAWN_WITHIN_MS = 10_000;

/**
 * A frame as an image file. Raw frames are coded in a thread of their own, so that neither the frame loop nor the light
 * waits for a picture that somebody wants to look at; compressed ones are given as they are.
 * Rejects with the frame's own fault (`FRAME_INVALID`, `IMAGE_UNREADABLE`), or `INTERNAL`.
 */
export function drawSnapshot(frame: Frame): Promise<FrameImage> {
  const { format, range, width, height, stride, data } = frame;
  const pixels: FramePixels = { format, range, width, height, stride, data };
  return format === 'jpeg' || format === 'encoded' ? frameImage(pixels) : drawElsewhere(pixels);
}

function drawElsewhere(pixels: FramePixels): Promise<FrameImage> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./snapshot-worker.ts', import.meta.url), {
      workerData: pixels,
      name: 'snapshot',
    });
    const timer = setTimeout(() => reject(failed(`not drawn within ${DRAWN_WITHIN_MS} ms`)), DRAWN_WITHIN_MS);
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      finish();
    };
    worker.once('message', (answer: SnapshotAnswer) =>
      settle(() => ('image' in answer ? resolve(answer.image) : reject(fromErrorRecord(answer.error)))),
    );
    worker.once('error', (error) => settle(() => reject(failed(String(error)))));
    worker.once('exit', () => settle(() => reject(failed('its thread ended'))));
    // Whoever stops the daemon does not wait for a picture.
    worker.unref();
  });
}

function failed(why: string): SpectaError {
  return new SpectaError(
    'INTERNAL',
    `The snapshot could not be drawn: ${why}.`,
    'Ask again; then report it.',
  );
}
