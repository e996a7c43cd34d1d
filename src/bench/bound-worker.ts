import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { createLumaDecoder, DEFAULT_DECODE_LIMITS } from '../vision/decode.ts';
import { pixelsOf } from '../vision/engine/engine.ts';
import { createOnnxEngine } from '../vision/engine/onnx.ts';
import { pictureCount } from '../vision/tiles.ts';
import type { BoundAnswer, BoundWork } from './bound.ts';

const WARM_FRAMES = 5;

async function work({ bundle, threads, pictures, parts, ms }: BoundWork): Promise<void> {
  const tell = (answer: BoundAnswer): void => parentPort?.postMessage(answer);
  const { manifest } = bundle;
  const decoder = createLumaDecoder(DEFAULT_DECODE_LIMITS, manifest.preprocessing.channels);
  const engine = await createOnnxEngine({
    modelFile: join(bundle.folder, 'model.onnx'),
    provider: 'cpu',
    threads,
    pictures: pictureCount(manifest),
  });
  const input = new Float32Array(pixelsOf(engine.input)).fill(0.5);
  let at = 0;
  const frame = async (): Promise<void> => {
    if (parts !== 'engine') await decoder.decode(pictures[at++ % pictures.length]);
    if (parts !== 'decode') await engine.run(input);
  };
  try {
    for (let warm = 0; warm < WARM_FRAMES; warm += 1) await frame();
    const go = new Promise<void>((resolve) => parentPort?.once('message', () => resolve()));
    tell({ kind: 'ready' });
    await go;
    const begin = performance.now();
    let frames = 0;
    let now = begin;
    for (; now - begin < ms; now = performance.now()) {
      await frame();
      frames += 1;
    }
    tell({ kind: 'done', frames, ms: now - begin });
  } finally {
    await engine.close();
  }
}

await work(workerData as BoundWork);
