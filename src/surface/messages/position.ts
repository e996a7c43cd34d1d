import { z } from 'zod';
import type { Fix } from '../../domain/fix.ts';
import type { Instant } from '../../domain/time.ts';
import { isoUtc, secondsBetween, utc } from './envelope.ts';

export const positionSchema = z.strictObject({
  kp: z.number().nullable().describe('kilometre point along the route'),
  latitude: z.number().min(-90).max(90).nullable().describe('degrees, WGS 84'),
  longitude: z.number().min(-180).max(180).nullable().describe('degrees, WGS 84'),
  depthMetres: z.number().nullable().describe('below the surface'),
  headingDegrees: z.number().min(0).max(360).nullable().describe('from north'),
  source: z.string(),
  measuredAt: utc,
  ageSeconds: z.number().min(0).describe('how old the fix was at the frame that this message is about'),
});

export type Position = z.infer<typeof positionSchema>;

/** Beside every position. */
export const positionMissingSchema = z
  .string()
  .nullable()
  .describe('why the position, or a part of it, is null; null when nothing is missing');

/** The words of {@link positionMissingSchema} for a fix; null: no source of positions is configured. */
export function positionMissing(fix: Fix | null): string | null {
  if (!fix) return 'no source of position is configured';
  // Findings that an older SPECTA wrote down have no such words.
  return fix.missing ?? null;
}

/** A fix as a message tells it, with its age at the moment `at` of the same boot; null when nothing is known. */
export function position(fix: Fix | null, at: Instant): Position | null {
  if (!fix) return null;
  const { kp, latitude, longitude, depth, heading } = fix;
  if ([kp, latitude, longitude, depth, heading].every((part) => part === null)) return null;
  return {
    kp: fix.kp,
    latitude: fix.latitude,
    longitude: fix.longitude,
    depthMetres: fix.depth,
    headingDegrees: fix.heading,
    source: fix.source,
    measuredAt: isoUtc(fix.at.utcMs),
    ageSeconds: secondsBetween(fix.at, at),
  };
}
