import { z } from 'zod';
import type { Fix } from '../../domain/fix.ts';
import type { Run } from '../../domain/run.ts';
import type { Instant } from '../../domain/time.ts';
import { type Stamp, stamp, stamped } from './envelope.ts';
import { position, positionMissing, positionMissingSchema, positionSchema } from './position.ts';
import { runFacts, runFactsSchema } from './run.ts';

export const runLogSchema = z
  .strictObject({
    ...stamp,
    historical: z.boolean().describe('sent late: it tells of the past'),
    run: runFactsSchema.describe('the run so far: its coverage grows from message to message'),
    position: positionSchema.nullable().describe('where the vehicle was at this time'),
    positionMissing: positionMissingSchema,
  })
  .meta({
    title: 'Run log',
    description:
      'A run at its begin, about every ten seconds and at its end, through the outbox: what the camera could see while nobody was heard. The difference between two messages of one run is the stretch between them.',
  });

export type RunLogMessage = z.infer<typeof runLogSchema>;

/** `historical` is false here: the link sets it when it sends late. */
export function runLogMessage(
  input: Stamp & { readonly at: Instant; readonly run: Run; readonly fix: Fix | null },
): RunLogMessage {
  return {
    ...stamped(input, input.at),
    historical: false,
    run: runFacts(input.run),
    position: position(input.fix, input.at),
    positionMissing: positionMissing(input.fix),
  };
}
