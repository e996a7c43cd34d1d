import sharp from 'sharp';
import type { LumaImage } from '../vision/luma.ts';

/** A picture as a PNG file; sides in pixels. */
export interface ShownPicture {
  readonly width: number;
  readonly height: number;
  readonly png: Uint8Array;
}

const CELL = 96;
const MARGIN = 84;

/** Draws a confusion matrix: rows are the true classes, darker is a larger share of the row. */
export async function confusionPicture(
  names: readonly string[],
  counts: readonly (readonly number[])[],
): Promise<ShownPicture> {
  const side = MARGIN + CELL * names.length + 12;
  const cells = counts.flatMap((row, y) => {
    const all = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, x) => {
      const share = all > 0 ? count / all : 0;
      const [left, top] = [MARGIN + x * CELL, MARGIN + y * CELL];
      const grey = Math.round(255 - 200 * share);
      const ink = share > 0.5 ? 'white' : 'black';
      return `<rect x="${left}" y="${top}" width="${CELL - 2}" height="${CELL - 2}" fill="rgb(${grey},${grey},255)"/>
<text x="${left + CELL / 2}" y="${top + CELL / 2 + 6}" text-anchor="middle" fill="${ink}">${count}</text>`;
    });
  });
  const labels = names.map((name, index) => {
    const middle = MARGIN + index * CELL + CELL / 2;
    return `<text x="${MARGIN - 8}" y="${middle + 5}" text-anchor="end">${name}</text>
<text x="${middle}" y="${MARGIN - 10}" text-anchor="middle">${name}</text>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${side}" height="${side}" font-family="sans-serif" font-size="15">
<rect width="100%" height="100%" fill="white"/><text x="8" y="20">true: rows, said: columns</text>
${[...cells, ...labels].join('\n')}</svg>`;
  const png = await sharp(Buffer.from(svg)).removeAlpha().png().toBuffer();
  return { width: side, height: side, png };
}

const SHEET_COLUMNS = 4;
const SHEET_SIDE = 112;

/** Pictures side by side in rows, each made small; grey. */
export async function pictureSheet(pictures: readonly LumaImage[]): Promise<ShownPicture> {
  const width = SHEET_COLUMNS * SHEET_SIDE;
  const height = Math.max(1, Math.ceil(pictures.length / SHEET_COLUMNS)) * SHEET_SIDE;
  const tiles = await Promise.all(
    pictures.map(async (picture, index) => ({
      input: await sharp(Buffer.from(picture.data), {
        raw: { width: picture.width, height: picture.height, channels: 1 },
      })
        .resize(SHEET_SIDE - 4, SHEET_SIDE - 4, { fit: 'fill' })
        .png()
        .toBuffer(),
      left: (index % SHEET_COLUMNS) * SHEET_SIDE,
      top: Math.floor(index / SHEET_COLUMNS) * SHEET_SIDE,
    })),
  );
  const png = await sharp({ create: { width, height, channels: 3, background: 'white' } })
    .composite(tiles)
    .png()
    .toBuffer();
  return { width, height, png };
}
