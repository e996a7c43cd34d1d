import type { ReadableFile } from '../platform/files.ts';
import {
  type ArchiveEntry,
  archiveInvalid,
  BLOCK_BYTES,
  END_BYTES,
  expectHeader,
  paddedBytes,
} from './archive-header.ts';
import type { Deadline } from './deadline.ts';

/** At most so much of a bundle is in memory at once, its manifest apart. */
const CHUNK_BYTES = 128 * 1024;

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/**
 * Reads an archive from its beginning to its end, once, asking at each place for what must stand there. Throws
 * `BUNDLE_ARCHIVE_INVALID` for anything else, and the deadline's error.
 */
export class ArchiveReader {
  private readonly file: ReadableFile;
  private readonly deadline: Deadline;
  private readonly chunk = new Uint8Array(CHUNK_BYTES);
  private done = 0;

  constructor(file: ReadableFile, deadline: Deadline) {
    this.file = file;
    this.deadline = deadline;
  }

  /** Bytes of the archive as the file system says. */
  get bytes(): number {
    return this.file.bytes;
  }

  /** Bytes read so far. */
  get bytesRead(): number {
    return this.done;
  }

  /** The next header, whatever it is. */
  async header(): Promise<Uint8Array<ArrayBuffer>> {
    const header = new Uint8Array(BLOCK_BYTES);
    await this.fill(header);
    return header;
  }

  /** The next header, which must be this entry's. */
  async expect(entry: ArchiveEntry): Promise<void> {
    expectHeader(await this.header(), entry);
  }

  /** A file's whole content; only for sizes that were looked at before. */
  async content(bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const content = new Uint8Array(bytes);
    await this.fill(content);
    await this.padding(bytes);
    return content;
  }

  /** A file's content in pieces, each good until the next is asked for. */
  async *pieces(bytes: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let left = bytes; left > 0; ) {
      const piece = this.chunk.subarray(0, Math.min(left, CHUNK_BYTES));
      await this.fill(piece);
      left -= piece.byteLength;
      yield piece;
    }
    await this.padding(bytes);
  }

  /** The end: two zero blocks and nothing behind them. */
  async end(): Promise<void> {
    const end = new Uint8Array(END_BYTES);
    await this.fill(end);
    if (!isZero(end)) throw archiveInvalid('goes on where it must end');
    if ((await this.deadline.within(this.file.read(new Uint8Array(1)))) > 0)
      throw archiveInvalid('has bytes behind its end');
  }

  private async padding(bytes: number): Promise<void> {
    const rest = new Uint8Array(paddedBytes(bytes) - bytes);
    await this.fill(rest);
    if (!isZero(rest)) throw archiveInvalid('hides bytes behind a file');
  }

  private async fill(into: Uint8Array): Promise<void> {
    for (let filled = 0; filled < into.byteLength; ) {
      const got = await this.deadline.within(this.file.read(into.subarray(filled)));
      if (got === 0) throw archiveInvalid(`ends after ${this.done} bytes, in the middle of a file`);
      filled += got;
      this.done += got;
    }
  }
}
