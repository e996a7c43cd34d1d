import { z } from 'zod';
import type { Fix } from '../../domain/fix.ts';
import { BLIND_REASONS, DEFECT_CLASSES, type DefectClass, type Verdict } from '../../domain/verdict.ts';
import { count, defect, isoUtc, probability, type Stamp, stamp, stamped, utc } from './envelope.ts';
import { modelReference, modelReferenceSchema } from './model-reference.ts';
import { position, positionMissing, positionMissingSchema, positionSchema } from './position.ts';

export const detectionSchema = z
  .strictObject({
    ...stamp,
    run: z.string().min(1).nullable().describe('null outside a run'),
    frame: z.strictObject({ sequence: count, capturedAt: utc, source: z.string() }),
    label: z
      .enum(['corrosion', 'crack', 'intact', 'unsure'])
      .nullable()
      .describe('null when blind, which is never "no defect"'),
    blind: z
      .enum(BLIND_REASONS as [string, ...string[]])
      .nullable()
      .describe('why the frame cannot be judged'),
    probabilities: z.partialRecord(z.enum(['corrosion', 'crack', 'intact']), probability),
    defects: z
      .array(z.strictObject({ class: defect, probability, threshold: probability }))
      .describe('each defect whose own probability passed its threshold: a crack in rust is both'),
    model: modelReferenceSchema,
    position: positionSchema.nullable(),
    positionMissing: positionMissingSchema,
  })
  .meta({ title: 'Detection', description: 'What the network says of one frame, live.' });

export type DetectionMessage = z.infer<typeof detectionSchema>;

/** A verdict with the defects whose own probability is at or above `thresholds` (probability 0..1). */
export function detectionMessage(
  verdict: Verdict,
  input: Stamp & {
    readonly run: string | null;
    readonly thresholds: Readonly<Partial<Record<DefectClass, number>>>;
    readonly fix: Fix | null;
  },
): DetectionMessage {
  const { sequence, capturedAt, source } = verdict.frame;
  return {
    ...stamped(input, capturedAt),
    run: input.run,
    frame: { sequence, capturedAt: isoUtc(capturedAt.utcMs), source },
    label: verdict.label,
    blind: verdict.blind,
    probabilities: { ...verdict.probabilities },
    defects: DEFECT_CLASSES.flatMap((name) => {
      const probability = verdict.probabilities[name];
      const threshold = input.thresholds[name];
      if (probability === undefined || threshold === undefined || probability < threshold) return [];
      return [{ class: name, probability, threshold }];
    }),
    model: modelReference(verdict.model),
    position: position(input.fix, capturedAt),
    positionMissing: positionMissing(input.fix),
  };
}
