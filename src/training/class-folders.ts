import { readdir, readFile } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import type { ClassName } from '../domain/verdict.ts';
import { asSpectaError, SpectaError } from '../platform/errors.ts';
import type { GroupList } from './group-list.ts';
import { createPictureReader } from './picture-reader.ts';
import { CLASS_ORDER, type DataSet, type Sample, type Unreadable } from './samples.ts';

export interface ClassFolderOptions {
  /** The network's input, pixels. */
  readonly size: { readonly width: number; readonly height: number };
  /** Says which pictures belong together; without it each picture is its own group. */
  readonly groups?: GroupList;
  /** Sources of which it is not known what belongs together: each is one group. */
  readonly together: readonly string[];
  readonly signal?: AbortSignal;
  /** Told after each picture. */
  readonly onPicture?: (done: number, all: number) => void;
}

const PICTURE = /\.(jpe?g|png|webp|tiff?|gif|avif)$/i;

/** The collection a file comes from: its name up to the first underscore. */
export function sourceOf(file: string): string {
  return basename(file).split('_')[0];
}

/**
 * Reads a folder that has one subfolder for each class (`corrosion`, `crack`, `intact`, in any case of letters).
 * Pictures that cannot be read are listed in the result. Reading is in the order of names, so it is repeatable.
 * Throws `FOLDER_UNREADABLE`, `FOLDER_EMPTY`, and `DATA_INVALID` for unknown subfolders, for a single class
 * and for pictures that the group list does not name.
 */
export async function readClassFolders(folder: string, options: ClassFolderOptions): Promise<DataSet> {
  const files = await listPictures(resolve(folder));
  const reader = createPictureReader(options.size);
  const samples: Sample[] = [];
  const unreadable: Unreadable[] = [];
  const unlisted: string[] = [];
  for (const [index, { file, className }] of files.entries()) {
    options.signal?.throwIfAborted();
    const source = sourceOf(file);
    const own = relative(resolve(folder), file).split(sep).join('/');
    const listed = options.groups ? options.groups.groupOf(file) : own;
    if (listed === undefined) {
      unlisted.push(file);
      continue;
    }
    try {
      const luma = await reader.read(await readFile(file));
      samples.push({
        file,
        name: options.groups?.nameOf(file) ?? own,
        group: options.together.includes(source) ? source : listed,
        source,
        kind: 'still',
        defects: new Set(className === 'intact' ? [] : [className]),
        luma,
      });
    } catch (error) {
      const { code, message } = asSpectaError(error);
      unreadable.push({ file, code, message });
    }
    options.onPicture?.(index + 1, files.length);
  }
  if (unlisted.length > 0) {
    throw new SpectaError(
      'DATA_INVALID',
      `${unlisted.length} pictures are not in the list of groups, e.g. ${unlisted.slice(0, 3).join(', ')}`,
      'Add them to the list with the photo each was cut from, so that no photo is on both sides of the split.',
    );
  }
  return { samples, unreadable, leftOut: {} };
}

async function listPictures(folder: string): Promise<{ file: string; className: ClassName }[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new SpectaError(
      'FOLDER_UNREADABLE',
      `the folder ${folder} cannot be read`,
      'Name the folder that holds one subfolder for each class with --data.',
      error,
    );
  });
  const files: { file: string; className: ClassName }[] = [];
  const seen = new Set<ClassName>();
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
    const names = (await readdir(join(folder, entry.name))).filter((name) => PICTURE.test(name)).sort();
    if (names.length > 0) seen.add(className);
    for (const name of names) files.push({ file: join(folder, entry.name, name), className });
  }
  if (files.length === 0) {
    throw new SpectaError(
      'FOLDER_EMPTY',
      `${folder} has no pictures in class folders`,
      `Put pictures into subfolders called ${CLASS_ORDER.join(', ')}.`,
    );
  }
  if (seen.size === 1) {
    throw new SpectaError(
      'DATA_INVALID',
      `${folder} holds pictures of one class only: ${[...seen].join()}`,
      'A network learns by telling classes apart: add pictures of another class.',
    );
  }
  return files;
}
