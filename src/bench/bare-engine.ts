import { join } from 'node:path';
import type { Bundle } from '../domain/manifest.ts';
import { pixelsOf } from '../vision/engine/engine.ts';
import { createOnnxEngine } from '../vision/engine/onnx.ts';
import { pictureCount } from '../vision/tiles.ts';

const WARM_RUNS = 5;
/** Enough runs for a mean, and long enough that one hiccup of the machine does not decide. */
const LEAST_RUNS = 50;
const LEAST_MS = 1_000;

/** Runs a second of the engine alone, on a grey input: what no pipeline around it can beat. */
export async function bareEngine(bundle: Bundle, threads: number, signal: AbortSignal): Promise<number> {
  const engine = await createOnnxEngine({
    modelFile: join(bundle.folder, 'model.onnx'),
    provider: 'cpu',
    threads,
    pictures: pictureCount(bundle.manifest),
  });
  try {
    const input = new Float32Array(pixelsOf(engine.input)).fill(0.5);
    for (let warm = 0; warm < WARM_RUNS; warm += 1) await engine.run(input);
    const begin = performance.now();
    let runs = 0;
    let ms = 0;
    while (runs < LEAST_RUNS || ms < LEAST_MS) {
      signal.throwIfAborted();
      await engine.run(input);
      runs += 1;
      ms = performance.now() - begin;
    }
    return (runs * 1000) / ms;
  } finally {
    await engine.close();
  }
}
