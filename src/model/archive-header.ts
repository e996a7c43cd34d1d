import { SpectaError } from '../platform/errors.ts';

/** A `.spectamodel` consists of blocks of this many bytes, as every tar. */
export const BLOCK_BYTES = 512;
/** Two zero blocks end it, and nothing comes behind them. */
export const END_BYTES = 2 * BLOCK_BYTES;

const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
/** What eleven octal digits can say. */
const MOST_FILE_BYTES = 8 ** 11 - 1;

/** One file of an archive as its header names it. */
export interface ArchiveEntry {
  readonly path: string;
  readonly bytes: number;
}

/** A refusal of the archive itself: its structure, not what it holds. */
export function archiveInvalid(what: string): SpectaError {
  return new SpectaError(
    'BUNDLE_ARCHIVE_INVALID',
    `The archive ${what}.`,
    'Get the file again from where it was made; `specta model pack` writes what is read here, other tools may not.',
  );
}

/** The content of a file with the zeros that fill its last block. */
export function paddedBytes(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** The exact size of an archive of these entries. */
export function archiveBytes(entries: readonly ArchiveEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + BLOCK_BYTES + paddedBytes(bytes), END_BYTES);
}

/** ustar's two fields for a path: the name alone, or cut at the last slash that lets both parts fit; null: too long. */
function fieldsOf(path: string): { readonly name: string; readonly prefix: string } | null {
  if (path.length <= NAME_BYTES) return { name: path, prefix: '' };
  for (let cut = path.lastIndexOf('/'); cut > 0; cut = path.lastIndexOf('/', cut - 1)) {
    const [prefix, name] = [path.slice(0, cut), path.slice(cut + 1)];
    if (name.length > NAME_BYTES) return null;
    if (prefix.length <= PREFIX_BYTES) return { name, prefix };
  }
  return null;
}

/**
 * The one header that a file of this path (plain ASCII) and size has here: POSIX.1-1988 ustar, mode 0644, owner and
 * time 0, so that equal bundles give equal bytes. Throws `BUNDLE_ARCHIVE_INVALID` for what ustar cannot say.
 */
export function archiveHeader({ path, bytes }: ArchiveEntry): Uint8Array<ArrayBuffer> {
  const fields = fieldsOf(path);
  if (fields === null) throw archiveInvalid(`cannot hold ${path}: its parts are too long for a tar's header`);
  if (bytes > MOST_FILE_BYTES)
    throw archiveInvalid(`cannot hold ${path}: ${bytes} bytes are too many for a tar`);
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0');
  header.write(fields.name, 0, 'latin1');
  header.write('0000644\0', 100, 'latin1');
  header.write('0000000\0', 108, 'latin1');
  header.write('0000000\0', 116, 'latin1');
  header.write(`${octal(bytes, 11)}\0`, 124, 'latin1');
  header.write('00000000000\0', 136, 'latin1');
  // While the sum is made, its own field counts as spaces.
  header.write('        ', 148, 'latin1');
  header.write('0', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  header.write('0000000\0', 329, 'latin1');
  header.write('0000000\0', 337, 'latin1');
  header.write(fields.prefix, 345, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
  return new Uint8Array(header);
}

const KINDS: Readonly<Record<string, string>> = {
  '1': 'a hard link',
  '2': 'a symbolic link',
  '3': 'a character device',
  '4': 'a block device',
  '5': 'a folder',
  '6': 'a FIFO',
  '7': 'a contiguous file',
  x: 'a pax header',
  g: 'a global pax header',
  L: 'a GNU long name',
  K: 'a GNU long link',
  S: 'a GNU sparse file',
  M: 'a GNU continuation',
  V: 'a volume label',
};

function text(header: Uint8Array, from: number, length: number): string {
  const field = Buffer.from(header.subarray(from, from + length)).toString('latin1');
  return field.split('\0', 1)[0];
}

/** For people: what is wrong with a block that is not the header that was due. The decision is made already. */
function faultOf(header: Uint8Array, due: ArchiveEntry): string {
  if (header.every((byte) => byte === 0)) return `ends before ${due.path}`;
  if (text(header, 257, 5) !== 'ustar') return `is no tar at ${due.path}`;
  const name = [text(header, 345, PREFIX_BYTES), text(header, 0, NAME_BYTES)].filter(Boolean).join('/');
  const shown = JSON.stringify(name);
  const kind = KINDS[text(header, 156, 1)];
  if (kind !== undefined) return `holds ${kind}, ${shown}: only plain files may be in it`;
  if (name !== due.path) return `holds ${shown} where ${due.path} is due`;
  const size = text(header, 124, 12);
  if (size !== due.bytes.toString(8).padStart(11, '0'))
    return `says another size (${JSON.stringify(size)}) of ${due.path} than ${due.bytes} bytes`;
  return `has a header of ${due.path} that is not as SPECTA writes it`;
}

/**
 * Compares a header with the only one that may stand there. There is nothing to interpret, and so nothing that two
 * readers could understand in two ways. Throws `BUNDLE_ARCHIVE_INVALID`.
 */
export function expectHeader(header: Uint8Array, due: ArchiveEntry): void {
  if (Buffer.compare(header, archiveHeader(due)) !== 0) throw archiveInvalid(faultOf(header, due));
}

/** The size that a header claims, when everything else of it is as it must be for this path. Throws as above. */
export function sizeIn(header: Uint8Array, path: string): number {
  const field = text(header, 124, 12);
  const bytes = /^[0-7]{11}$/.test(field) ? Number.parseInt(field, 8) : 0;
  expectHeader(header, { path, bytes });
  return bytes;
}

/** Whether a header is the one that a file of this path and size has. */
export function isHeaderOf(header: Uint8Array, entry: ArchiveEntry): boolean {
  return Buffer.compare(header, archiveHeader(entry)) === 0;
}
