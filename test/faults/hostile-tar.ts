import { archiveHeader, BLOCK_BYTES, END_BYTES, paddedBytes } from '../../src/model/archive-header.ts';
import type { Part } from '../fixtures/small-bundle.ts';

/** What an attacker writes into a header; text is latin1, what is left out is as it should be. */
export interface Forged {
  readonly name?: string | Uint8Array;
  readonly size?: string | Uint8Array;
  readonly type?: string;
  readonly link?: string;
  readonly mode?: string;
  readonly owner?: string;
  readonly time?: string;
  readonly magic?: string;
  readonly device?: string;
  readonly prefix?: string;
  readonly tail?: string;
  /** The sum is left wrong. */
  readonly wrongSum?: boolean;
}

const FIELDS = {
  name: [0, 100],
  mode: [100, 8],
  owner: [108, 8],
  size: [124, 12],
  time: [136, 12],
  type: [156, 1],
  link: [157, 100],
  magic: [257, 8],
  device: [329, 8],
  prefix: [345, 155],
  tail: [500, 12],
} as const;

/** The header of a file with some fields forged and its sum made right. */
export function forgedHeader(path: string, bytes: number, forged: Forged): Uint8Array {
  const header = Buffer.from(archiveHeader({ path, bytes }));
  for (const [field, [from, length]] of Object.entries(FIELDS)) {
    const value = forged[field as keyof typeof FIELDS];
    if (value === undefined) continue;
    header.fill(0, from, from + length);
    Buffer.from(value as Uint8Array).copy(header, from, 0, length);
    if (typeof value === 'string') header.write(value.slice(0, length), from, 'latin1');
  }
  if (forged.wrongSum) return header;
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** A file with padding, behind a header as it is given. */
export function entry(header: Uint8Array, content: Uint8Array): Uint8Array {
  const padded = new Uint8Array(BLOCK_BYTES + paddedBytes(content.byteLength));
  padded.set(header);
  padded.set(content, BLOCK_BYTES);
  return padded;
}

export const plain = ({ path, bytes }: Part): Uint8Array =>
  entry(archiveHeader({ path, bytes: bytes.byteLength }), bytes);

/** Pieces of an archive one behind the other. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

/** Entries of an archive, closed as a tar is. */
export function closed(entries: readonly Uint8Array[]): Uint8Array {
  return joined([...entries, new Uint8Array(END_BYTES)]);
}
