import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { SpectaError, systemCode } from '../platform/errors.ts';
import { nodeFiles } from '../platform/files.ts';

/** File names taken for pictures. */
const PICTURE = /\.(jpe?g|png|webp|tiff?|gif|avif)$/i;
/** Larger files are no picture that is worth its memory. */
const MOST_BYTES = 500_000_000;

/** What is in a folder; names in order, hidden ones left aside. */
export interface FolderContent {
  readonly folders: readonly string[];
  readonly pictures: readonly string[];
  /** Whatever is named otherwise. */
  readonly others: readonly string[];
}

/**
 * What a folder holds; links count as what they lead to. Throws `FOLDER_UNREADABLE`.
 * @param help what to do about a folder that cannot be read
 */
export async function contentOf(folder: string, help: string): Promise<FolderContent> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw new SpectaError(
      'FOLDER_UNREADABLE',
      `the folder ${folder} cannot be read (${systemCode(error) ?? error})`,
      help,
      error,
    );
  });
  const [folders, pictures, others]: string[][] = [[], [], []];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name } = entry;
    if (name.startsWith('.')) continue;
    const isFolder = entry.isSymbolicLink() ? await leadsToFolder(join(folder, name)) : entry.isDirectory();
    if (isFolder) folders.push(name);
    else if (PICTURE.test(name)) pictures.push(name);
    else others.push(name);
  }
  return { folders, pictures, others };
}

/** A link that leads nowhere is taken for a file: reading it tells why it cannot be read. */
async function leadsToFolder(link: string): Promise<boolean> {
  return stat(link).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}

/** Why a file was passed over by its name, as a reason to count by. */
export function namedOtherwise(name: string): string {
  return `no picture by its name (${extname(name).toLowerCase() || 'without an ending'})`;
}

/** The bytes of a picture file. Throws `IMAGE_UNREADABLE`, also for what is no plain file, and `IMAGE_TOO_LARGE`. */
export async function readPictureFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const unreadable = (why: string, cause?: unknown): SpectaError =>
    new SpectaError(
      'IMAGE_UNREADABLE',
      `${path} cannot be read: ${why}.`,
      'Check that it is there and that this user may read it.',
      cause,
    );
  try {
    const found = await nodeFiles.stat(path);
    if (found === null) throw unreadable('there is no such file');
    if (found.kind !== 'file') throw unreadable('it is no plain file');
    if (found.bytes > MOST_BYTES) {
      throw new SpectaError(
        'IMAGE_TOO_LARGE',
        `${path} has ${found.bytes} bytes; the limit is ${MOST_BYTES / 1e6} MB.`,
        'Give a smaller picture.',
      );
    }
    return await nodeFiles.readFile(path);
  } catch (error) {
    if (!(error instanceof SpectaError) || error.code.startsWith('IMAGE_')) throw error;
    throw unreadable(systemCode(error.cause) ?? error.message, error);
  }
}
