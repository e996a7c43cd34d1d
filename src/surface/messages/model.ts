import { z } from 'zod';
import type { Manifest } from '../../domain/manifest.ts';
import type { Instant } from '../../domain/time.ts';
import { DEFECT_CLASSES, type ModelReference } from '../../domain/verdict.ts';
import {
  count,
  defect,
  digest,
  probability,
  type Stamp,
  stamp,
  stamped,
  thresholds,
  utc,
} from './envelope.ts';
import { modelReference, modelReferenceSchema } from './model-reference.ts';

const signature = z
  .enum(['shipped', 'trusted', 'untrusted', 'unsigned'])
  .describe(
    'who vouches for it: it came with SPECTA; a key trusted now; a key not trusted any more; nobody (development only)',
  );

/** Which bundle. */
export const bundleName = {
  name: z.string().min(1),
  version: z.string().min(1),
  digest: digest.describe("SHA-256 of the bundle's manifest, hexadecimal"),
};

const trial = z.strictObject({
  ...bundleName,
  signature,
  phase: z
    .enum(['waiting', 'proving', 'shadow'])
    .describe('waiting for a verdict; loaded and proved on its golden inputs; judging live frames unheeded'),
  progress: probability.describe('of the frames it must judge'),
  shown: count.describe('frames that were given to both models'),
  compared: count.describe('of these, frames that neither found blind'),
  alike: count,
  servingBlind: count,
  trialBlind: count,
  late: count,
  errors: count,
  skipped: count.describe('frames not shown because the one before was still being judged'),
});

const passedOver = z.strictObject({
  ...bundleName,
  reason: z.string().describe('damaged, does not load, or took SPECTA down while it was being loaded'),
});

const lastTrial = z.strictObject({
  ...bundleName,
  passed: z.boolean(),
  reason: z.string().nullable().describe('why it was not passed; null when it was'),
  at: utc,
});

/** What is told of the models on board wherever the model in use is. */
export const modelsOnBoard = {
  slot: z
    .enum(['current', 'previous', 'trial', 'shipped'])
    .describe('which slot of the vehicle is in use; shipped: what the slots name is damaged'),
  signature,
  passedOver: passedOver
    .nullable()
    .describe('the model that is to serve and does not, so that another one does: it must be flashed again'),
  unsignedAllowed: z
    .boolean()
    .describe('model.allowUnsigned is set: bundles that nobody signed are taken. Never for a dive'),
  trial: trial.nullable().describe('the model that is to replace it, if it proves good'),
  lastTrial: lastTrial.nullable(),
};

export type TrialFacts = z.infer<typeof trial>;
export type ModelsOnBoard = z.infer<z.ZodObject<typeof modelsOnBoard>>;

export const modelSchema = z
  .strictObject({
    ...stamp,
    ...modelsOnBoard,
    model: modelReferenceSchema.nullable().describe('null when no model runs'),
    classes: z.array(z.enum(['corrosion', 'crack', 'intact'])),
    thresholds: z.partialRecord(defect, thresholds).describe('in force now'),
    trainedOn: z.string().nullable(),
  })
  .meta({ title: 'Model', description: 'The model in use, and the one on trial.' });

export type ModelMessage = z.infer<typeof modelSchema>;

/** The model in use; `running` null when none is. `thresholds` override the manifest's. */
export function modelMessage(
  input: Stamp & {
    readonly at: Instant;
    readonly onBoard: ModelsOnBoard;
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
    ...input.onBoard,
    model: running && modelReference(running.model),
    classes: running ? [...running.manifest.classes] : [],
    thresholds: { ...fromManifest, ...input.thresholds },
    trainedOn: running?.manifest.provenance.trainedOn ?? null,
  };
}
