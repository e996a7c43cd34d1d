import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { DEFECT_CLASSES, type DefectClass } from '../domain/verdict.ts';
import { asSpectaError, SpectaError } from '../platform/errors.ts';
import { type ReadingOptions, shareOf } from './class-folders.ts';
import { contentOf, readPictureFile } from './picture-files.ts';
import { createPictureReader } from './picture-reader.ts';
import type { DataSet, Sample, Unreadable } from './samples.ts';

/** What must be known of a defect in a frame to call the frame a sure example of it. */
export interface ClearlyVisible {
  /** Least share of the frame's pixels, 0..1, by defect. */
  readonly areaShare: Readonly<Record<DefectClass, number>>;
  /** Least difference of luma to the sound surface, 0..1. */
  readonly contrast: number;
}

export const CLEARLY_VISIBLE: ClearlyVisible = {
  areaShare: { corrosion: 0.006, crack: 0.0025 },
  contrast: 0.06,
};

/** The part of a line of `truth.jsonl` that training needs. */
const TruthLine = z.object({
  file: z.string().min(1),
  visible: z.array(
    z.object({
      id: z.string(),
      defect: z.enum(DEFECT_CLASSES),
      areaShare: z.number(),
      contrast: z.number(),
      /** Left, top, width, height, pixels. */
      box: z.tuple([z.number(), z.number(), z.number(), z.number()]).optional(),
    }),
  ),
  faint: z.array(z.string()),
  blind: z.string().nullable(),
});

type TruthLine = z.infer<typeof TruthLine>;

export interface FootageOptions extends Omit<ReadingOptions, 'wanted'> {
  readonly visible?: ClearlyVisible;
}

/**
 * Reads rendered runs: `folder` holds `truth.jsonl` beside its frames, or one subfolder for each such run.
 * A frame shows the defects that are clearly visible in it; frames with a defect that is neither clearly visible nor
 * absent are left out as `ambiguous`, blind ones as `blind`. Each run is one group.
 * Throws `FOLDER_UNREADABLE`, `FOLDER_EMPTY`, and `DATA_INVALID` for lines that do not fit.
 */
export async function readFootage(folder: string, options: FootageOptions): Promise<DataSet> {
  const visible = options.visible ?? CLEARLY_VISIBLE;
  const reader = createPictureReader(options.size, options.channels);
  const samples: Sample[] = [];
  const unreadable: Unreadable[] = [];
  const leftOut: Record<string, number> = {};
  const leave = (reason: string): void => {
    leftOut[reason] = (leftOut[reason] ?? 0) + 1;
  };
  const runs = await findRuns(resolve(folder));
  const frames = (await Promise.all(runs.map(readRun))).flat();
  for (const [index, { run, line, known }] of frames.entries()) {
    options.signal?.throwIfAborted();
    const defects = surelyVisible(line, known, visible);
    if (defects === 'blind' || defects === 'ambiguous') {
      leave(`footage frames: ${defects}`);
      continue;
    }
    const file = join(run, line.file);
    try {
      const { side, ...pixels } = await reader.read(await readPictureFile(file));
      const boxes = line.visible.flatMap(({ defect, box }) =>
        box && defects.has(defect)
          ? [shareOf({ defect, left: box[0], top: box[1], width: box[2], height: box[3] }, side)]
          : [],
      );
      samples.push({
        file,
        name: `${basename(run)}/${line.file}`,
        group: `footage:${basename(run)}`,
        source: 'footage',
        kind: 'frame',
        defects,
        ...pixels,
        ...(boxes.length > 0 && { boxes }),
        effectiveSide: Math.min(side.width, side.height),
      });
    } catch (error) {
      const { code, message } = asSpectaError(error);
      unreadable.push({ file, code, message });
    }
    options.onPicture?.(index + 1, frames.length);
  }
  return { samples, unreadable, leftOut };
}

interface RunFrame {
  readonly run: string;
  readonly line: TruthLine;
  /** Kind of each defect of the run that is listed anywhere in it. */
  readonly known: ReadonlyMap<string, DefectClass>;
}

const HELP = 'Name a folder of rendered runs with --footage.';
const TRUTH = 'truth.jsonl';

async function findRuns(folder: string): Promise<string[]> {
  const content = await contentOf(folder, HELP);
  if (content.others.includes(TRUTH)) return [folder];
  const runs: string[] = [];
  for (const name of content.folders) {
    const run = join(folder, name);
    if ((await contentOf(run, HELP)).others.includes(TRUTH)) runs.push(run);
  }
  if (runs.length > 0) return runs;
  throw new SpectaError(
    'FOLDER_EMPTY',
    `no ${TRUTH} in ${folder} or right below it`,
    'Render runs with `npm run simulate` and name their folder.',
  );
}

async function readRun(run: string): Promise<RunFrame[]> {
  const path = join(run, TRUTH);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new SpectaError('FOLDER_UNREADABLE', `${path} cannot be read`, HELP, error);
  });
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length === 0) {
    throw new SpectaError('FOLDER_EMPTY', `${path} tells of no frame`, 'Render the run again.');
  }
  const parsed = lines.map((line, index) => {
    try {
      return TruthLine.parse(JSON.parse(line));
    } catch (error) {
      throw new SpectaError(
        'DATA_INVALID',
        `line ${index + 1} of ${path} is no frame's truth: ${error instanceof Error ? error.message : error}`,
        'Render the run again with this version of SPECTA.',
        error,
      );
    }
  });
  const known = new Map(
    parsed.flatMap(({ visible }) => visible.map(({ id, defect }) => [id, defect] as const)),
  );
  return parsed.map((line) => ({ run, line, known }));
}

/** The defects a person would see at once in the frame; or why that cannot be said. */
function surelyVisible(
  line: TruthLine,
  known: ReadonlyMap<string, DefectClass>,
  { areaShare, contrast }: ClearlyVisible,
): ReadonlySet<DefectClass> | 'blind' | 'ambiguous' {
  if (line.blind !== null) return 'blind';
  const clear = new Set<DefectClass>();
  const doubtful = new Set<DefectClass | 'unknown'>(line.faint.map((id) => known.get(id) ?? 'unknown'));
  for (const each of line.visible) {
    if (each.areaShare >= areaShare[each.defect] && each.contrast >= contrast) clear.add(each.defect);
    else doubtful.add(each.defect);
  }
  for (const defect of clear) doubtful.delete(defect);
  return doubtful.size > 0 ? 'ambiguous' : clear;
}
