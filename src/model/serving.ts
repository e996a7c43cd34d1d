import type { Bundle } from '../domain/manifest.ts';
import { asSpectaError, type SpectaError } from '../platform/errors.ts';
import type { BundleShelf } from './bundle-shelf.ts';
import { loadsFatal, MOST_LOADS } from './load-counts.ts';
import type { Pointer, Slots } from './slots.ts';

/** What is to serve, and what was meant to and cannot. */
export interface Serving {
  readonly bundle: Bundle;
  readonly slot: 'current' | 'previous' | 'shipped';
  /** Slots that come before and whose bundle is not whole, or took SPECTA down: to be told loudly. */
  readonly passedOver: readonly { readonly slot: 'current' | 'previous'; readonly error: SpectaError }[];
}

/**
 * The bundle that serves: the current one; when the disk has damaged it, or it took SPECTA down at each start, the
 * previous one; else the one that came with SPECTA, so that a vehicle always has a model. Each is verified whole first.
 * Rejects only when none is.
 *
 * @param shipped opens the bundle that came with SPECTA
 * @param loads how often the loading of each was not survived, by digest
 */
export async function chooseServing(
  slots: Slots,
  shelf: BundleShelf,
  shipped: () => Promise<Bundle>,
  loads: ReadonlyMap<string, number> = new Map(),
): Promise<Serving> {
  const passedOver: { slot: 'current' | 'previous'; error: SpectaError }[] = [];
  const open = async (pointer: Pointer): Promise<Bundle> => {
    if (pointer.kind === 'shipped') return shipped();
    const count = loads.get(pointer.digest) ?? 0;
    if (count >= MOST_LOADS) throw loadsFatal(count);
    return shelf.open(pointer);
  };
  for (const slot of ['current', 'previous'] as const) {
    const pointer = slots[slot];
    if (pointer === null) continue;
    try {
      return { bundle: await open(pointer), slot, passedOver };
    } catch (error) {
      passedOver.push({ slot, error: asSpectaError(error) });
    }
  }
  return { bundle: await shipped(), slot: 'shipped', passedOver };
}
