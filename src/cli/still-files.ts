import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SpectaError, systemCode } from '../platform/errors.ts';

/** File names taken for pictures when a folder is given; a file that is named itself is tried whatever its name. */
const PICTURE_NAME = /\.(jpe?g|png|webp|tiff?|avif|gif)$/i;

/** A file to judge, or a name that leads to none with its error. */
export type StillFile =
  | { readonly path: string; readonly error: null }
  | { readonly path: string; readonly error: SpectaError };

const HELP: Readonly<Record<string, string>> = {
  ENOENT: 'Check the name.',
  ENOTDIR: 'Check the name: a part of the path is a file.',
  EACCES: 'Give the user that runs SPECTA the right to read it.',
  ELOOP: 'Links lead in a circle: name the folder itself.',
};

function unreadable(path: string, error: unknown): SpectaError {
  const code = systemCode(error);
  const isPicture = PICTURE_NAME.test(path);
  const why = code === 'ENOENT' ? `there is no ${isPicture ? 'file' : 'file or folder'} of that name` : code;
  return new SpectaError(
    isPicture ? 'IMAGE_UNREADABLE' : 'FOLDER_UNREADABLE',
    `${path} cannot be read: ${why ?? String(error)}.`,
    HELP[code ?? ''] ?? 'Check the name and that this user may read it.',
    error,
  );
}

/** Everything in a folder and below it, hidden names left out, in natural order: 2 before 10. */
async function walk(folder: string): Promise<StillFile[]> {
  let entries: { name: string; isDirectory(): boolean }[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    return [{ path: folder, error: unreadable(folder, error) }];
  }
  const { compare } = new Intl.Collator('en', { numeric: true });
  const found: StillFile[] = [];
  for (const entry of entries.sort((a, b) => compare(a.name, b.name) || (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await walk(path)));
    else if (PICTURE_NAME.test(entry.name)) found.push({ path, error: null });
  }
  return found;
}

/**
 * The picture files behind files and folders, folders walked through. A name that cannot be looked at gives its error
 * in the list, so that the others still count: `IMAGE_UNREADABLE` where it looks like a picture's, else
 * `FOLDER_UNREADABLE`. A folder without pictures is `FOLDER_EMPTY`.
 */
export async function stillFiles(paths: readonly string[]): Promise<StillFile[]> {
  const found: StillFile[] = [];
  for (const path of paths) {
    try {
      if (!(await stat(path)).isDirectory()) {
        found.push({ path, error: null });
        continue;
      }
    } catch (error) {
      found.push({ path, error: unreadable(path, error) });
      continue;
    }
    const inside = await walk(path);
    if (inside.length > 0) found.push(...inside);
    else {
      const error = new SpectaError(
        'FOLDER_EMPTY',
        `${path} holds no picture.`,
        'Give a folder with JPEG, PNG, WebP, TIFF, GIF or AVIF files.',
      );
      found.push({ path, error });
    }
  }
  return found;
}
