import { constants } from 'node:fs';
import { type FileHandle, open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { SpectaError, systemCode } from '../platform/errors.ts';

const EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff']);

/** One image of a replay. */
export interface ReplayImage {
  /** As the folder or the list names it. */
  readonly name: string;
  readonly path: string;
}

/** The bytes of an image, or why there are none. */
export type ReadImage =
  | { readonly kind: 'image'; readonly format: 'jpeg' | 'encoded'; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'dropped'; readonly reason: 'corrupt' | 'oversized'; readonly why: string };

/**
 * The images of a folder (by extension, in natural order: 2 before 10; hidden files and subfolders left out), of a list
 * file (one path a line, relative to the list; blank lines and lines with # left out), or one image file.
 * Throws `FOLDER_UNREADABLE` or `FOLDER_EMPTY`.
 */
export async function listImages(path: string): Promise<readonly ReplayImage[]> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    const images = isFolder ? await imagesOfFolder(path) : await imagesOfFile(path);
    if (images.length > 0) return images;
  } catch (error) {
    throw new SpectaError(
      'FOLDER_UNREADABLE',
      `The images at "${path}" cannot be read: ${systemCode(error) ?? String(error)}.`,
      'Check that the folder or list exists and that this user may read it.',
      error,
    );
  }
  throw new SpectaError(
    'FOLDER_EMPTY',
    `"${path}" holds no images.`,
    `Put images there (${[...EXTENSIONS].join(', ')}), or name another folder.`,
  );
}

async function imagesOfFolder(folder: string): Promise<ReplayImage[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const { compare } = new Intl.Collator('en', { numeric: true });
  return entries
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.') && isImageName(entry.name))
    .map((entry) => entry.name)
    .sort((a, b) => compare(a, b) || (a < b ? -1 : 1))
    .map((name) => ({ name, path: join(folder, name) }));
}

async function imagesOfFile(file: string): Promise<ReplayImage[]> {
  if (isImageName(file)) return [{ name: basename(file), path: file }];
  const lines = (await readFile(file, 'utf8')).split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((name) => ({ name, path: resolve(dirname(file), name) }));
}

function isImageName(name: string): boolean {
  return EXTENSIONS.has(extname(name).toLowerCase());
}

/** Reads one image; what is wrong with it is told, never thrown. An oversized one is not brought into memory. */
export async function readImage(path: string, maxBytes: number): Promise<ReadImage> {
  try {
    // A pipe without a writer would hold one that waits for ever.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const info = await file.stat();
    if (!info.isFile()) return { kind: 'dropped', reason: 'corrupt', why: 'it is no regular file' };
    if (info.size > maxBytes) {
      return { kind: 'dropped', reason: 'oversized', why: `${info.size} bytes, ${maxBytes} are allowed` };
    }
    const data = await readAll(file, info.size);
    if (data.length === 0) return { kind: 'dropped', reason: 'corrupt', why: 'it is empty' };
    const format = formatOf(data);
    if (format === null)
      return { kind: 'dropped', reason: 'corrupt', why: 'it is no JPEG, PNG, WebP or TIFF' };
    return { kind: 'image', format, data };
  } catch (error) {
    return { kind: 'dropped', reason: 'corrupt', why: systemCode(error) ?? String(error) };
  }
}

/** The first `size` bytes, or fewer where the file has become shorter, in a buffer of their own, as a frame's must be. */
async function readAll(file: FileHandle, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const data = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await file.read(data, at, size - at);
    if (bytesRead === 0) return data.slice(0, at);
    at += bytesRead;
  }
  return data;
}

/** By the first bytes: the extension only says what somebody hoped for. */
function formatOf(data: Uint8Array): 'jpeg' | 'encoded' | null {
  const head = Buffer.from(data.subarray(0, 12)).toString('latin1');
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'encoded';
  if (head.startsWith('RIFF') && head.endsWith('WEBP')) return 'encoded';
  if (/^(II[*+]\0|MM\0[*+])/.test(head)) return 'encoded';
  return null;
}
