import { z } from 'zod';
import type { FindingChange, Located } from '../../domain/finding.ts';
import type { Instant } from '../../domain/time.ts';
import {
  bilingual,
  count,
  defect,
  digest,
  isoUtc,
  probability,
  type Stamp,
  secondsBetween,
  severity,
  stamp,
  stamped,
  thresholds,
  utc,
} from './envelope.ts';
import { modelReference, modelReferenceSchema } from './model-reference.ts';
import { position, positionMissing, positionMissingSchema, positionSchema } from './position.ts';

/** What every alert says of itself. */
export const SCREENING_NOTICE = {
  en: 'Screening aid: a person must look at the evidence before anything is decided.',
  id: 'Alat bantu penyaringan: bukti harus diperiksa orang sebelum diambil keputusan.',
} as const;

export const reviewState = z.enum(['unreviewed', 'confirmed', 'rejected']);

/** Who said so, in that person's own words: the vehicle knows no users. */
export const person = z.string().min(1).max(128);
const share = z.number().min(0).max(1);

/** A part of a picture, as shares of its sides. */
export const boxSchema = z.strictObject({ left: share, top: share, width: share, height: share });

export const alertSchema = z
  .strictObject({
    ...stamp,
    historical: z.boolean().describe('sent late: it tells of the past, nothing is happening now'),
    run: z.string().min(1),
    finding: z.string().min(1).describe('one id for the life of the defect'),
    phase: z.enum(['opened', 'updated', 'closed']),
    closeReason: z.enum(['gone', 'run-stopped', 'interrupted']).nullable().describe('null while open'),
    class: defect,
    severity,
    probability: z.strictObject({ peak: probability, mean: probability }),
    frames: count.describe('frames with a detection'),
    durationSeconds: z.number().min(0).describe('from opening to the last detection, monotonic'),
    openedAt: utc,
    lastSeenAt: utc,
    closedAt: utc.nullable(),
    peakFrame: z.strictObject({ sequence: count, capturedAt: utc, source: z.string() }),
    box: boxSchema
      .nullable()
      .describe('where in the peak frame, as shares of its sides; null when not known'),
    boxReason: z
      .enum(['pending', 'diffuse', 'no-time', 'no-pixels', 'engine-away'])
      .nullable()
      .describe(
        'why there is no box: being looked for, no part of the frame decides alone, frames came first, the frame is gone, nobody could look; null with a box',
      ),
    thresholds: thresholds.describe('in force when the finding opened'),
    position: positionSchema.nullable().describe('at the peak frame; null when unknown'),
    positionMissing: positionMissingSchema,
    model: modelReferenceSchema,
    evidence: z
      .strictObject({ file: z.string().min(1), sha256: digest })
      .nullable()
      .describe(
        'clean still of the peak frame in the black box, or of an earlier peak when saving this one failed; null when none is kept',
      ),
    advice: bilingual.describe('recommended action'),
    review: reviewState,
    reviewed: z
      .strictObject({ at: utc, by: person.nullable(), note: z.string().nullable() })
      .nullable()
      .describe('when and by whom it was reviewed; null while it is unreviewed'),
    acknowledged: z
      .strictObject({ at: utc, by: person.nullable() })
      .nullable()
      .describe('a person has seen it; null: nobody has said so'),
    notice: bilingual.describe('what an alert is and is not'),
  })
  .meta({ title: 'Alert', description: "A finding's change: opened, updated or closed." });

export type AlertMessage = z.infer<typeof alertSchema>;

/** What people above water have said of a finding. */
export type FindingMarks = Pick<AlertMessage, 'review' | 'reviewed' | 'acknowledged'>;

/** Nobody has said anything. */
export const UNMARKED: FindingMarks = { review: 'unreviewed', reviewed: null, acknowledged: null };

/** The evidence still of a finding's peak frame: its file in the black box and the hex sha256 of its bytes. */
export interface EvidenceReference {
  readonly file: string;
  readonly sha256: string;
}

/** The alert of a finding's change. `historical` is false here: the link sets it when it sends late. */
export function alertMessage(
  input: Stamp & {
    readonly change: FindingChange;
    readonly evidence: EvidenceReference | null;
    readonly marks?: FindingMarks;
    /** Where in the peak frame; without it the box that the finding has. */
    readonly located?: Pick<Located, 'box' | 'reason'>;
  },
): AlertMessage {
  const { finding, phase, at } = input.change;
  const { frame, box = null } = finding.peak;
  const located = input.located ?? { box, reason: box ? null : 'pending' };
  return {
    ...stamped(input, at),
    historical: false,
    run: finding.runId,
    finding: finding.id,
    phase,
    closeReason: finding.closeReason,
    class: finding.defect,
    severity: finding.severity,
    probability: { peak: finding.peak.probability, mean: finding.meanProbability },
    frames: finding.detections,
    durationSeconds: secondsBetween(finding.openedAt, finding.lastSeenAt),
    openedAt: isoUtc(finding.openedAt.utcMs),
    lastSeenAt: isoUtc(finding.lastSeenAt.utcMs),
    closedAt: finding.closedAt && isoUtc(finding.closedAt.utcMs),
    peakFrame: {
      sequence: frame.sequence,
      capturedAt: isoUtc(frame.capturedAt.utcMs),
      source: frame.source,
    },
    box: located.box && { ...located.box },
    boxReason: located.reason,
    thresholds: { on: finding.thresholds.on, off: finding.thresholds.off },
    position: position(finding.fix, frame.capturedAt),
    positionMissing: positionMissing(finding.fix),
    model: modelReference(finding.model),
    evidence: input.evidence && { file: input.evidence.file, sha256: input.evidence.sha256 },
    advice: { en: finding.advice.en, id: finding.advice.id },
    ...(input.marks ?? UNMARKED),
    notice: { ...SCREENING_NOTICE },
  };
}

/**
 * The alert that tells of `marks`: the finding's newest alert, with them and a new place in the order. A finding that is
 * not closed is `updated` by it, a closed one stays `closed`.
 */
export function markedAlert(
  newest: AlertMessage,
  marks: FindingMarks,
  input: Stamp & { readonly at: Instant },
): AlertMessage {
  const phase = newest.phase === 'closed' ? 'closed' : 'updated';
  return { ...newest, ...stamped(input, input.at), ...marks, phase, historical: false };
}
