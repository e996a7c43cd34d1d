/** What kind of picture file some bytes are, as far as frames tell them apart; null for anything else. */
export type StillFormat = 'jpeg' | 'encoded';

function startsWith(bytes: Uint8Array, signature: readonly number[], at = 0): boolean {
  return (
    bytes.length >= at + signature.length && signature.every((value, index) => bytes[at + index] === value)
  );
}

function ascii(text: string): number[] {
  return Array.from(text, (letter) => letter.charCodeAt(0));
}

const JPEG = [0xff, 0xd8, 0xff];
const PNG = [0x89, ...ascii('PNG'), 0x0d, 0x0a, 0x1a, 0x0a];
const TIFF = [
  [0x49, 0x49, 0x2a, 0x00],
  [0x4d, 0x4d, 0x00, 0x2a],
];

/**
 * Tells a picture file by its first bytes, never by its name: JPEG, or one of PNG, WebP, TIFF, GIF and AVIF
 * (`encoded`). null: no picture that SPECTA reads.
 */
export function stillFormatOf(bytes: Uint8Array): StillFormat | null {
  if (startsWith(bytes, JPEG)) return 'jpeg';
  if (startsWith(bytes, PNG)) return 'encoded';
  if (startsWith(bytes, ascii('RIFF')) && startsWith(bytes, ascii('WEBP'), 8)) return 'encoded';
  if (TIFF.some((signature) => startsWith(bytes, signature))) return 'encoded';
  if (startsWith(bytes, ascii('GIF87a')) || startsWith(bytes, ascii('GIF89a'))) return 'encoded';
  if (startsWith(bytes, ascii('ftypavif'), 4)) return 'encoded';
  return null;
}

/**
 * Whether a file other than JPEG carries its own end mark or is as long as it says; null where its format does not
 * tell (TIFF, AVIF, a GIF with bytes behind its end).
 */
export function hasEncodedEnd(bytes: Uint8Array): boolean | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (startsWith(bytes, PNG)) {
    // Chunks: length, type, data, checksum; IEND is the last.
    for (let at = PNG.length; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
      if (startsWith(bytes, ascii('IEND'), at + 4)) return true;
    }
    return false;
  }
  if (startsWith(bytes, ascii('RIFF'))) {
    return bytes.length >= 8 && bytes.length >= view.getUint32(4, true) + 8;
  }
  if (startsWith(bytes, ascii('GIF'))) return bytes[bytes.length - 1] === 0x3b ? true : null;
  return null;
}
