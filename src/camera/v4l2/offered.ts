import { REQUESTS, V4L2 } from './layouts.ts';
import type { Interval, Intervals, OfferedMode, Wish } from './mode.ts';
import { type CameraPixels, fourccName, fourccNumber, pixelsOf } from './pixel-formats.ts';
import { Structure } from './structure.ts';
import type { VideoNode } from './video-node.ts';

/** No list of a sane driver is longer; one that never ends must not hold the daemon. */
const LONGEST_LIST = 256;
/** How drivers end a list, and how they say that they keep none. */
const NO_MORE = ['EINVAL', 'ENOTTY', 'ENODATA'];

/** A format as the driver lists it. */
export interface OfferedFormat {
  readonly fourcc: string;
  readonly description: string;
}

/** What a camera can do. */
export interface Offer {
  readonly formats: readonly OfferedFormat[];
  /** Those formats that vision reads, by size; of sizes in steps, the ones nearest to the wish. */
  readonly modes: readonly OfferedMode[];
}

/** The formats that the driver lists. Throws `SystemCallError`. */
export function listFormats(node: VideoNode): readonly OfferedFormat[] {
  const formats: OfferedFormat[] = [];
  const entry = new Structure('v4l2_fmtdesc');
  for (let index = 0; index < LONGEST_LIST; index++) {
    entry.clear().set({ index, type: V4L2.V4L2_BUF_TYPE_VIDEO_CAPTURE });
    if (node.askOrNull(REQUESTS.enumerateFormat, entry, NO_MORE) === null) break;
    formats.push({ fourcc: fourccName(entry.get('pixelformat')), description: entry.text('description') });
  }
  return formats;
}

/**
 * What the camera offers. A driver that lists no sizes is taken to do what is asked, and S_FMT shows what it really does.
 * Throws `SystemCallError`.
 */
export function readOffer(node: VideoNode, wish: Wish): Offer {
  const formats = listFormats(node);
  const modes = formats.flatMap(({ fourcc }) => {
    const pixels = pixelsOf(fourcc);
    return pixels === null ? [] : modesOf(node, fourcc, pixels, wish);
  });
  return { formats, modes };
}

function modesOf(node: VideoNode, fourcc: string, pixels: CameraPixels, wish: Wish): OfferedMode[] {
  return sizesOf(node, fourcc, wish).map(({ width, height }) => {
    const intervals = intervalsOf(node, fourcc, width, height);
    return { fourcc, pixels, width, height, intervals };
  });
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function sizesOf(node: VideoNode, fourcc: string, wish: Wish): Size[] {
  const sizes: Size[] = [];
  const entry = new Structure('v4l2_frmsizeenum');
  for (let index = 0; index < LONGEST_LIST; index++) {
    entry.clear().set({ index, pixel_format: fourccNumber(fourcc) });
    if (node.askOrNull(REQUESTS.enumerateSizes, entry, NO_MORE) === null) break;
    if (entry.get('type') !== V4L2.V4L2_FRMSIZE_TYPE_DISCRETE) {
      const width = withinSteps(wish.width, {
        least: entry.get('stepwise.min_width'),
        most: entry.get('stepwise.max_width'),
        step: entry.get('stepwise.step_width'),
      });
      const height = withinSteps(wish.height, {
        least: entry.get('stepwise.min_height'),
        most: entry.get('stepwise.max_height'),
        step: entry.get('stepwise.step_height'),
      });
      return [{ width, height }];
    }
    sizes.push({ width: entry.get('discrete.width'), height: entry.get('discrete.height') });
  }
  return sizes.length > 0 ? sizes : [{ width: wish.width, height: wish.height }];
}

/** The least value of the steps that is not below `wanted`; the greatest where all are. */
export function withinSteps(
  wanted: number,
  { least, most, step }: { readonly least: number; readonly most: number; readonly step: number },
): number {
  if (wanted <= least) return least;
  const apart = Math.max(1, step);
  const value = least + Math.ceil((wanted - least) / apart) * apart;
  return value <= most ? value : least + Math.floor((most - least) / apart) * apart;
}

function intervalsOf(node: VideoNode, fourcc: string, width: number, height: number): Intervals {
  const intervals: Interval[] = [];
  const entry = new Structure('v4l2_frmivalenum');
  for (let index = 0; index < LONGEST_LIST; index++) {
    entry.clear().set({ index, pixel_format: fourccNumber(fourcc), width, height });
    if (node.askOrNull(REQUESTS.enumerateIntervals, entry, NO_MORE) === null) break;
    if (entry.get('type') !== V4L2.V4L2_FRMIVAL_TYPE_DISCRETE) {
      const shortest = {
        numerator: entry.get('stepwise.min.numerator'),
        denominator: entry.get('stepwise.min.denominator'),
      };
      const longest = {
        numerator: entry.get('stepwise.max.numerator'),
        denominator: entry.get('stepwise.max.denominator'),
      };
      return { kind: 'range', shortest, longest };
    }
    intervals.push({
      numerator: entry.get('discrete.numerator'),
      denominator: entry.get('discrete.denominator'),
    });
  }
  return intervals.length > 0 ? { kind: 'list', intervals } : { kind: 'unknown' };
}
