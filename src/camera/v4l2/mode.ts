import type { CameraPixels } from './pixel-formats.ts';

/** A frame's duration in seconds, as a fraction: 1/25, 1001/30000. */
export interface Interval {
  readonly numerator: number;
  readonly denominator: number;
}

/** The durations that a camera offers at one size. `unknown`: the driver tells none, so that only trying shows. */
export type Intervals =
  | { readonly kind: 'list'; readonly intervals: readonly Interval[] }
  | { readonly kind: 'range'; readonly shortest: Interval; readonly longest: Interval }
  | { readonly kind: 'unknown' };

/** One format at one size, as the driver offers it. */
export interface OfferedMode {
  /** The kernel's four letters. */
  readonly fourcc: string;
  readonly pixels: CameraPixels;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly intervals: Intervals;
}

/** What is wanted of a camera. */
export interface Wish {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Frames a second. */
  readonly rate: number;
}

/** One mode with the interval to ask for; null where the driver offers none to choose. */
export interface ChosenMode extends Omit<OfferedMode, 'intervals'> {
  readonly interval: Interval | null;
}

export function framesPerSecond({ numerator, denominator }: Interval): number {
  return denominator / numerator;
}

/** `640x480 YUYV at 25 a second`. */
export function modeInWords(mode: ChosenMode): string {
  const rate = mode.interval === null ? 'a rate it does not tell' : `${rateInWords(mode.interval)} a second`;
  return `${mode.width}x${mode.height} ${mode.fourcc} at ${rate}`;
}

function rateInWords(interval: Interval): string {
  return String(Number(framesPerSecond(interval).toFixed(2)));
}
