import { z } from 'zod';
import type { Manifest } from '../../domain/manifest.ts';
import type { Instant } from '../../domain/time.ts';
import { DEFECT_CLASSES, type ModelReference } from '../../domain/verdict.ts';
import { defect, type Stamp, stamp, stamped, thresholds } from './envelope.ts';
import { modelReference, modelReferenceSchema } from './model-reference.ts';

export const modelSchema = z
  .strictObject({
    ...stamp,
    slot: z.enum(['current', 'previous', 'trial']).describe('which slot of the vehicle is in use'),
    model: modelReferenceSchema.nullable().describe('null when no model runs'),
    classes: z.array(z.enum(['corrosion', 'crack', 'intact'])),
    thresholds: z.partialRecord(defect, thresholds).describe('in force now'),
    trainedOn: z.string().nullable(),
  })
  .meta({ title: 'Model', description: 'The model in use.' });

export type ModelMessage = z.infer<typeof modelSchema>;

/** The model in use; `running` null when none is. `thresholds` override the manifest's. */
export function modelMessage(
  input: Stamp & {
    readonly at: Instant;
    readonly slot: ModelMessage['slot'];
    readonly running: { readonly model: ModelReference; readonly manifest: Manifest } | null;
    readonly thresholds?: ModelMessage['thresholds'];
  },
): ModelMessage {
  const { running } = input;
  const fromManifest: ModelMessage['thresholds'] = {};
  for (const name of DEFECT_CLASSES) {
    const rule = running?.manifest.defects[name];
    if (rule) fromManifest[name] = { on: rule.on, off: rule.off };
  }
  return {
    ...stamped(input, input.at),
    slot: input.slot,
    model: running && modelReference(running.model),
    classes: running ? [...running.manifest.classes] : [],
    thresholds: { ...fromManifest, ...input.thresholds },
    trainedOn: running?.manifest.provenance.trainedOn ?? null,
  };
}
