import { join } from 'node:path';
import type { Bundle } from '../domain/manifest.ts';
import type { BundleId } from '../model/admission.ts';
import type { ModelStore } from '../model/model-store.ts';
import { chooseServing } from '../model/serving.ts';
import { FIRST_SLOTS, type Slots } from '../model/slots.ts';
import { toErrorRecord } from '../platform/errors.ts';
import { type Logger, silentLog } from '../platform/log.ts';
import type { ModelsOnBoard } from '../surface/messages/model.ts';

/** Where a state folder keeps bundles and slots. */
export function modelsIn(stateFolder: string): string {
  return join(stateFolder, 'models');
}

/** The slots after a start; a disk that fails is told, and takes no model away that came with SPECTA. */
async function recovered(store: ModelStore, boot: string, log: Logger): Promise<Slots> {
  try {
    const { slots, damage } = await store.recover(boot);
    if (damage !== null)
      log.error({ error: toErrorRecord(damage) }, 'the slots of the models could not be read');
    return slots;
  } catch (error) {
    log.error({ error: toErrorRecord(error) }, 'the models on board could not be put in order');
  }
  return slotsOf(store, log);
}

/** The slots; a disk that fails is told, and takes no model away that came with SPECTA. */
export async function slotsOf(store: ModelStore, log: Logger): Promise<Slots> {
  try {
    return await store.slots();
  } catch (error) {
    log.error({ error: toErrorRecord(error) }, 'the slots of the models cannot be read');
    return FIRST_SLOTS;
  }
}

/** How often the loading of each model was not survived; a disk that fails is told, and takes no model away. */
export async function loadsOf(store: ModelStore, log: Logger): Promise<ReadonlyMap<string, number>> {
  try {
    return await store.loads.read();
  } catch (error) {
    log.error({ error: toErrorRecord(error) }, 'it cannot be read which models took SPECTA down');
    return new Map();
  }
}

/** Who vouches for a bundle: see the `model` message. */
export type Signature = 'shipped' | 'trusted' | 'untrusted' | 'unsigned';

/** The bundle that serves, from which slot, and who vouches for it. */
export interface ServingModel {
  readonly bundle: Bundle;
  readonly slot: 'current' | 'previous' | 'shipped';
  readonly signature: Signature;
  /** The bundle that should serve instead, and why it does not. */
  readonly passedOver?: PassedOver;
}

/** A bundle that a slot names and that does not serve. */
export type PassedOver = NonNullable<ModelsOnBoard['passedOver']>;

/** Who vouches for an installed bundle; one whose signature cannot be read counts as not trusted. */
export async function signatureOf(store: ModelStore, id: BundleId, log: Logger): Promise<Signature> {
  try {
    const signer = await store.signerOf(id);
    if (signer === null) return 'unsigned';
    return signer === 'untrusted' ? 'untrusted' : 'trusted';
  } catch (error) {
    log.error({ error: toErrorRecord(error), bundle: id }, 'the signature of a model cannot be read');
    return 'untrusted';
  }
}

/**
 * The bundle that a starting daemon serves: what the slots say, else the one before, else the one that came with SPECTA.
 * Whatever is not as it should be is logged. Rejects only when no bundle at all is whole.
 *
 * @param shipped opens the bundle that the configuration names
 */
export async function modelToServe(
  store: ModelStore,
  shipped: () => Promise<Bundle>,
  boot: string,
  log: Logger,
): Promise<ServingModel> {
  return serving(store, shipped, await recovered(store, boot, log), await loadsOf(store, log), log);
}

/**
 * The same for somebody who only looks, as a daemon that starts now would find it. Rejects with what cannot be read.
 */
export async function modelAtNextStart(
  store: ModelStore,
  shipped: () => Promise<Bundle>,
): Promise<ServingModel> {
  return serving(store, shipped, await store.slots(), await store.loads.read(), silentLog());
}

async function serving(
  store: ModelStore,
  shipped: () => Promise<Bundle>,
  slots: Slots,
  loads: ReadonlyMap<string, number>,
  log: Logger,
): Promise<ServingModel> {
  const { bundle, slot, passedOver } = await chooseServing(slots, store.shelf, shipped, loads);
  for (const { slot: broken, error } of passedOver)
    log.error({ error: toErrorRecord(error), slot: broken, serving: slot }, 'a model is passed over');
  const { trial, lastTrial } = slots;
  if (trial !== null) log.warn({ trial: trial.bundle }, 'a model waits for its trial');
  if (lastTrial?.reason != null) log.info({ trial: lastTrial }, 'the last trial failed');
  const { name, version } = bundle.manifest;
  const pointer = slot === 'shipped' ? null : slots[slot];
  const signature = pointer?.kind === 'installed' ? await signatureOf(store, pointer, log) : 'shipped';
  log.info({ name, version, digest: bundle.digest, slot, signature }, 'the model that serves');
  const first = passedOver.find((each) => each.slot === 'current');
  if (first === undefined || slots.current.kind === 'shipped') return { bundle, slot, signature };
  const { name: meant, version: at, digest } = slots.current;
  const reason = first.error.message;
  return { bundle, slot, signature, passedOver: { name: meant, version: at, digest, reason } };
}
