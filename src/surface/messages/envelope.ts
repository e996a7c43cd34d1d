import { z } from 'zod';
import type { ClockQuality, Instant } from '../../domain/time.ts';
import { SpectaError } from '../../platform/errors.ts';

/** Version of every payload's shape. It rises when a reader of the old shape would misread the new one. */
export const SCHEMA_VERSION = 1;

export const utc = z.iso.datetime({ precision: 3 }).describe('UTC, milliseconds, ISO 8601');
export const probability = z.number().min(0).max(1);
export const count = z.int().min(0);
export const digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .describe('SHA-256, hexadecimal');
export const defect = z.enum(['corrosion', 'crack']);
export const severity = z.enum(['low', 'medium', 'high', 'critical']);
export const bilingual = z.strictObject({ en: z.string(), id: z.string().describe('Indonesian') });
export const thresholds = z.strictObject({
  on: probability.describe('opens at or above'),
  off: probability.describe('stays open at or above'),
});

/** What tells messages of one vehicle apart and puts them in order. */
export interface Stamp {
  readonly vehicle: string;
  /** Changes with each start of the daemon. */
  readonly boot: string;
  /** Counts up over the messages of one boot; order is by (boot, sequence), never by time. */
  readonly sequence: number;
  readonly clockQuality: ClockQuality;
}

/** Fields that begin every stamped payload. */
export const stamp = {
  schema: z.literal(SCHEMA_VERSION).describe('version of this shape'),
  vehicle: z.string().min(1),
  boot: z.string().min(1).describe('changes with each start of the daemon'),
  sequence: count.describe('rises within one boot: order by it, not by time'),
  at: utc,
  clockQuality: z
    .enum(['synchronised', 'unsynchronised', 'unset'])
    .describe('how far the UTC can be believed'),
};

/** The values of {@link stamp} for a message about the moment `at`. */
export function stamped(from: Stamp, at: Instant) {
  return {
    schema: SCHEMA_VERSION,
    vehicle: from.vehicle,
    boot: from.boot,
    sequence: from.sequence,
    at: isoUtc(at.utcMs),
    clockQuality: from.clockQuality,
  } as const;
}

/** UTC milliseconds as `2026-01-31T12:00:00.000Z`. Throws `INTERNAL` for what is no time. */
export function isoUtc(utcMs: number): string {
  const date = new Date(utcMs);
  if (Number.isNaN(date.getTime())) {
    throw new SpectaError('INTERNAL', `${utcMs} is no time.`, 'Report it with the log around this line.');
  }
  return date.toISOString();
}

/** Seconds of monotonic time from one moment of this boot to a later one; never negative. */
export function secondsBetween(earlier: Instant, later: Instant): number {
  return Math.max(0, later.monoMs - earlier.monoMs) / 1000;
}

/**
 * The bytes of a message: JSON in UTF-8, checked against its schema first.
 * Throws `INTERNAL` naming the field that does not fit, such as a number that is not finite.
 */
export function encode<T>(schema: z.ZodType<T>, message: T): Uint8Array {
  const checked = schema.safeParse(message);
  if (!checked.success) {
    const issues = checked.error.issues
      .map((issue) => `${issue.path.join('.')}: ${issue.message}`)
      .join('; ');
    throw new SpectaError(
      'INTERNAL',
      `A message does not fit its schema: ${issues}.`,
      'Report it with the log around this line.',
    );
  }
  return new TextEncoder().encode(JSON.stringify(message));
}
