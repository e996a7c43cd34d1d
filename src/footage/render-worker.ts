import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import jpegTurbo from '@julusian/jpeg-turbo';
import { toErrorRecord } from '../platform/errors.ts';
import { FrameRenderer, type RenderedFrame } from './frame-renderer.ts';
import { RenderMemory } from './pipe-texture.ts';
import type { RenderReport, RenderShare } from './render-job.ts';
import { renderStill } from './render-still.ts';
import { diskError } from './run-folder.ts';
import { Studio } from './studio.ts';

/** Quality of the JPEG, 1..100: about what an ROV's recorder keeps. */
const QUALITY = 90;

const share = workerData as RenderShare;
const say = (report: RenderReport): void => parentPort?.postMessage(report);

try {
  const studio = new Studio();
  const memory = new RenderMemory();
  const { job } = share;
  const renderer = job.kind === 'run' ? new FrameRenderer(job.plan, studio, memory) : null;
  const { width, height } = job.kind === 'run' ? job.plan : job.options;
  for (let index = share.from; index < share.to; index++) {
    const frame: RenderedFrame =
      job.kind === 'stills'
        ? renderStill(job.options, index, studio, memory)
        : (renderer as FrameRenderer).render(index);
    const jpeg = jpegTurbo.compressSync(Buffer.from(frame.rgb.buffer), {
      format: jpegTurbo.FORMAT_RGB,
      width,
      height,
      subsampling: jpegTurbo.SAMP_420,
      quality: QUALITY,
    });
    try {
      writeFileSync(join(share.folder, frame.truth.file), jpeg);
    } catch (error) {
      throw diskError(error, share.folder);
    }
    say({ kind: 'frame', index, truth: frame.truth, bytes: jpeg.length });
  }
} catch (error) {
  say({ kind: 'failed', error: toErrorRecord(error) });
}
