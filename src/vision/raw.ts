import type { PixelFormat } from '../domain/frame.ts';
import { SpectaError } from '../platform/errors.ts';
import type { Channels } from './chroma.ts';
import type { LumaPlane, Plane } from './luma.ts';
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
 * @param channels with `luma-chroma` the plane has its colour beside it, except for grey frames, which have none
 */
export function rawPlane(picture: Picture, format: RawFormat, channels: Channels = 'luma'): LumaPlane {
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
  const luma = { width, height, data, offset: layout.offset, stride, step: layout.step, range };
  if (channels === 'luma' || format === 'grey') return luma;
  return { ...luma, chroma: chromaPlanes(luma, format) };
}

/** Where Cb and Cr lie: between the lumas, or behind them at half the sides. */
function chromaPlanes(luma: Plane, format: Exclude<RawFormat, 'grey'>): { cb: Plane; cr: Plane } {
  const { stride, data, range } = luma;
  const width = Math.ceil(luma.width / 2);
  const plane = (height: number, offset: number, rowStride: number, step: number): Plane => ({
    width,
    height,
    data,
    offset,
    stride: rowStride,
    step,
    range,
  });
  if (format === 'yuyv' || format === 'uyvy') {
    const first = format === 'yuyv' ? 1 : 0;
    return { cb: plane(luma.height, first, stride, 4), cr: plane(luma.height, first + 2, stride, 4) };
  }
  const behind = stride * luma.height;
  const height = Math.ceil(luma.height / 2);
  if (format === 'nv12') {
    const rowStride = 2 * Math.ceil(stride / 2);
    return { cb: plane(height, behind, rowStride, 2), cr: plane(height, behind + 1, rowStride, 2) };
  }
  const half = Math.ceil(stride / 2);
  return { cb: plane(height, behind, half, 1), cr: plane(height, behind + half * height, half, 1) };
}
