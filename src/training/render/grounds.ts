import { extname, join } from 'node:path';
import { createLumaDecoder, DEFAULT_DECODE_LIMITS } from '../../vision/decode.ts';
import { pictureOfStill } from '../../vision/golden.ts';
import type { LumaPlane, Plane } from '../../vision/luma.ts';
import { createPreprocessor } from '../../vision/preprocess.ts';
import { sourcesOfTexture } from '../known-sources.ts';
import { contentOf, namedOtherwise, readPictureFile } from '../picture-files.ts';
import type { Random } from '../random.ts';
import { mainClass, type Sample } from '../samples.ts';
import { type Canvas, createCanvas } from './canvas.ts';

/** A picture without defects, onto which some can be drawn. */
export interface GroundFile {
  readonly file: string;
  /** That of the data set's pictures that were cut from the same photo or texture. */
  readonly group: string;
}

/** Where defects can be drawn. */
export interface Grounds {
  readonly intact: readonly GroundFile[];
  readonly textures: readonly GroundFile[];
  /** Files of the textures' folder that were passed over, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
}

/**
 * The intact stills among the samples, and the whole textures of a folder (named `<prefix>_<id>.jpg`), save those from
 * which a left-out source's pictures were cut. Throws `FOLDER_UNREADABLE`.
 * @param wanted says of each source whether it may be used
 * @param nameOf what a group is called where it was joined to another
 */
export async function findGrounds(
  samples: readonly Sample[],
  textures: string | undefined,
  wanted: (source: string) => boolean,
  nameOf: (group: string) => string,
): Promise<Grounds> {
  const stills = samples.filter((sample) => sample.kind === 'still' && mainClass(sample) === 'intact');
  const intact = stills.map(({ file, group }) => ({ file, group }));
  if (textures === undefined) return { intact, textures: [], leftOut: {} };
  const help = 'Name a folder of pictures without defects with --textures.';
  const { pictures, others } = await contentOf(textures, help);
  const leftOut: Record<string, number> = {};
  for (const name of others) {
    const reason = `textures: ${namedOtherwise(name)}`;
    leftOut[reason] = (leftOut[reason] ?? 0) + 1;
  }
  const grounds = pictures.flatMap((name): GroundFile[] => {
    const [prefix] = name.split('_');
    if (!sourcesOfTexture(prefix).every(wanted)) return [];
    const id = name.slice(prefix.length + 1, -extname(name).length);
    return [{ file: join(textures, name), group: nameOf(`${prefix}:${id}`) }];
  });
  return { intact, textures: grounds, leftOut };
}

/** A decoded ground, from which parts are cut. */
export interface Ground {
  /**
   * A random part of it at the canvas' size. Parts are enlarged by a factor of two at most, unless the whole ground is
   * smaller than that.
   */
  cut(random: Random): Canvas;
}

/** Reads a ground for canvases of one size. Errors as `readPictureFile`, `LumaDecoder.decode`. */
export async function readGround(
  file: string,
  size: { readonly width: number; readonly height: number },
): Promise<Ground> {
  const decoder = createLumaDecoder(DEFAULT_DECODE_LIMITS, 'luma-chroma');
  const plane = await decoder.decode(pictureOfStill(await readPictureFile(file)));
  const resizer = createPreprocessor(
    { channels: 'luma-chroma', resize: 'bilinear', normalisation: 'none', scale: 1 },
    size,
  );
  return {
    cut(random) {
      const whole = Math.min(plane.width, plane.height);
      const least = Math.min(whole, Math.max(16, 0.55 * Math.max(size.width, size.height)));
      const side = Math.max(2, Math.round(least * (whole / least) ** random.next()));
      const left = random.integer(plane.width - side + 1);
      const top = random.integer(plane.height - side + 1);
      const { small, smallChroma } = resizer.runPlane(partOf(plane, left, top, side));
      return canvasOf(small, smallChroma, size);
    },
  };
}

function partOf(plane: LumaPlane, left: number, top: number, side: number): LumaPlane {
  const part = (from: Plane): Plane => {
    const across = from.width / plane.width;
    const down = from.height / plane.height;
    const [x, y] = [Math.floor(left * across), Math.floor(top * down)];
    return {
      ...from,
      width: Math.max(1, Math.min(from.width - x, Math.round(side * across))),
      height: Math.max(1, Math.min(from.height - y, Math.round(side * down))),
      offset: from.offset + y * from.stride + x * from.step,
    };
  };
  const luma = part(plane);
  return plane.chroma ? { ...luma, chroma: { cb: part(plane.chroma.cb), cr: part(plane.chroma.cr) } } : luma;
}

function canvasOf(
  luma: Uint8Array,
  chroma: Uint8Array | null,
  { width, height }: { readonly width: number; readonly height: number },
): Canvas {
  const canvas = createCanvas(width, height);
  for (let i = 0; i < luma.length; i++) {
    const cb = chroma ? chroma[i] - 128 : 0;
    const cr = chroma ? chroma[luma.length + i] - 128 : 0;
    canvas.red[i] = luma[i] + 1.402 * cr;
    canvas.green[i] = luma[i] - 0.344136 * cb - 0.714136 * cr;
    canvas.blue[i] = luma[i] + 1.772 * cb;
  }
  return canvas;
}
