import type { Bundle } from '../../domain/manifest.ts';
import { loadsFatal, MOST_LOADS } from '../../model/load-counts.ts';
import type { ModelStore } from '../../model/model-store.ts';
import type { Pointer } from '../../model/slots.ts';
import { asSpectaError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/log.ts';
import type { EngineChoice } from '../../vision/engine/engine.ts';
import { startVision, type Vision } from '../../vision/vision.ts';
import { loadsOf, type ServingModel, signatureOf, slotsOf } from '../model-to-serve.ts';
import type { LoadWatch } from './load-watch.ts';

interface Sources {
  readonly store: ModelStore;
  /** Opens the bundle that came with SPECTA. */
  readonly shipped: () => Promise<Bundle>;
  readonly log: Logger;
}

interface Loading {
  readonly engine: EngineChoice & { readonly lanes?: number };
  readonly loads: LoadWatch;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Opens what a slot points to, verified whole, as the one that is to be current. */
export async function openPointer(pointer: Pointer, { store, shipped, log }: Sources): Promise<ServingModel> {
  if (pointer.kind === 'shipped') return { bundle: await shipped(), slot: 'current', signature: 'shipped' };
  const signature = await signatureOf(store, pointer, log);
  return { bundle: await store.shelf.open(pointer), slot: 'current', signature };
}

/**
 * What can serve instead of `failed`: the one before, then the one that came with SPECTA. Damaged ones, and those that
 * took SPECTA down while they were being loaded, are logged. Never rejects: a disk that fails takes no model away that came
 * with SPECTA.
 */
export async function fallbacksFor(failed: ServingModel, sources: Sources): Promise<ServingModel[]> {
  const { store, log } = sources;
  const [{ previous }, loads] = [await slotsOf(store, log), await loadsOf(store, log)];
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
      log.error({ code }, `a model cannot serve instead: ${message}`);
    }
  }
  return found;
}

/**
 * The first of these that loads, with its vision; null when none does. Each failure is logged, each loading counted as at
 * a start.
 */
export async function firstToLoad(
  candidates: readonly ServingModel[],
  { engine, loads, log, signal }: Loading,
): Promise<{ readonly serving: ServingModel; readonly vision: Vision } | null> {
  for (const serving of candidates) {
    try {
      await loads.begin(serving);
      const vision = await startVision({ ...engine, bundle: serving.bundle, log, signal });
      loads.loaded();
      return { serving, vision };
    } catch (error) {
      loads.survived();
      const { code, message } = asSpectaError(error);
      log.error({ code }, `a model cannot serve instead: ${message}`);
    }
  }
  return null;
}
