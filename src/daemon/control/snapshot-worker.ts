import { parentPort, workerData } from 'node:worker_threads';
import { toErrorRecord } from '../../platform/errors.ts';
import { type FramePixels, frameImage } from '../../record/frame-image.ts';
import type { SnapshotAnswer } from './snapshot.ts';

/** The thread behind `drawSnapshot`: one frame in, one image out. */
async function draw(pixels: FramePixels): Promise<SnapshotAnswer> {
  try {
    return { image: await frameImage(pixels) };
  } catch (error) {
    return { error: toErrorRecord(error) };
  }
}

const answer = await draw(workerData as FramePixels);
parentPort?.postMessage(answer);
