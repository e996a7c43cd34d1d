import type { PixelFormat } from '../domain/frame.ts';
import { SpectaError } from '../platform/errors.ts';
import type { LumaPlane } from './luma.ts';
import type { Picture } from './picture.ts';

/** Formats whose bytes are pixels. */
export type RawFormat = Exclude<PixelFormat, 'jpeg' | 'encoded'>;

interface Layout {
  /** Bytes from one luma to the next. */
  readonly step: number;
  /** Bytes before the first luma. */
  readonly offset: number;
  /** Bytes of one row of `width` pixels without padding. */
  readonly rowBytes: (width: number) => number;
  /** Bytes of the colour planes behind the luma plane, at this stride. */
  readonly colourBytes: (stride: number, height: number) => number;
}

const noColour = (): number => 0;
const packedRow = (width: number): number => 4 * Math.ceil(width / 2);
const planarRow = (width: number): number => width;

const LAYOUTS: Readonly<Record<RawFormat, Layout>> = {
  grey: { step: 1, offset: 0, rowBytes: planarRow, colourBytes: noColour },
  yuyv: { step: 2, offset: 0, rowBytes: packedRow, colourBytes: noColour },
  uyvy: { step: 2, offset: 1, rowBytes: packedRow, colourBytes: noColour },
  nv12: {
    step: 1,
    offset: 0,
    rowBytes: planarRow,
    colourBytes: (stride, height) => 2 * Math.ceil(stride / 2) * Math.ceil(height / 2),
  },
  yu12: {
    step: 1,
    offset: 0,
    rowBytes: planarRow,
    colourBytes: (stride, height) => 2 * Math.ceil(stride / 2) * Math.ceil(height / 2),
  },
};

function invalid(message: string): SpectaError {
  return new SpectaError(
    'FRAME_INVALID',
    message,
    'Set width, height and format of the camera to what it really sends.',
  );
}

/**
 * The luma of a raw frame where it lies in the frame's bytes. Throws `FRAME_INVALID` when the bytes do not fit the
 * size and stride; the last row may come without its padding.
 */
export function rawPlane(picture: Picture, format: RawFormat): LumaPlane {
  const { width, height, stride, data, range } = picture;
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw invalid(`A ${format} frame needs a size; it says ${width}x${height}.`);
  }
  const layout = LAYOUTS[format];
  const rowBytes = layout.rowBytes(width);
  if (!Number.isInteger(stride) || stride < rowBytes) {
    throw invalid(`A row of ${width} ${format} pixels has ${rowBytes} bytes; the stride says ${stride}.`);
  }
  const colour = layout.colourBytes(stride, height);
  const most = stride * height + colour;
  const least = most - (stride - rowBytes);
  if (data.length < least || data.length > most) {
    const expected = least === most ? `${most}` : `${least} to ${most}`;
    throw invalid(
      `A ${width}x${height} ${format} frame with stride ${stride} has ${expected} bytes; it came with ${data.length}.`,
    );
  }
  return { width, height, data, offset: layout.offset, stride, step: layout.step, range };
}
