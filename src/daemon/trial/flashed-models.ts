import { join } from 'node:path';
import type { Bundle } from '../../domain/manifest.ts';
import type { ModelStore } from '../../model/model-store.ts';
import type { Clock } from '../../platform/clock.ts';
import { nodeFiles } from '../../platform/files.ts';
import type { Logger } from '../../platform/log.ts';
import type { Config } from '../config.ts';
import type { ServingModel } from '../model-to-serve.ts';
import { engineOptions, trialOptions } from '../part-options.ts';
import type { SupervisedVision } from '../supervised-vision.ts';
import { Inbox } from './inbox.ts';
import { OnboardModels } from './onboard-models.ts';

/** The bundles on board, for a daemon that takes others while it runs. */
export interface FlashedModels extends Omit<ServingModel, 'bundle'> {
  readonly store: ModelStore;
  /** Opens the bundle that came with SPECTA. */
  readonly shipped: () => Promise<Bundle>;
}

interface Parts {
  readonly config: Config;
  readonly boot: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What serves at first: without {@link FlashedModels} the bundle that the daemon was given. */
export function servingAtFirst(bundle: Bundle, flashed: FlashedModels | undefined): ServingModel {
  const { slot = 'current', signature = 'shipped', passedOver } = flashed ?? {};
  return { bundle, slot, signature, ...(passedOver && { passedOver }) };
}

/** The models of a daemon with this configuration. */
export function openModels(
  serving: ServingModel,
  flashed: FlashedModels | undefined,
  { config, ...parts }: Parts,
  switching: { readonly vision: SupervisedVision; readonly onSwap: (bundle: Bundle) => void },
): OnboardModels {
  return new OnboardModels({
    ...parts,
    ...switching,
    serving,
    store: flashed?.store ?? null,
    shipped: flashed?.shipped ?? (async () => serving.bundle),
    fs: nodeFiles,
    engine: engineOptions(config),
    trial: trialOptions(config),
    recordFolder: join(config.stateFolder, 'trials'),
  });
}

/** The inbox of the same daemon; null where nothing can be flashed. */
export function openInbox(
  models: OnboardModels,
  flashed: FlashedModels | undefined,
  { config, clock, log }: Parts,
): Inbox | null {
  if (flashed === undefined) return null;
  return new Inbox({
    folder: config.model.inbox ?? join(config.stateFolder, 'inbox'),
    ledger: join(config.stateFolder, 'inbox.json'),
    store: flashed.store,
    ...{ models, fs: nodeFiles, clock, log },
  });
}
