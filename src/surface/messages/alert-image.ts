import { createHash } from 'node:crypto';
import { z } from 'zod';
import { digest, isoUtc, SCHEMA_VERSION, utc } from './envelope.ts';

/** MQTT 5 user properties that travel beside the bytes of an alert image; all are strings. */
export const alertImageSchema = z
  .strictObject({
    schema: z.literal(String(SCHEMA_VERSION)),
    vehicle: z.string().min(1),
    finding: z.string().min(1),
    boot: z.string().min(1).describe('in which the image was committed'),
    committedAt: utc,
    historical: z.enum(['true', 'false']),
    sha256: digest.describe('of the payload'),
  })
  .meta({
    title: 'Alert image',
    description:
      'The payload is the annotated JPEG of the peak frame (content type image/jpeg). This describes its MQTT 5 user properties. Under MQTT 3.1.1 there are none: the topic names the finding, the alert carries the digest.',
  });

export type AlertImageProperties = z.infer<typeof alertImageSchema>;

export function alertImageProperties(input: {
  readonly vehicle: string;
  readonly finding: string;
  readonly boot: string;
  readonly committedAtUtcMs: number;
  readonly historical: boolean;
  readonly payload: Uint8Array;
}): AlertImageProperties {
  return {
    schema: '1',
    vehicle: input.vehicle,
    finding: input.finding,
    boot: input.boot,
    committedAt: isoUtc(input.committedAtUtcMs),
    historical: input.historical ? 'true' : 'false',
    sha256: createHash('sha256').update(input.payload).digest('hex'),
  };
}
