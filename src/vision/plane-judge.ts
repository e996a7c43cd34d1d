import type { Manifest } from '../domain/manifest.ts';
import { type Box, DEFECT_CLASSES, type DefectClass, type Probabilities } from '../domain/verdict.ts';
import type { Engine } from './engine/engine.ts';
import { pixelsOf } from './engine/engine.ts';
import type { LumaPlane } from './luma.ts';
import { createPreprocessor } from './preprocess.ts';
import { probabilitiesOf } from './probabilities.ts';
import { joinTiles, partOfPlane, type TileGrid, tileBox, tileGridOf } from './tiles.ts';

/** What the network says of a picture. */
export interface Said {
  readonly probabilities: Probabilities;
  /** The tile in which each defect is most probable; absent where the picture is not cut into tiles. */
  readonly boxes?: Readonly<Partial<Record<DefectClass, Box>>>;
}

/** What a network is asked by. */
type Rules = Pick<Manifest, 'classes' | 'output' | 'calibration' | 'preprocessing' | 'input' | 'tiles'>;

/** Asks the network about pictures of any size, one after the other. Throws `ENGINE_FAILED`. */
export type PlaneJudge = (plane: LumaPlane) => Promise<Said>;

/** As the manifest says: in tiles or as a whole. Quality gates are not asked. */
export function createPlaneJudge(manifest: Rules, engine: Engine): PlaneJudge {
  const grid = tileGridOf(manifest);
  if (grid) return createTileJudge(manifest, engine, grid);
  const preprocessor = createPreprocessor(manifest.preprocessing, manifest.input);
  return async (plane) => {
    return {
      probabilities: probabilitiesOf(await engine.run(preprocessor.runPlane(plane).tensor), manifest),
    };
  };
}

/** All tiles in one run of the engine; see {@link joinTiles} for what becomes of them. */
export function createTileJudge(manifest: Rules, engine: Engine, grid: TileGrid): PlaneJudge {
  const preprocessor = createPreprocessor(manifest.preprocessing, manifest.input);
  const units = manifest.output.classes.length;
  const inputs = new Float32Array(pixelsOf(engine.input));
  const boxes = Array.from({ length: grid.columns * grid.rows }, (_, index) => tileBox(grid, index));
  const size = inputs.length / boxes.length;
  const places = boxes.map((_, index) => inputs.subarray(index * size, (index + 1) * size));
  return async (plane) => {
    for (const [index, box] of boxes.entries()) {
      preprocessor.runPlane(partOfPlane(plane, box), places[index]);
    }
    const logits = await engine.run(inputs);
    const { probabilities, tileOf } = joinTiles(
      boxes.map((_, index) => probabilitiesOf(logits.subarray(index * units, (index + 1) * units), manifest)),
    );
    const found = DEFECT_CLASSES.flatMap((defect): [DefectClass, Box][] => {
      const tile = tileOf[defect];
      return tile === undefined ? [] : [[defect, boxes[tile]]];
    });
    return { probabilities, boxes: Object.fromEntries(found) };
  };
}
