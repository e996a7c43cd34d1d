import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SpectaError } from '../../platform/errors.ts';
import { createLumaDecoder, DEFAULT_DECODE_LIMITS } from '../../vision/decode.ts';
import { pictureOfStill } from '../../vision/golden.ts';
import type { LumaPlane, Plane } from '../../vision/luma.ts';
import { createPreprocessor } from '../../vision/preprocess.ts';
import { sourcesOfTexture } from '../known-sources.ts';
import type { Random } from '../random.ts';
import { mainClass, type Sample } from '../samples.ts';
import { type Canvas, createCanvas } from './canvas.ts';

/** A picture without defects, onto which some can be drawn. */
export interface GroundFile {
  readonly file: string;
  /** That of the data set's pictures that were cut from the same photo or texture. */
  readonly group: string;
}

const PICTURE = /\.(jpe?g|png)$/i;

/**
 * The intact stills among the samples, and the whole textures of a folder (named `<prefix>_<id>.jpg`), save those from
 * which a left-out source's pictures were cut. Throws `FOLDER_UNREADABLE`.
 * @param wanted says of each source whether it may be used
 */
export async function findGrounds(
  samples: readonly Sample[],
  textures: string | undefined,
  wanted: (source: string) => boolean,
): Promise<{ readonly intact: readonly GroundFile[]; readonly textures: readonly GroundFile[] }> {
  const intact = samples.filter((sample) => sample.kind === 'still' && mainClass(sample) === 'intact');
  return {
    intact: intact.map(({ file, group }) => ({ file, group })),
    textures: textures === undefined ? [] : await listTextures(textures, wanted),
  };
}

async function listTextures(folder: string, wanted: (source: string) => boolean): Promise<GroundFile[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw new SpectaError(
      'FOLDER_UNREADABLE',
      `the folder of textures ${folder} cannot be read`,
      'Name a folder of pictures without defects with --textures.',
      error,
    );
  });
  return names
    .filter((name) => PICTURE.test(name))
    .sort()
    .flatMap((name) => {
      const [prefix] = name.split('_');
      if (!sourcesOfTexture(prefix).every(wanted)) return [];
      const id = basename(name.slice(prefix.length + 1)).replace(PICTURE, '');
      return [{ file: join(folder, name), group: `${prefix}:${id}` }];
    });
}

/** A decoded ground, from which parts are cut. */
export interface Ground {
  /** A random part of it at the canvas' size; small grounds are enlarged, by a factor of two at most. */
  cut(random: Random): Canvas;
}

/** Reads a ground for canvases of one size. Errors as `LumaDecoder.decode`. */
export async function readGround(
  file: string,
  size: { readonly width: number; readonly height: number },
): Promise<Ground> {
  const decoder = createLumaDecoder(DEFAULT_DECODE_LIMITS, 'luma-chroma');
  const plane = await decoder.decode(pictureOfStill(Uint8Array.from(await readFile(file))));
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
