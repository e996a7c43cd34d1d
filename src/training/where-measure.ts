import { join } from 'node:path';
import type { Bundle } from '../domain/manifest.ts';
import { type Box, DEFECT_CLASSES, type DefectClass } from '../domain/verdict.ts';
import { DEFAULT_DECODE_LIMITS, type Picture } from '../vision/decode.ts';
import type { Engine } from '../vision/engine/engine.ts';
import { createOnnxEngine } from '../vision/engine/onnx.ts';
import { searchFrame } from '../vision/locator.ts';
import { detectionsOf } from '../vision/probabilities.ts';
import { pictureCount, wholeSize } from '../vision/tiles.ts';
import type { JudgeOptions, NetworkVerdict } from './judge-samples.ts';
import { jpegOfSample } from './sample-jpeg.ts';
import type { Sample } from './samples.ts';

/** How well boxes fit, over pictures of which it is known where the defect is and in which it was raised. */
export interface WhereMeasure {
  readonly defect: DefectClass;
  /** Pictures that were searched. */
  readonly count: number;
  /** Share of them in which a box was found, 0..1. */
  readonly found: number;
  /** Share of them with the box' middle inside a true box (the pointing game of Zhang et al., 2016), 0..1. */
  readonly hit: number;
  /** The same for the middle of the picture: what pointing blindly gives. */
  readonly hitByMiddle: number;
  /** Mean overlap of the box with the true box that it fits best: common area by joint area, 0..1. */
  readonly overlap: number;
}

/**
 * Looks for each defect that was raised rightly, as the vehicle would for a finding's peak frame.
 * In the order of `DEFECT_CLASSES`; a defect without such a picture is left out.
 */
export async function measureWhere(
  bundle: Bundle,
  samples: readonly Sample[],
  verdicts: readonly NetworkVerdict[],
  options: JudgeOptions,
): Promise<WhereMeasure[]> {
  const raised = samples.flatMap((sample, index) => {
    const { probabilities } = verdicts[index];
    if (probabilities === null) return [];
    return detectionsOf(probabilities, bundle.manifest).flatMap(({ defect }) => {
      const truth = (sample.boxes ?? []).filter((box) => box.defect === defect);
      return truth.length > 0 ? [{ sample, defect, truth }] : [];
    });
  });
  if (raised.length === 0) return [];
  const engine = await createOnnxEngine({
    modelFile: join(bundle.folder, 'model.onnx'),
    provider: 'cpu',
    threads: options.threads,
    pictures: pictureCount(bundle.manifest),
  });
  const results: { defect: DefectClass; truth: readonly Box[]; box: Box | null }[] = [];
  try {
    for (const { sample, defect, truth } of raised) {
      options.signal?.throwIfAborted();
      results.push({ defect, truth, box: await searchOne(bundle, engine, sample, defect) });
      options.onSample?.(results.length, raised.length);
    }
  } finally {
    await engine.close();
  }
  return DEFECT_CLASSES.flatMap((defect) => {
    const own = results.filter((each) => each.defect === defect);
    const share = (of: (each: (typeof own)[number]) => number): number =>
      own.reduce((sum, each) => sum + of(each), 0) / own.length;
    if (own.length === 0) return [];
    return [
      {
        defect,
        count: own.length,
        found: share(({ box }) => (box ? 1 : 0)),
        hit: share(({ box, truth }) => (box && isInside(middleOf(box), truth) ? 1 : 0)),
        hitByMiddle: share(({ truth }) => (isInside({ x: 0.5, y: 0.5 }, truth) ? 1 : 0)),
        overlap: share(({ box, truth }) =>
          box ? Math.max(...truth.map((each) => overlapOf(box, each))) : 0,
        ),
      },
    ];
  });
}

async function searchOne(
  { manifest }: Bundle,
  engine: Engine,
  sample: Sample,
  defect: DefectClass,
): Promise<Box | null> {
  const size = wholeSize(manifest);
  const picture: Picture = sample.chroma
    ? { format: 'jpeg', range: 'full', width: 0, height: 0, stride: 0, data: jpegOfSample(sample, size, 95) }
    : { format: 'grey', range: 'full', ...size, stride: size.width, data: Uint8Array.from(sample.luma) };
  const search = searchFrame(picture, defect, manifest, engine, DEFAULT_DECODE_LIMITS);
  for (;;) {
    const located = await search.step();
    if (located) return located.box;
  }
}

function middleOf({ left, top, width, height }: Box): { x: number; y: number } {
  return { x: left + width / 2, y: top + height / 2 };
}

function isInside({ x, y }: { x: number; y: number }, boxes: readonly Box[]): boolean {
  return boxes.some(
    ({ left, top, width, height }) => x >= left && x <= left + width && y >= top && y <= top + height,
  );
}

function overlapOf(a: Box, b: Box): number {
  const wide = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
  const high = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
  const common = Math.max(0, wide) * Math.max(0, high);
  return common / (a.width * a.height + b.width * b.height - common);
}
