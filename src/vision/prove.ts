import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bundle } from '../domain/manifest.ts';
import { createLumaDecoder, DEFAULT_DECODE_LIMITS } from './decode.ts';
import type { Engine, EngineChoice } from './engine/engine.ts';
import { openEngine } from './engine/open-engine.ts';
import { checkGoldenInputs, checkNetworkFits, pictureOfStill } from './golden.ts';
import { createPreprocessor } from './preprocess.ts';

/** What a bundle showed of itself on this machine: it loads, and its golden inputs are right. */
export interface Proof {
  /** The provider that really ran. */
  readonly provider: string;
  /** Median time of one inference, ms. */
  readonly inferMs: number;
  /** By how much this process grew at its largest, bytes: runtime, network and what it computes with. */
  readonly memoryBytes: number;
}

const RUNS = 20;
/** A network so slow that this is not enough for all runs has shown it by then. */
const ENOUGH_MS = 3_000;

async function medianInference(bundle: Bundle, engine: Engine): Promise<number> {
  const { manifest, folder } = bundle;
  const { preprocessing, input, golden } = manifest;
  const decoder = createLumaDecoder(DEFAULT_DECODE_LIMITS, preprocessing.channels);
  const tensors: Float32Array<ArrayBuffer>[] = [];
  for (const { file } of golden) {
    const plane = await decoder.decode(pictureOfStill(new Uint8Array(await readFile(join(folder, file)))));
    tensors.push(createPreprocessor(preprocessing, input).runPlane(plane).tensor);
  }
  const times: number[] = [];
  const begin = performance.now();
  for (let run = 0; run < RUNS && (run < 3 || performance.now() - begin < ENOUGH_MS); run += 1) {
    const before = performance.now();
    await engine.run(tensors[run % tensors.length]);
    times.push(performance.now() - before);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)];
}

/**
 * Loads a bundle on the engine asked for, checks its golden inputs, and measures it. What a provider builds for minutes
 * is kept where the choice says, and found there by the next who loads the bundle. Throws what `startVision` throws.
 */
export async function proveBundle(bundle: Bundle, choice: EngineChoice): Promise<Proof> {
  const before = process.memoryUsage.rss();
  const engine = await openEngine(bundle, choice);
  try {
    checkNetworkFits(bundle.manifest, engine);
    await checkGoldenInputs(bundle, engine, DEFAULT_DECODE_LIMITS);
    const inferMs = await medianInference(bundle, engine);
    // Linux counts it in KiB.
    const largest = process.resourceUsage().maxRSS * 1024;
    return { provider: engine.provider, inferMs, memoryBytes: Math.max(0, largest - before) };
  } finally {
    await engine.close();
  }
}
