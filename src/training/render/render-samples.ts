import type { DefectClass } from '../../domain/verdict.ts';
import { asSpectaError } from '../../platform/errors.ts';
import type { Channels } from '../../vision/chroma.ts';
import { createRandom, type Random } from '../random.ts';
import type { DataSet, Sample, Unreadable } from '../samples.ts';
import type { Canvas } from './canvas.ts';
import { findGrounds, type GroundFile, type Grounds, readGround } from './grounds.ts';
import { drawGround } from './procedural-ground.ts';
import { renderPicture } from './render-picture.ts';

export interface RenderRequest {
  /** How many pictures. */
  readonly count: number;
  readonly seed: number;
  /** Folder of whole pictures without defects; absent = only the data's own and drawn ones. */
  readonly textures?: string;
}

export interface RenderOptions {
  readonly size: { readonly width: number; readonly height: number };
  readonly channels: Channels;
  /** Says of each source whether anything of it may be used. */
  readonly wanted: (source: string) => boolean;
  /** What a group is called where it was joined to another; groups are their own where absent. */
  readonly nameOf?: (group: string) => string;
  readonly signal?: AbortSignal;
  readonly onPicture?: (done: number, all: number) => void;
}

/** What is drawn, in turn: each ground gets a bit of everything, so that the ground gives nothing away. */
const ROUND: readonly (readonly DefectClass[])[] = [
  ['crack'],
  ['corrosion'],
  [],
  ['crack'],
  ['corrosion'],
  [],
  ['crack'],
  ['corrosion'],
  ['crack', 'corrosion'],
];
/** Shares of the pictures by ground; what is not there is made up for by the rest. */
const SHARES = { textures: 0.35, intact: 0.4, drawn: 0.25 };
/** A defect that can hardly be seen is drawn again, so many times. */
const TRIES = 5;

/**
 * Draws cracks and rust onto many grounds: intact pictures of the data, whole textures, and drawn ones. Each picture
 * belongs to its ground's group. Pictures depend on seed, grounds and size alone. Grounds that cannot be read are listed.
 * Throws `FOLDER_UNREADABLE` for the textures.
 */
export async function renderSamples(
  samples: readonly Sample[],
  request: RenderRequest,
  options: RenderOptions,
): Promise<DataSet> {
  const random = createRandom(request.seed);
  const { nameOf = (group: string) => group } = options;
  const grounds = await findGrounds(samples, request.textures, options.wanted, nameOf);
  const jobs = planOf(request.count, grounds, random.fork(1));
  const rendered: Sample[] = [];
  const unreadable: Unreadable[] = [];
  let faint = 0;
  let number = 0;
  const draw = (cut: (random: Random) => Canvas, group: string, file: string, rounds: number): void => {
    for (let i = 0; i < rounds; i++) {
      const own = random.fork(1000 + number);
      const defects = new Set(ROUND[number % ROUND.length]);
      const picture = visiblePicture(cut, defects, own);
      number++;
      options.onPicture?.(number, request.count);
      if (!picture) {
        faint++;
        continue;
      }
      const { luma, chroma, boxes } = picture;
      rendered.push({
        file,
        name: `rendered/${request.seed}-${number}`,
        group,
        source: 'rendered',
        kind: 'still',
        defects,
        luma,
        ...(options.channels === 'luma-chroma' && { chroma }),
        boxes,
        rendered: true,
      });
    }
  };
  for (const { ground, rounds } of jobs) {
    options.signal?.throwIfAborted();
    if (ground === null) {
      const { width, height } = options.size;
      draw((own) => drawGround(width, height, own), `drawn:${request.seed}-${number}`, '', rounds);
      // Drawing is hard work without a pause: let signals and timers have their turn.
      await new Promise(setImmediate);
      continue;
    }
    const read = await readGround(ground.file, options.size).catch((error: unknown) => {
      const { code, message } = asSpectaError(error);
      unreadable.push({ file: ground.file, code, message });
      return null;
    });
    if (read) draw((own) => read.cut(own), ground.group, ground.file, rounds);
  }
  return {
    samples: rendered,
    unreadable,
    leftOut: { ...grounds.leftOut, ...(faint > 0 && { 'rendered pictures: too faint': faint }) },
  };
}

function visiblePicture(
  cut: (random: Random) => Canvas,
  defects: ReadonlySet<DefectClass>,
  random: Random,
): ReturnType<typeof renderPicture> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const picture = renderPicture(cut(random), defects, random);
    if (picture) return picture;
  }
  return null;
}

interface Job {
  /** null: a drawn one. */
  readonly ground: GroundFile | null;
  /** How many pictures on it. */
  readonly rounds: number;
}

function planOf(count: number, grounds: Grounds, random: Random): Job[] {
  const textures = grounds.textures.length > 0 ? SHARES.textures : 0;
  const intact = grounds.intact.length > 0 ? SHARES.intact : 0;
  const all = textures + intact + SHARES.drawn;
  const onTextures = Math.round((count * textures) / all);
  const onIntact = Math.round((count * intact) / all);
  const spread = (files: readonly GroundFile[], pictures: number): Job[] =>
    random.shuffled(files).flatMap((ground, index) => {
      const rounds =
        Math.floor(((index + 1) * pictures) / files.length) - Math.floor((index * pictures) / files.length);
      return rounds > 0 ? [{ ground, rounds }] : [];
    });
  const drawn = Array.from({ length: count - onTextures - onIntact }, () => ({ ground: null, rounds: 1 }));
  return random.shuffled([
    ...spread(grounds.textures, onTextures),
    ...spread(grounds.intact, onIntact),
    ...drawn,
  ]);
}
