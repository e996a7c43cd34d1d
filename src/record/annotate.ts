import type { Sharp } from 'sharp';
import type { HeatMap } from '../domain/finding.ts';
import type { Box } from '../domain/verdict.ts';
import { SpectaError } from '../platform/errors.ts';
import { drawMark } from './draw-mark.ts';
import { ADVANCE, LINE_HEIGHT, strokes, wrap } from './lettering.ts';
import { loadSharp } from './load-sharp.ts';

/** What is written on an annotated picture. */
export interface Caption {
  /** The label with its probability, as in "CRACK 97 %". */
  readonly title: string;
  /** Below it, one idea a line: advice, time, finding id. Long ones are wrapped. */
  readonly lines: readonly string[];
  /** Colour of the bar: red, amber, or grey for a picture without a defect. */
  readonly tone: 'crack' | 'corrosion' | 'neutral';
  /** Drawn over the picture; nothing where absent. */
  readonly mark?: Mark;
}

/** Where in the picture the defect is. */
export interface Mark {
  readonly box: Box | null;
  readonly map: HeatMap | null;
}

/** An annotated picture. */
export interface Annotated {
  readonly jpeg: Uint8Array<ArrayBuffer>;
  /** Size of the picture with its band, px. */
  readonly width: number;
  readonly height: number;
  /** Where the unchanged picture lies in it, px. */
  readonly picture: {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
}

const TONES: Readonly<Record<Caption['tone'], string>> = {
  crack: '#e5383b',
  corrosion: '#f59f1b',
  neutral: '#8d99a6',
};
const GROUND = '#12181f';
const TITLE_COLOUR = '#ffffff';
const TEXT_COLOUR = '#dfe6ec';

/** Below this width, px, a line holds too few characters: the picture gets margins instead. */
const LEAST_WIDTH = 320;
const MOST_PIXELS = 100_000_000;
const MOST_LINES = 4;
const MOST_CAPTION_LINES = 12;
const JPEG_QUALITY = 90;

interface Band {
  readonly height: number;
  readonly svg: string;
}

/** Text size for a picture of this width, px: 11 at 320 (40 characters a line, capitals 8 px high), 28 at 1920. */
function textSize(width: number): number {
  return Math.min(72, Math.round(7.4 + width / 92));
}

function drawBand(width: number, caption: Caption): Band {
  const size = textSize(width);
  const titleSize = Math.round(size * 1.45);
  const edge = Math.round(size * 0.9);
  const bar = Math.max(4, Math.round(size * 0.45));
  const left = bar + edge;
  const room = width - left - edge;
  const parts: string[] = [];
  let y = edge;
  for (const line of wrap(caption.title, Math.floor(room / (titleSize * ADVANCE)), 2)) {
    parts.push(strokes(line, left, y, titleSize, TITLE_COLOUR, 1));
    y += Math.round(titleSize * LINE_HEIGHT);
  }
  const columns = Math.floor(room / (size * ADVANCE));
  for (const text of caption.lines.slice(0, MOST_CAPTION_LINES)) {
    for (const line of wrap(text, columns, MOST_LINES)) {
      parts.push(strokes(line, left, y, size, TEXT_COLOUR, 0.84));
      y += Math.round(size * LINE_HEIGHT);
    }
  }
  const height = y + Math.round(edge * 0.5);
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<rect width="${width}" height="${height}" fill="${GROUND}"/>` +
    `<rect width="${bar}" height="${height}" fill="${TONES[caption.tone]}"/>${parts.join('')}</svg>`;
  return { height, svg };
}

function imageError(error: unknown): SpectaError {
  const why = error instanceof Error ? error.message : String(error);
  if (/pixel limit|exceeds/i.test(why)) {
    return new SpectaError(
      'IMAGE_TOO_LARGE',
      `The picture has more than ${MOST_PIXELS / 1e6} megapixels.`,
      'Give a smaller picture.',
      error,
    );
  }
  return new SpectaError(
    'IMAGE_UNREADABLE',
    `The picture cannot be drawn on: ${why}`,
    'Check that the bytes are a whole JPEG, PNG, WebP or TIFF image.',
    error,
  );
}

/**
 * A picture with its caption in a band below it, so that nothing of what the camera saw is covered but by the caption's
 * mark, where it has one: the map as a faint tint, the box as an outline. The band is as
 * wide as the picture (at least 320 px: a narrower picture stands centred between margins). Text is drawn as
 * strokes of our own: no fonts are needed, and the text cannot break out of the drawing.
 *
 * @param image a JPEG, PNG, WebP or TIFF file of at most 100 megapixels; EXIF orientation is applied
 * @returns sRGB JPEG, quality 90, colour not subsampled
 * @throws SpectaError `IMAGE_UNREADABLE`, `IMAGE_TOO_LARGE`
 */
export async function annotateImage(image: Uint8Array, caption: Caption): Promise<Annotated> {
  const sharp = await loadSharp();
  // A camera's JPEG may have stray bytes that every viewer forgives; what was judged shall also be shown.
  const open = (): Sharp => sharp(image, { failOn: 'none', limitInputPixels: MOST_PIXELS, autoOrient: true });
  try {
    const { autoOrient, orientation = 1 } = await open().metadata();
    const width = Math.max(LEAST_WIDTH, autoOrient.width);
    const band = drawBand(width, caption);
    const left = Math.floor((width - autoOrient.width) / 2);
    // The mark is about the picture as it lies in the file. Cameras do not turn theirs.
    const mark =
      caption.mark && orientation === 1 ? drawMark(autoOrient, caption.mark, TONES[caption.tone]) : null;
    const { data, info } = await open()
      .flatten({ background: '#000' })
      .toColourspace('srgb')
      .extend({
        left,
        right: width - autoOrient.width - left,
        bottom: band.height,
        background: GROUND,
      })
      .composite([
        ...(mark === null ? [] : [{ input: Buffer.from(mark), left, top: 0 }]),
        { input: Buffer.from(band.svg), left: 0, top: autoOrient.height },
      ])
      .jpeg({ quality: JPEG_QUALITY, chromaSubsampling: '4:4:4' })
      .toBuffer({ resolveWithObject: true });
    return {
      jpeg: new Uint8Array(data),
      width: info.width,
      height: info.height,
      picture: { left, top: 0, width: autoOrient.width, height: autoOrient.height },
    };
  } catch (error) {
    throw imageError(error);
  }
}
