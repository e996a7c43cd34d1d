import type { Paint } from './terminal.ts';

/** From dark to bright. */
const SHADES = ' .:-=+*#%@';
/** A character of a terminal is about twice as high as it is wide. */
const CHARACTER_RATIO = 2;

/**
 * A picture in characters, so that a person on deck sees whether the camera sees the deck.
 * Rejects with sharp's error for bytes that are no picture.
 *
 * @param columns of the terminal to use
 * @param mostRows however high the picture is
 */
export async function smallPicture(
  image: Uint8Array,
  columns: number,
  mostRows: number,
  { dim }: Paint,
): Promise<string[]> {
  const { default: sharp } = await import('sharp');
  const { width = columns, height = columns } = await sharp(image).metadata();
  const scale = Math.min(columns / width, (mostRows * CHARACTER_RATIO) / height);
  const size = {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round((height * scale) / CHARACTER_RATIO)),
  };
  const luma = await sharp(image)
    .greyscale()
    .resize(size.width, size.height, { fit: 'fill' })

    .raw()
    .toBuffer();
  const channels = luma.length / (size.width * size.height);
  return Array.from({ length: size.height }, (_, y) => {
    const row = Array.from({ length: size.width }, (_unused, x) => {
      const value = luma[(y * size.width + x) * channels] ?? 0;
      return SHADES[Math.min(SHADES.length - 1, Math.floor((value / 256) * SHADES.length))];
    });
    return `  ${dim(row.join(''))}`;
  });
}
