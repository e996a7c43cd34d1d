import type { Bundle } from '../../domain/manifest.ts';
import { loadsFatal, MOST_LOADS } from '../../model/load-counts.ts';
import type { ModelStore } from '../../model/model-store.ts';
import type { Pointer } from '../../model/slots.ts';
import { asSpectaError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import { type ServingModel, signatureOf } from '../model-to-serve.ts';

interface Sources {
  readonly store: ModelStore;
  /** Opens the bundle that came with SPECTA. */
  readonly shipped: () => Promise<Bundle>;
  readonly log: Logger;
}

/** Opens what a slot points to, verified whole, as the one that is to be current. */
export async function openPointer(pointer: Pointer, { store, shipped, log }: Sources): Promise<ServingModel> {
  if (pointer.kind === 'shipped') return { bundle: await shipped(), slot: 'current', signature: 'shipped' };
  const signature = await signatureOf(store, pointer, log);
  return { bundle: await store.shelf.open(pointer), slot: 'current', signature };
}

/**
 * What can serve instead of `failed`: the one before, then the one that came with SPECTA. Damaged ones, and those that
 * took SPECTA down while they were being loaded, are logged.
 */
export async function fallbacksFor(failed: ServingModel, sources: Sources): Promise<ServingModel[]> {
  const { previous } = await sources.store.slots();
  const loads = await sources.store.loads.read();
  const found: ServingModel[] = [];
  for (const [slot, pointer] of [
    ['previous', previous],
    ['shipped', { kind: 'shipped' }],
  ] as const) {
    try {
      if (pointer === null) continue;
      const count = pointer.kind === 'installed' ? (loads.get(pointer.digest) ?? 0) : 0;
      if (count >= MOST_LOADS) throw loadsFatal(count);
      const serving: ServingModel = { ...(await openPointer(pointer, sources)), slot };
      const { digest } = serving.bundle;
      if (![failed, ...found].some(({ bundle }) => bundle.digest === digest)) found.push(serving);
    } catch (error) {
      const { code, message } = asSpectaError(error);
      sources.log.error({ code }, `a model cannot serve instead: ${message}`);
    }
  }
  return found;
}
