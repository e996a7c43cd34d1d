import { z } from 'zod';
import type { Instant } from '../../domain/time.ts';
import { isoUtc, type Stamp, stamp, stamped, utc } from './envelope.ts';

const shows = z.enum([
  'stopped',
  'lamp-test',
  'crack',
  'latched',
  'holding',
  'corrosion',
  'cannot-see',
  'heartbeat',
  'dark',
]);

export const lightSchema = z
  .strictObject({
    ...stamp,
    lit: z.boolean().describe('the level at this moment; while it blinks, "shows" tells more'),
    shows: shows.describe(
      'crack, latched (until acknowledged), holding (a while after), corrosion: steady; cannot-see: slow blink; heartbeat: a blip while frames are judged',
    ),
    findings: z.array(z.string().min(1)).describe('the open findings it shines for'),
    down: z.array(z.string().min(1)).describe('the parts without which the vehicle cannot see'),
    since: utc,
  })
  .meta({ title: 'Light', description: 'The alert light on the vehicle.' });

export type LightMessage = z.infer<typeof lightSchema>;

/** What the light says of itself. */
export interface ShownLight {
  readonly kind: LightMessage['shows'];
  readonly findings?: readonly string[];
  readonly parts?: readonly string[];
  readonly since: Instant;
}

export function lightMessage(
  state: ShownLight,
  input: Stamp & { readonly at: Instant; readonly lit: boolean },
): LightMessage {
  return {
    ...stamped(input, input.at),
    lit: input.lit,
    shows: state.kind,
    findings: [...(state.findings ?? [])],
    down: [...(state.parts ?? [])],
    since: isoUtc(state.since.utcMs),
  };
}
