import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import type { DefectClass } from '../domain/verdict.ts';
import { asSpectaError, SpectaError } from '../platform/errors.ts';
import type { Channels } from '../vision/chroma.ts';
import type { GroupList, ListedPicture, PixelBox } from './group-list.ts';
import { createPictureReader } from './picture-reader.ts';
import { CLASS_ORDER, type DataSet, type DefectBox, type Sample, type Unreadable } from './samples.ts';

export interface ReadingOptions {
  /** The network's input, pixels. */
  readonly size: { readonly width: number; readonly height: number };
  /** Whether colour is read too; `luma` where absent. */
  readonly channels?: Channels;
  /** Pictures of sources for which this says no are not even opened, and counted as left out. */
  readonly wanted?: (source: string) => boolean;
  readonly signal?: AbortSignal;
  /** Told after each picture. */
  readonly onPicture?: (done: number, all: number) => void;
}

export interface ClassFolderOptions extends ReadingOptions {
  /** Says which pictures belong together; without it each picture is its own group. */
  readonly groups?: GroupList;
  /** Sources of which it is not known what belongs together: each is one group. */
  readonly together: readonly string[];
}

const PICTURE = /\.(jpe?g|png|webp|tiff?|gif|avif)$/i;

/** The collection a file comes from: its name up to the first underscore. */
export function sourceOf(file: string): string {
  return basename(file).split('_')[0];
}

/** A picture to be read, and what is known of it before. */
type Labelled = Pick<Sample, 'file' | 'name' | 'group' | 'source' | 'defects'> &
  Partial<Pick<ListedPicture, 'boxes' | 'effectiveSide'>>;

/**
 * Reads a folder that has one subfolder for each class (`corrosion`, `crack`, `intact`, in any case of letters).
 * Pictures that cannot be read are listed in the result. Reading is in the order of names, so it is repeatable.
 * Throws `FOLDER_UNREADABLE`, `FOLDER_EMPTY`, and `DATA_INVALID` for unknown subfolders and for pictures that the group
 * list does not name or puts into another class than their folder.
 */
export async function readClassFolders(folder: string, options: ClassFolderOptions): Promise<DataSet> {
  const files = await listPictures(resolve(folder));
  const { groups } = options;
  const unlisted: string[] = [];
  const labelled = files.flatMap(({ file, defects }): Labelled[] => {
    const name = relative(resolve(folder), file).split(sep).join('/');
    const common = { file, defects, source: sourceOf(file) };
    if (!groups) return [{ ...common, name, group: name }];
    const listed = groups.find(file);
    if (!listed) {
      unlisted.push(file);
      return [];
    }
    if (listed.defects && [...listed.defects].sort().join() !== [...defects].join()) {
      // A folder names one class; the list may say that there is corrosion around a crack.
      if (!listed.defects.has([...defects][0])) throw misfiled(listed, file);
    }
    return [{ ...common, ...listed }];
  });
  if (unlisted.length > 0) {
    throw new SpectaError(
      'DATA_INVALID',
      `${unlisted.length} pictures are not in the list of groups, e.g. ${unlisted.slice(0, 3).join(', ')}`,
      'Add them to the list with the photo each was cut from, so that no photo is on both sides of the split.',
    );
  }
  return readLabelled(labelled, options);
}

/** Reads the pictures that a list with the columns `file`, `group` and `class` names, wherever they lie. */
export async function readListedPictures(list: GroupList, options: ClassFolderOptions): Promise<DataSet> {
  const labelled = list.pictures.map((listed): Labelled => {
    const { defects } = listed;
    if (!defects) {
      throw new SpectaError(
        'DATA_INVALID',
        `the list does not say what is to be seen in ${listed.name}`,
        'Give it a column class, or name a folder with one subfolder for each class with --data.',
      );
    }
    return { ...listed, defects, source: sourceOf(listed.file) };
  });
  return readLabelled(labelled, options);
}

async function readLabelled(labelled: readonly Labelled[], options: ClassFolderOptions): Promise<DataSet> {
  const reader = createPictureReader(options.size, options.channels);
  const samples: Sample[] = [];
  const unreadable: Unreadable[] = [];
  const leftOut: Record<string, number> = {};
  for (const [index, picture] of labelled.entries()) {
    options.signal?.throwIfAborted();
    const { file, name, source, defects, boxes = [], effectiveSide } = picture;
    if (options.wanted && !options.wanted(source)) {
      const reason = `pictures of ${source}, as asked`;
      leftOut[reason] = (leftOut[reason] ?? 0) + 1;
      continue;
    }
    try {
      const { side, luma, chroma } = await reader.read(await readFile(file));
      samples.push({
        file,
        name,
        group: options.together.includes(source) ? source : picture.group,
        source,
        kind: 'still',
        defects,
        luma,
        ...(chroma && { chroma }),
        ...(boxes.length > 0 && { boxes: boxes.map((box) => shareOf(box, side)) }),
        effectiveSide: effectiveSide ?? Math.min(side.width, side.height),
      });
    } catch (error) {
      const { code, message } = asSpectaError(error);
      unreadable.push({ file, code, message });
    }
    options.onPicture?.(index + 1, labelled.length);
  }
  return { samples, unreadable, leftOut };
}

/** A box in pixels as shares of the picture's sides. */
export function shareOf(box: PixelBox, side: { readonly width: number; readonly height: number }): DefectBox {
  return {
    defect: box.defect,
    left: box.left / side.width,
    top: box.top / side.height,
    width: box.width / side.width,
    height: box.height / side.height,
  };
}

function misfiled(listed: ListedPicture, file: string): SpectaError {
  const said = [...(listed.defects ?? [])].join('+') || 'intact';
  return new SpectaError(
    'DATA_INVALID',
    `${file} lies in another class than ${said}, which the list says`,
    'Move the picture, or correct the list.',
  );
}

async function listPictures(folder: string): Promise<{ file: string; defects: ReadonlySet<DefectClass> }[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new SpectaError(
      'FOLDER_UNREADABLE',
      `the folder ${folder} cannot be read`,
      'Name the folder that holds one subfolder for each class with --data.',
      error,
    );
  });
  const files: { file: string; defects: ReadonlySet<DefectClass> }[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!entry.isDirectory()) continue;
    const className = CLASS_ORDER.find((name) => name === entry.name.toLowerCase());
    if (!className) {
      throw new SpectaError(
        'DATA_INVALID',
        `${join(folder, entry.name)} is not a class`,
        `Name the subfolders ${CLASS_ORDER.join(', ')}.`,
      );
    }
    const defects = new Set(className === 'intact' ? [] : [className]);
    const names = (await readdir(join(folder, entry.name))).filter((name) => PICTURE.test(name)).sort();
    for (const name of names) files.push({ file: join(folder, entry.name, name), defects });
  }
  if (files.length === 0) {
    throw new SpectaError(
      'FOLDER_EMPTY',
      `${folder} has no pictures in class folders`,
      `Put pictures into subfolders called ${CLASS_ORDER.join(', ')}.`,
    );
  }
  return files;
}
