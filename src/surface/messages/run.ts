import { z } from 'zod';
import type { Finding } from '../../domain/finding.ts';
import type { Run } from '../../domain/run.ts';
import type { Instant } from '../../domain/time.ts';
import { BLIND_REASONS } from '../../domain/verdict.ts';
import { count, defect, isoUtc, probability, type Stamp, severity, stamp, stamped, utc } from './envelope.ts';

/** What coverage means and what it does not. */
export const COVERAGE_NOTICE = 'Coverage says that the camera could see, not that the pipe was in view.';

const seconds = z.number().min(0);

export const coverageSchema = z.strictObject({
  seenSeconds: seconds.describe('frames were judged'),
  blindSeconds: z.partialRecord(z.enum(BLIND_REASONS), seconds),
  lostSeconds: seconds.describe('no camera or no engine'),
  unsureRate: probability.describe('unsure frames of those judged'),
  framesJudged: count,
  framesBlind: count,
  framesThinned: count.optional().describe('left out to spare a board that was hot or slowed; absent: none'),
  distanceMetres: z.number().min(0).nullable().describe('null where no position is known'),
  notice: z.literal(COVERAGE_NOTICE),
});

/** A run as messages tell of it. */
export const runFactsSchema = z.strictObject({
  id: z.string().min(1),
  startedAt: utc,
  endedAt: utc.nullable(),
  end: z.enum(['requested', 'shutdown', 'camera-ended', 'interrupted']).nullable(),
  coverage: coverageSchema,
});

export type RunFacts = z.infer<typeof runFactsSchema>;

export const runSchema = z
  .strictObject({
    ...stamp,
    historical: z.boolean().describe('sent late: it tells of the past'),
    run: runFactsSchema.nullable().describe('null when no run was made since the start'),
    openFindings: z.array(
      z.strictObject({
        finding: z.string().min(1),
        class: defect,
        severity,
        openedAt: utc,
        peakProbability: probability,
      }),
    ),
  })
  .meta({ title: 'Run', description: 'The inspection under way, or the last one, with what is open in it.' });

export type RunMessage = z.infer<typeof runSchema>;

/** The words of {@link runFactsSchema} for a run. */
export function runFacts(run: Run): RunFacts {
  return {
    id: run.id,
    startedAt: isoUtc(run.startedAt.utcMs),
    endedAt: run.endedAt && isoUtc(run.endedAt.utcMs),
    end: run.end,
    coverage: {
      seenSeconds: run.coverage.seenSeconds,
      blindSeconds: { ...run.coverage.blindSeconds },
      lostSeconds: run.coverage.lostSeconds,
      unsureRate: run.coverage.unsureRate,
      framesJudged: run.coverage.framesJudged,
      framesBlind: run.coverage.framesBlind,
      ...(run.coverage.framesThinned !== undefined && { framesThinned: run.coverage.framesThinned }),
      distanceMetres: run.coverage.distanceMetres,
      notice: COVERAGE_NOTICE,
    },
  };
}

/** `historical` is false here: the link sets it when it sends late. */
export function runMessage(
  input: Stamp & {
    readonly at: Instant;
    readonly run: Run | null;
    readonly openFindings: readonly Finding[];
  },
): RunMessage {
  const { run } = input;
  return {
    ...stamped(input, input.at),
    historical: false,
    run: run && runFacts(run),
    openFindings: input.openFindings.map((finding) => ({
      finding: finding.id,
      class: finding.defect,
      severity: finding.severity,
      openedAt: isoUtc(finding.openedAt.utcMs),
      peakProbability: finding.peak.probability,
    })),
  };
}
