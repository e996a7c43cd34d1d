import type { Bundle } from '../domain/manifest.ts';
import { type ErrorRecord, toErrorRecord } from '../platform/errors.ts';
import type { EngineChoice } from './engine/engine.ts';
import { type Proof, proveBundle } from './prove.ts';

/** What the child is asked. */
export interface ProvingTask {
  readonly bundle: Bundle;
  readonly choice: EngineChoice;
}

/** What it answers. Where native code takes it down, nothing comes. */
export type ProvingAnswer =
  | { readonly kind: 'proved'; readonly proof: Proof }
  | { readonly kind: 'refused'; readonly error: ErrorRecord };

async function perform({ bundle, choice }: ProvingTask): Promise<ProvingAnswer> {
  try {
    return { kind: 'proved', proof: await proveBundle(bundle, choice) };
  } catch (error) {
    return { kind: 'refused', error: toErrorRecord(error) };
  }
}

process.once('message', async (task: ProvingTask) => {
  process.send?.(await perform(task), () => process.disconnect());
});
