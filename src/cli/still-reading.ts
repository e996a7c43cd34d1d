import { readFile, stat } from 'node:fs/promises';
import type { Frame } from '../domain/frame.ts';
import { SpectaError, systemCode } from '../platform/errors.ts';

/** Larger files are no picture that is worth its memory. */
const MOST_BYTES = 500_000_000;

/** The bytes of a picture file. Throws `IMAGE_UNREADABLE`, `IMAGE_UNSUPPORTED`, `IMAGE_TOO_LARGE`. */
export async function readStill(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const facts = await stat(path);
    if (facts.isBlockDevice() || facts.isCharacterDevice() || facts.isSocket()) {
      throw new SpectaError('IMAGE_UNSUPPORTED', `${path} is a device or socket.`, 'Give a picture file.');
    }
    if (facts.size > MOST_BYTES) {
      throw new SpectaError(
        'IMAGE_TOO_LARGE',
        `${path} has ${facts.size} bytes; the limit is ${MOST_BYTES / 1e6} MB.`,
        'Give a smaller picture.',
      );
    }
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (error instanceof SpectaError) throw error;
    throw new SpectaError(
      'IMAGE_UNREADABLE',
      `${path} cannot be read: ${systemCode(error) ?? String(error)}.`,
      'Check the name and that this user may read it.',
      error,
    );
  }
}

/** A still as a frame; bytes that are no picture are given on as JPEG, whose decoder says what they are not. */
export function stillFrame(
  sequence: number,
  source: string,
  data: Uint8Array<ArrayBuffer>,
  format: 'jpeg' | 'encoded' | null,
): Frame {
  const capturedAt = { monoMs: performance.now(), utcMs: Date.now() };
  const nothing = { width: 0, height: 0, stride: 0 };
  return {
    ...nothing,
    sequence,
    capturedAt,
    format: format ?? 'jpeg',
    range: 'full',
    data,
    source,
  };
}
