import { join } from 'node:path';
import type { Bundle } from '../domain/manifest.ts';
import type { Probabilities } from '../domain/verdict.ts';
import { createOnnxEngine } from '../vision/engine/onnx.ts';
import { createGatekeeper } from '../vision/gates.ts';
import { planeOfImage } from '../vision/luma.ts';
import { createPlaneJudge } from '../vision/plane-judge.ts';
import { createPreprocessor } from '../vision/preprocess.ts';
import { labelOf } from '../vision/probabilities.ts';
import { pictureCount, wholeSize } from '../vision/tiles.ts';
import type { Judgement } from './metrics.ts';
import { pictureOf, type Sample } from './samples.ts';

/** What a bundle says of one sample. */
export interface NetworkVerdict {
  readonly judgement: Judgement;
  /** null where only the label is known, or the picture was blind. */
  readonly probabilities: Probabilities | null;
}

export interface JudgeOptions {
  readonly threads: number;
  readonly signal?: AbortSignal;
  /** Told after each sample. */
  readonly onSample?: (done: number, all: number) => void;
}

/**
 * Judges samples of the size that the bundle looks at ({@link wholeSize}) as the vehicle would: preprocessing, gates,
 * network, thresholds.
 * In the order of `samples`. Rejects with the signal's reason when aborted.
 */
export async function judgeSamples(
  bundle: Bundle,
  samples: readonly Sample[],
  options: JudgeOptions,
): Promise<NetworkVerdict[]> {
  const { manifest } = bundle;
  const preprocessor = createPreprocessor(manifest.preprocessing, manifest.input);
  const gates = createGatekeeper(manifest.gates, manifest.input);
  const engine = await createOnnxEngine({
    modelFile: join(bundle.folder, 'model.onnx'),
    provider: 'cpu',
    threads: options.threads,
    pictures: pictureCount(manifest),
  });
  const judge = createPlaneJudge(manifest, engine);
  const verdicts: NetworkVerdict[] = [];
  try {
    for (const sample of samples) {
      options.signal?.throwIfAborted();
      const image = pictureOf(sample, wholeSize(manifest));
      const picture = preprocessor.run(image);
      gates.forget();
      if (gates.judge(picture).blind !== null) verdicts.push({ judgement: 'blind', probabilities: null });
      else {
        const { probabilities } = await judge(planeOfImage(image));
        verdicts.push({ judgement: labelOf(probabilities, manifest), probabilities });
      }
      options.onSample?.(verdicts.length, samples.length);
    }
  } finally {
    await engine.close();
  }
  return verdicts;
}
