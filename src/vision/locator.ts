import type { Located } from '../domain/finding.ts';
import type { Manifest } from '../domain/manifest.ts';
import type { Box, DefectClass } from '../domain/verdict.ts';
import { createLumaDecoder, type DecodeLimits, type Picture } from './decode.ts';
import { type Engine, pixelsOf } from './engine/engine.ts';
import { readMap, VARIANTS, type Variants, variantsOf } from './occlusion.ts';
import { createTileJudge } from './plane-judge.ts';
import { createPreprocessor } from './preprocess.ts';
import { partOfPlane, tileGridOf } from './tiles.ts';

/** A defect being looked for in one frame. */
export interface Search {
  /**
   * One piece of the work: at most one run of the engine and one decoding. null: there is more to do. Throws as
   * `Classifier.judge`.
   */
  step(): Promise<Located | null>;
}

const WHOLE: Box = { left: 0, top: 0, width: 1, height: 1 };

/**
 * Looks for `defect` in a frame; see `occlusion.ts` for how. In a bundle that looks at tiles only the tile where the
 * defect is most probable is searched, and the variants go through the engine as many at once as it has tiles.
 * Memory is taken when it begins and free when the search is let go.
 */
export function searchFrame(
  picture: Picture,
  defect: DefectClass,
  manifest: Manifest,
  engine: Engine,
  limits: DecodeLimits,
): Search {
  const [pictures, channels, height, width] = engine.input;
  const units = engine.outputs / pictures;
  const unit = manifest.output.classes.indexOf(defect);
  const inputs = new Float32Array(pixelsOf(engine.input));
  const size = inputs.length / pictures;
  const odds: number[] = [];
  let prepared: { readonly variants: Variants; readonly area: Box } | null = null;

  async function prepare(): Promise<{ variants: Variants; area: Box }> {
    const plane = await createLumaDecoder(limits, manifest.preprocessing.channels).decode(picture);
    const grid = tileGridOf(manifest);
    const said = grid && (await createTileJudge(manifest, engine, grid)(plane));
    const area = said?.boxes?.[defect] ?? WHOLE;
    const preprocessor = createPreprocessor(manifest.preprocessing, manifest.input);
    const { tensor } = preprocessor.runPlane(partOfPlane(plane, area));
    return { variants: variantsOf(tensor, { channels, height, width }), area };
  }

  return {
    async step() {
      if (unit < 0) return { box: null, map: null, reason: 'diffuse' };
      if (prepared === null) {
        prepared = await prepare();
        return null;
      }
      const { variants, area } = prepared;
      const count = Math.min(pictures, VARIANTS - odds.length);
      for (let place = 0; place < count; place++) {
        variants.write(odds.length + place, inputs.subarray(place * size, (place + 1) * size));
      }
      const logits = await engine.run(inputs);
      for (let place = 0; place < count; place++) {
        odds.push(logOdds(logits.subarray(place * units, (place + 1) * units), unit, manifest.output.kind));
      }
      if (odds.length < VARIANTS) return null;
      const read = readMap(odds, area);
      return read ? { ...read, reason: null } : { box: null, map: null, reason: 'diffuse' };
    },
  };
}

/** Log odds of one class from the network's logits: they go on changing where probabilities are nearly 0 or 1. */
function logOdds(logits: Float32Array, unit: number, kind: Manifest['output']['kind']): number {
  if (kind === 'sigmoid') return logits[unit];
  const others = [...logits].filter((_, index) => index !== unit);
  const largest = Math.max(...others);
  return logits[unit] - largest - Math.log(others.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
}
