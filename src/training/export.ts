import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Bundle, Golden, Manifest } from '../domain/manifest.ts';
import { openBundle, sealBundle } from '../model/bundle.ts';
import { BUNDLE_NAME, VERSION } from '../model/manifest.ts';
import { SpectaError, systemCode } from '../platform/errors.ts';
import { diskError, nodeFiles } from '../platform/files.ts';
import type { Engine } from '../vision/engine/engine.ts';
import { createOnnxEngine } from '../vision/engine/onnx.ts';
import { LAYERS_MODEL } from '../vision/engine/tfjs-model.ts';
import { planeOfImage } from '../vision/luma.ts';
import { createPlaneJudge } from '../vision/plane-judge.ts';
import { pictureCount } from '../vision/tiles.ts';
import { DRAWN_SCENES, type DrawnPicture, type DrawnScene, drawPicture, pngOf } from './golden-pictures.ts';
import { type LayersModelFiles, WEIGHTS_FILE } from './tfjs-layers.ts';

/** Everything of a bundle but its golden inputs and file list, which exporting makes. */
export interface ExportRequest {
  /** The bundle's folder; an older bundle there is replaced as a whole. */
  readonly folder: string;
  readonly manifest: Omit<Manifest, 'files' | 'golden'>;
  /** Bytes of `model.onnx`. */
  readonly model: Uint8Array;
  /** The same network for TensorFlow.js. */
  readonly layers: LayersModelFiles;
  /** Text of `MODEL_CARD.md`. */
  readonly card: string;
  readonly seed: number;
}

/** A golden picture shall lie this far from every threshold, so that its label is the same everywhere. */
const GOOD_MARGIN = 0.02;
/** Nearer than this, rounding on another processor may change the label. */
const LEAST_MARGIN = 0.001;
const TRIES = 20;

interface DecidedPicture {
  readonly picture: DrawnPicture;
  readonly expected: Golden['expected'];
  /** Distance of its probabilities to the nearest threshold. */
  readonly margin: number;
}

/**
 * Writes a bundle: first into a hidden folder beside its place, verified there, then renamed.
 * Until then an older bundle stays as it is. Throws as `checkBundlePlace`, `DISK_FULL`, `BUNDLE_MANIFEST_INVALID`,
 * `BUNDLE_NOT_SERVABLE`.
 */
export async function exportBundle(request: ExportRequest): Promise<Bundle> {
  await checkBundlePlace(request.folder);
  const target = resolve(request.folder);
  const parent = dirname(target);
  const tag = randomBytes(6).toString('hex');
  const temporary = join(parent, `.${basename(target)}.${tag}.new`);
  try {
    await nodeFiles.mkdir(join(temporary, 'golden'));
    await nodeFiles.writeFile(join(temporary, 'model.onnx'), request.model);
    await nodeFiles.mkdir(join(temporary, 'tfjs'));
    await nodeFiles.writeFile(join(temporary, LAYERS_MODEL), new TextEncoder().encode(request.layers.model));
    await nodeFiles.writeFile(join(temporary, 'tfjs', WEIGHTS_FILE), request.layers.weights);
    await nodeFiles.writeFile(join(temporary, 'MODEL_CARD.md'), new TextEncoder().encode(request.card));
    const golden = await writeGoldenInputs(temporary, request);
    await sealBundle(temporary, { ...request.manifest, golden });
    for (const folder of ['golden', 'tfjs', '.']) await nodeFiles.syncFolder(join(temporary, folder));
    await replaceFolder(temporary, target, join(parent, `.${basename(target)}.${tag}.old`));
  } catch (error) {
    // The first failure is the one to tell.
    await nodeFiles.remove(temporary).catch(() => undefined);
    throw error;
  }
  await nodeFiles.syncFolder(parent);
  return openBundle(target);
}

/**
 * Looks whether a bundle can be written to `folder`, before any work is spent on one: its last two parts are a bundle's
 * name and version, at most an older bundle stands there, and this user may write there. Writes nothing.
 * Throws `USAGE`, `DISK_FAILED`.
 */
