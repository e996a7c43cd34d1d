import type { Frame } from '../domain/frame.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { ModelReference, Verdict } from '../domain/verdict.ts';
import { createLumaDecoder, type DecodeLimits } from './decode.ts';
import type { Engine } from './engine/engine.ts';
import { AT_ONCE, type Turn } from './frame-order.ts';
import { createGatekeeper } from './gates.ts';
import { createTileJudge } from './plane-judge.ts';
import { createPreprocessor } from './preprocess.ts';
import { labelOf, probabilitiesOf } from './probabilities.ts';
import { tileGridOf } from './tiles.ts';

/** What a classifier is made of. */
export interface ClassifierOptions {
  readonly manifest: Manifest;
  readonly engine: Engine;
  readonly model: ModelReference;
  readonly limits: DecodeLimits;
  /** True where each picture stands for itself (stills): no picture is `frozen` then. */
  readonly stills: boolean;
  /** What the classifiers of one vision share of the frame before (see `sharedSight`); absent: this one is alone. */
  readonly sight?: SharedArrayBuffer;
  /** Monotonic ms, for the stage times. */
  readonly now?: () => number;
}

/** Frame to verdict, on the thread that calls. */
export interface Classifier {
  /**
   * One at a time. Throws a SpectaError for a frame that is no whole picture (see `LumaDecoder.decode`) and
   * `ENGINE_FAILED`: a corrupt frame never becomes a verdict.
   * @param turn passed in any case
   */
  judge(frame: Frame, turn?: Turn): Promise<Verdict>;
  /** Judges a picture that has nothing to do with the frames: it is not `frozen`, and no frame is measured against it. */
  judgeStill(frame: Frame): Promise<Verdict>;
}

/** Composes decode, preprocessing, gates and engine as the manifest says. A blind frame is not inferred. */
export function createClassifier(options: ClassifierOptions): Classifier {
  const { manifest, engine, model, stills } = options;
  const now = options.now ?? (() => performance.now());
  const preprocessor = createPreprocessor(manifest.preprocessing, manifest.input);
  const { channels } = manifest.preprocessing;
  const decoder = createLumaDecoder(options.limits, channels, preprocessor.room);
  const gatekeeper = createGatekeeper(manifest.gates, manifest.input, options.sight);
  const stillGatekeeper = createGatekeeper(manifest.gates, manifest.input);
  const grid = tileGridOf(manifest);
  const judgeTiles = grid && createTileJudge(manifest, engine, grid);

  const judge = async (frame: Frame, still: boolean, turn: Turn): Promise<Verdict> => {
    const start = now();
    const decoded = decoder.decode(frame);
    const plane = decoded instanceof Promise ? await decoded : decoded;
    const decodedAt = now();
    const picture = preprocessor.runPlane(plane);
    if (still) stillGatekeeper.forget();
    const { quality, blind } = still ? stillGatekeeper.judge(picture) : gatekeeper.judge(picture, turn);
    const preparedAt = now();
    const said = blind === null && judgeTiles ? await judgeTiles(plane) : null;
    const probabilities =
      said?.probabilities ??
      (blind === null ? probabilitiesOf(await engine.run(picture.tensor), manifest) : {});
    const { sequence, capturedAt, source } = frame;
    return {
      frame: { sequence, capturedAt, source },
      label: blind === null ? labelOf(probabilities, manifest) : null,
      blind,
      probabilities,
      ...(said?.boxes && { boxes: said.boxes }),
      quality,
      model,
      stages: {
        decode: decodedAt - start,
        preprocess: preparedAt - decodedAt,
        infer: now() - preparedAt,
      },
    };
  };
  return {
    // A frame that is no picture has its turn too: the one behind it must not wait for ever.
    judge: (frame, turn = AT_ONCE) => judge(frame, stills, turn).finally(turn.pass),
    judgeStill: (frame) => judge(frame, true, AT_ONCE),
  };
}
