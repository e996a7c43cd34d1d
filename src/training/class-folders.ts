import { basename, join, relative, resolve, sep } from 'node:path';
import type { DefectClass } from '../domain/verdict.ts';
import { asSpectaError, SpectaError } from '../platform/errors.ts';
import type { Channels } from '../vision/chroma.ts';
import type { GroupList, ListedPicture, PixelBox } from './group-list.ts';
import { JoinedGroups } from './joined-groups.ts';
import { contentOf, namedOtherwise, readPictureFile } from './picture-files.ts';
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

/** The source of files whose names begin with none. */
const UNNAMED = 'unnamed';

/** The collection a file comes from: its name up to the first underscore; `unnamed` where it has none. */
export function sourceOf(file: string): string {
  const name = basename(file);
  return name.slice(0, Math.max(0, name.indexOf('_'))) || UNNAMED;
}

/** A picture to be read, and what is known of it before. */
type Labelled = Pick<Sample, 'file' | 'name' | 'group' | 'source' | 'defects'> &
  Partial<Pick<ListedPicture, 'boxes' | 'effectiveSide'>>;

/**
 * Reads a folder that has one subfolder for each class (`corrosion`, `crack`, `intact`, in any case of letters).
 * Pictures that cannot be read, those that the group list has below the folder and that are not there, and whatever
 * else stands there are in the result's account. Reading is in the order of names, so it is repeatable.
 * Throws `FOLDER_UNREADABLE`, `FOLDER_EMPTY`, and `DATA_INVALID` for unknown subfolders and for pictures that the group
 * list does not name or puts into another class than their folder.
 */
export async function readClassFolders(folder: string, options: ClassFolderOptions): Promise<DataSet> {
  const root = resolve(folder);
  const { files, leftOut } = await listPictures(root);
  const { groups } = options;
  const unlisted: string[] = [];
  const misfiled: string[] = [];
  const labelled = files.flatMap(({ file, defects }): Labelled[] => {
    const name = relative(root, file).split(sep).join('/');
    const common = { file, defects, source: sourceOf(file) };
    if (!groups) return [{ ...common, name, group: name }];
    const listed = groups.find(file);
    if (!listed) {
      unlisted.push(file);
      return [];
    }
    // A folder names one class; the list may say that there is corrosion around a crack.
    const [inFolder] = defects;
    const fits =
      !listed.defects || (inFolder === undefined ? listed.defects.size === 0 : listed.defects.has(inFolder));
    if (!fits) misfiled.push(`${file} (${[...(listed.defects ?? [])].join('+') || 'intact'})`);
    return [{ ...common, ...listed }];
  });
  const faults = [
    ...(unlisted.length > 0
      ? [`${unlisted.length} pictures are not in the list of groups: ${someOf(unlisted)}`]
      : []),
    ...(misfiled.length > 0
      ? [
          `${misfiled.length} pictures lie in another class than the list says (in brackets): ${someOf(misfiled)}`,
        ]
      : []),
  ];
  if (faults.length > 0) {
    throw new SpectaError(
      'DATA_INVALID',
      faults.join('; '),
      'Correct the list, so that every picture has its class and the photo that it was cut from, or move the pictures.',
    );
  }
  const here = new Set(files.map(({ file }) => file));
  const { wanted = () => true } = options;
  const missing = (groups?.pictures ?? []).filter(
    ({ file }) => file.startsWith(root + sep) && !here.has(file) && wanted(sourceOf(file)),
  );
  const read = await readLabelled(labelled, options);
  return {
    ...read,
    leftOut: { ...leftOut, ...read.leftOut },
    unreadable: [...read.unreadable, ...missing.map(notThere)],
  };
}

function notThere({ file }: ListedPicture): Unreadable {
  return { file, code: 'IMAGE_UNREADABLE', message: 'the list names it, and it is in no class folder' };
}

const MOST_NAMED = 20;

function someOf(names: readonly string[]): string {
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  return names.slice(0, MOST_NAMED).join(', ') + more;
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
  const joined = new JoinedGroups();
  for (const { source, group } of labelled) if (options.together.includes(source)) joined.join(source, group);
  for (const [index, picture] of labelled.entries()) {
    options.signal?.throwIfAborted();
    const { file, name, source, defects, boxes = [], effectiveSide } = picture;
    if (options.wanted && !options.wanted(source)) {
      const reason = `pictures of ${source}, as asked`;
      leftOut[reason] = (leftOut[reason] ?? 0) + 1;
      continue;
    }
    try {
      const { side, luma, chroma } = await reader.read(await readPictureFile(file));
      samples.push({
        file,
        name,
        group: joined.nameOf(picture.group),
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
  return { samples, unreadable, leftOut, joinedGroups: joined.names() };
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

interface FolderPictures {
  readonly files: readonly { readonly file: string; readonly defects: ReadonlySet<DefectClass> }[];
  /** What stands in the folders and was passed over, by reason. */
  readonly leftOut: Readonly<Record<string, number>>;
}

async function listPictures(folder: string): Promise<FolderPictures> {
  const help = 'Name the folder that holds one subfolder for each class with --data.';
  const files: { file: string; defects: ReadonlySet<DefectClass> }[] = [];
  const leftOut: Record<string, number> = {};
  const leave = (reason: string): void => {
    leftOut[reason] = (leftOut[reason] ?? 0) + 1;
  };
  const top = await contentOf(folder, help);
  for (const _ of top.pictures) leave('pictures beside the class folders');
  const classes = top.folders.map((name) => {
    return { name, className: CLASS_ORDER.find((each) => each === name.toLowerCase()) };
  });
  const unknown = classes.filter(({ className }) => className === undefined);
  if (unknown.length > 0) {
    throw new SpectaError(
      'DATA_INVALID',
      `${unknown.map(({ name }) => join(folder, name)).join(', ')} is not a class`,
      `Name the subfolders ${CLASS_ORDER.join(', ')}.`,
    );
  }
  for (const { name, className } of classes) {
    const defects = new Set(className === undefined || className === 'intact' ? [] : [className]);
    const { pictures, folders, others } = await contentOf(
      join(folder, name),
      'Give the user that runs SPECTA the right to read it.',
    );
    for (const picture of pictures) files.push({ file: join(folder, name, picture), defects });
    for (const inner of folders) leave(`folders within a class (${name}/${inner}): they are not looked into`);
    for (const other of others) leave(namedOtherwise(other));
  }
  if (files.length === 0) {
    throw new SpectaError(
      'FOLDER_EMPTY',
      `${folder} has no pictures in class folders`,
      `Put pictures into subfolders called ${CLASS_ORDER.join(', ')}.`,
    );
  }
  return { files, leftOut };
}
