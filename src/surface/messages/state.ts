import { z } from 'zod';
import type { ClockQuality, Instant } from '../../domain/time.ts';
import { isoUtc, SCHEMA_VERSION, stamp, utc } from './envelope.ts';

export const stateSchema = z
  .strictObject({
    schema: stamp.schema,
    vehicle: stamp.vehicle,
    state: z
      .enum(['online', 'stopped', 'offline'])
      .describe('stopped: ended in order; offline: the broker lost the vehicle (last will)'),
    session: z.string().min(1).describe('changes with each connection; a last will names the one that ended'),
    boot: stamp.boot,
    version: z.string().min(1).describe('of SPECTA'),
    at: utc
      .nullable()
      .describe('null when offline: the broker publishes it, at a time the vehicle cannot know'),
    clockQuality: stamp.clockQuality,
  })
  .meta({ title: 'State', description: 'Whether the vehicle is there. Published after every connect.' });

export type StateMessage = z.infer<typeof stateSchema>;

/** The state of one connection; `at` is ignored for `offline`, whose time nobody knows beforehand. */
export function stateMessage(input: {
  readonly vehicle: string;
  readonly state: StateMessage['state'];
  readonly session: string;
  readonly boot: string;
  readonly version: string;
  readonly clockQuality: ClockQuality;
  readonly at: Instant;
}): StateMessage {
  return {
    schema: SCHEMA_VERSION,
    vehicle: input.vehicle,
    state: input.state,
    session: input.session,
    boot: input.boot,
    version: input.version,
    at: input.state === 'offline' ? null : isoUtc(input.at.utcMs),
    clockQuality: input.clockQuality,
  };
}
