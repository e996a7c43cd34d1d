import type { Instant } from '../../domain/time.ts';

/** The kernel counts frames in 32 bits and begins again behind the last. */
const COUNTS = 2 ** 32;
/** A step further than this is a driver that began to count anew, not an hour of lost frames. */
const LARGEST_GAP = 100_000;
/** A stamp older than this is of another clock, whatever the driver says. */
const OLDEST_STAMP_MS = 60_000;

/** Frames that were lost between two of the kernel's counts; 0 when the driver counts anew or not at all. */
export function lostBetween(before: number | null, now: number): number {
  if (before === null) return 0;
  const lost = (now - before - 1 + 2 * COUNTS) % COUNTS;
  return lost > LARGEST_GAP ? 0 : lost;
}

/**
 * When a frame was captured, on the clock of the product, by the kernel's stamp: the present less the frame's age.
 * A stamp in the future (some drivers round up) or of another clock gives the present.
 *
 * @param now the present on the product's clock
 * @param kernelNowMs the present on CLOCK_MONOTONIC, ms
 * @param stampMs the frame's stamp on CLOCK_MONOTONIC, ms
 */
export function captureInstant(now: Instant, kernelNowMs: number, stampMs: number | null): Instant {
  const ageMs = stampMs === null ? 0 : kernelNowMs - stampMs;
  if (!(ageMs > 0 && ageMs < OLDEST_STAMP_MS)) return now;
  return { monoMs: now.monoMs - ageMs, utcMs: now.utcMs - ageMs };
}