export async function checkBundlePlace(folder: string): Promise<void> {
  const target = resolve(folder);
  const [name, version] = [basename(dirname(target)), basename(target)];
  if (!BUNDLE_NAME.test(name) || !VERSION.test(version)) {
    throw new SpectaError(
      'USAGE',
      `${folder} is no place for a bundle: ${name || '/'}/${version} is no name and version`,
      'Name it <name>/<version>, as in models/my-model/0.1.0: lower-case letters, digits, - and . for the name.',
    );
  }
  const found = await nodeFiles.lstat(target);
  const names = found?.kind === 'folder' ? await nodeFiles.list(target) : [];
  if (found && (found.kind !== 'folder' || (names.length > 0 && !names.includes('manifest.json')))) {
    throw new SpectaError(
      'USAGE',
      `${folder} is there already and is no bundle`,
      'Name another place: only a bundle is replaced by a bundle.',
    );
  }
  const above = await nearestThere(dirname(target));
  await access(above, constants.W_OK | constants.X_OK).catch((error: unknown) => {
    throw diskError(error, 'write below', above);
  });
}

/** The folder itself, or the nearest above it that is there. Throws `DISK_FAILED` where a file is in the way. */
async function nearestThere(folder: string): Promise<string> {
  const found = await nodeFiles.stat(folder).catch((error: unknown) => {
    // A file higher up: it is met there.
    if (error instanceof SpectaError && systemCode(error.cause) === 'ENOTDIR') return null;
    throw error;
  });
  if (found === null) return nearestThere(dirname(folder));
  if (found.kind === 'folder') return folder;
  throw new SpectaError('DISK_FAILED', `${folder} is no folder.`, 'Name another place.');
}

async function replaceFolder(from: string, to: string, aside: string): Promise<void> {
  if ((await nodeFiles.lstat(to)) === null) return nodeFiles.rename(from, to);
  await nodeFiles.rename(to, aside);
  try {
    await nodeFiles.rename(from, to);
  } catch (error) {
    await nodeFiles.rename(aside, to);
    throw error;
  }
  await nodeFiles.remove(aside);
}

async function writeGoldenInputs(folder: string, request: ExportRequest): Promise<Golden[]> {
  const engine = await createOnnxEngine({
    modelFile: join(folder, 'model.onnx'),
    provider: 'cpu',
    threads: 1,
    pictures: pictureCount(request.manifest),
  });
  try {
    const golden: Golden[] = [];
    for (const scene of DRAWN_SCENES) {
      const { picture, expected } = await decidedPicture(scene, request, engine);
      const file = `golden/${scene}.png`;
      await nodeFiles.writeFile(join(folder, file), await pngOf(picture));
      golden.push({ file, expected });
    }
    return golden;
  } finally {
    await engine.close();
  }
}

/** Of some drawn pictures of the scene the first about which the network is in no doubt, else that of least doubt. */
async function decidedPicture(
  scene: DrawnScene,
  { manifest, seed }: ExportRequest,
  engine: Engine,
): Promise<DecidedPicture> {
  const judge = createPlaneJudge(manifest, engine);
  let best: DecidedPicture | undefined;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const picture = drawPicture(scene, seed + attempt);
    const { width, height, luma } = picture;
    const { probabilities: expected } = await judge(planeOfImage({ width, height, data: luma }));
    const margin = thresholdMargin(expected, manifest);
    if (!best || margin > best.margin) best = { picture, expected, margin };
    if (margin >= GOOD_MARGIN) break;
  }
  if (best && best.margin > LEAST_MARGIN) return best;
  throw new SpectaError(
    'BUNDLE_NOT_SERVABLE',
    `the network is in doubt about every drawn picture of "${scene}"`,
    'It has learnt too little to be proved on another machine: train it longer.',
  );
}

/** How far the probabilities are from the nearest threshold. */
function thresholdMargin(expected: Golden['expected'], manifest: ExportRequest['manifest']): number {
  const { crack, corrosion } = manifest.defects;
  const limits: [number | undefined, number | null | undefined][] = [
    [expected.crack, crack?.on],
    [expected.corrosion, corrosion?.on],
    [expected.intact, manifest.intactThreshold],
  ];
  const distances = limits.flatMap(([probability, limit]) =>
    probability === undefined || limit === undefined || limit === null ? [] : [Math.abs(probability - limit)],
  );
  return Math.min(...distances);
}
