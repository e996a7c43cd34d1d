import {
  type ChosenMode,
  framesPerSecond,
  type Interval,
  type Intervals,
  modeInWords,
  type OfferedMode,
  type Wish,
} from './mode.ts';
import { preferenceOf } from './pixel-formats.ts';

/** A rate this much below the wish still meets it: 29.97 for 30. */
const RATE_TOLERANCE = 0.02;
/** Slower modes are told apart in tenths of the wish: a trifle of rate is not worth a decoder. */
const RATE_STEPS = 10;
const FINEST = 1000;

/**
 * The modes in the order in which to try them, the best of each format. What decides, in this order: the size (as
 * asked; else the smallest that covers it; else the largest), the rate (as asked or faster; else the fastest), the
 * format (raw before JPEG, see pixel-formats), and the rate nearest to the wish. Pure; the same for any order of `offered`.
 */
export function rankModes(offered: readonly OfferedMode[], wish: Wish): readonly ChosenMode[] {
  const ranked = offered
    .filter(({ width, height }) => width > 0 && height > 0)
    .map((mode) => withInterval(mode, wish.rate))
    .map((mode) => ({ mode, key: keyOf(mode, wish) }))
    .sort((a, b) => compareKeys(a.key, b.key) || compareText(a.mode.fourcc, b.mode.fourcc));
  const seen = new Set<string>();
  const best: ChosenMode[] = [];
  for (const { mode } of ranked) {
    if (seen.has(mode.fourcc)) continue;
    seen.add(mode.fourcc);
    best.push(mode);
  }
  return best;
}

/** The interval to ask for: the slowest that meets the wish, else the fastest there is. */
export function chooseInterval(intervals: Intervals, rate: number): Interval | null {
  switch (intervals.kind) {
    case 'unknown':
      return null;
    case 'list': {
      const usable = intervals.intervals.filter(isInterval);
      const slowestFirst = [...usable].sort((a, b) => framesPerSecond(a) - framesPerSecond(b));
      return slowestFirst.find((interval) => meets(interval, rate)) ?? slowestFirst.at(-1) ?? null;
    }
    case 'range': {
      const { shortest, longest } = intervals;
      if (!isInterval(shortest) || !isInterval(longest)) return null;
      if (framesPerSecond(shortest) <= rate) return shortest;
      if (framesPerSecond(longest) >= rate) return longest;
      return { numerator: FINEST, denominator: Math.round(rate * FINEST) };
    }
  }
}

/**
 * Says to people what was chosen and what else there was.
 *
 * @param unread formats of the camera that vision cannot read, by name
 */
export function choiceInWords(
  chosen: ChosenMode,
  ranked: readonly ChosenMode[],
  unread: readonly string[],
  wish: Wish,
): string {
  const asked = `${wish.width}x${wish.height} at ${wish.rate} a second`;
  const decoding = chosen.pixels === 'jpeg' ? 'JPEG, to be decoded' : 'raw, nothing to decode';
  const others = ranked.filter((mode) => mode !== chosen).map(modeInWords);
  const instead = others.length === 0 ? 'It offers nothing else' : `It also offers ${others.join('; ')}`;
  const rest =
    unread.length === 0 ? '' : ` It also has formats that are not read here: ${unread.join(', ')}.`;
  return `Asked for ${asked}, took ${modeInWords(chosen)} (${decoding}). ${instead}.${rest}`;
}

function withInterval({ intervals, ...mode }: OfferedMode, rate: number): ChosenMode {
  return { ...mode, interval: chooseInterval(intervals, rate) };
}

function keyOf(mode: ChosenMode, wish: Wish): readonly number[] {
  const area = mode.width * mode.height;
  const exact = mode.width === wish.width && mode.height === wish.height;
  const covers = mode.width >= wish.width && mode.height >= wish.height;
  const size = exact ? [0, 0] : covers ? [1, area] : [2, -area];
  const rate = mode.interval === null ? wish.rate : framesPerSecond(mode.interval);
  const shortfall =
    rate >= wish.rate * (1 - RATE_TOLERANCE)
      ? 0
      : RATE_STEPS - Math.floor((RATE_STEPS * rate) / wish.rate) + 1;
  return [...size, mode.width, shortfall, preferenceOf(mode.pixels), Math.abs(rate - wish.rate)];
}

function meets(interval: Interval, rate: number): boolean {
  return framesPerSecond(interval) >= rate * (1 - RATE_TOLERANCE);
}

function isInterval({ numerator, denominator }: Interval): boolean {
  return numerator > 0 && denominator > 0;
}

function compareKeys(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    if (value !== b[index]) return value - b[index];
  }
  return 0;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
