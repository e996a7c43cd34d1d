import { z } from 'zod';
import type { PartStatus } from '../../domain/status.ts';
import type { Instant } from '../../domain/time.ts';
import { isoUtc, type Stamp, stamp, stamped, utc } from './envelope.ts';

export const statusSchema = z
  .strictObject({
    ...stamp,
    part: z.enum(['camera', 'engine', 'light', 'record', 'link', 'position']),
    condition: z.enum(['ok', 'recovering', 'failed', 'absent']),
    reason: z.string().nullable().describe('a sentence for people; null when ok'),
    since: utc,
  })
  .meta({ title: 'Status', description: 'How one part of the vehicle is.' });

export type StatusMessage = z.infer<typeof statusSchema>;

export function statusMessage(status: PartStatus, input: Stamp & { readonly at: Instant }): StatusMessage {
  return {
    ...stamped(input, input.at),
    part: status.part,
    condition: status.condition,
    reason: status.reason,
    since: isoUtc(status.sinceUtcMs),
  };
}
