import { InvalidArgumentError } from 'commander';

/** Of an option that may be given more than once: all its values. */
export function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

/** A whole number of at least 1. */
export function whole(value: string): number {
  if (/^\d+$/.test(value) && Number(value) > 0 && Number.isSafeInteger(Number(value))) return Number(value);
  throw new InvalidArgumentError('Give a whole number of at least 1.');
}

/** A whole number of at least 0. */
export function count(value: string): number {
  return /^0+$/.test(value) ? 0 : whole(value);
}

/** A finite number above 0. */
export function positive(value: string): number {
  const number = Number(value);
  if (Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError('Give a number above 0.');
}

/** A number between 0 and 1, neither of them. */
export function share(value: string): number {
  const number = Number(value);
  if (number > 0 && number < 1) return number;
  throw new InvalidArgumentError('Give a number between 0 and 1.');
}

/** What a bundle's manifest takes as a side of the network's input, pixels. */
const [LEAST_SIDE, MOST_SIDE] = [8, 4096];

/** A side of the network's input, pixels. */
export function side(value: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= LEAST_SIDE && number <= MOST_SIDE) return number;
  throw new InvalidArgumentError(`Give ${LEAST_SIDE} to ${MOST_SIDE} pixels.`);
}
