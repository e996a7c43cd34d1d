import { resolve } from 'node:path';
import type { Config } from '../daemon/config.ts';
import { modelAtNextStart, modelsIn, type ServingModel } from '../daemon/model-to-serve.ts';
import type { Bundle } from '../domain/manifest.ts';
import { resolveBundle } from '../model/bundle.ts';
import { ModelStore, type ModelStoreOptions } from '../model/model-store.ts';
import { parseTrustedKeys } from '../model/signature.ts';
import { systemClock } from '../platform/clock.ts';
import { asSpectaError, SpectaError, systemCode } from '../platform/errors.ts';
import { nodeFiles } from '../platform/files.ts';
import { shippedModels } from './models-folder.ts';
import { productVersion } from './product-version.ts';

/** The models of the vehicle that a configuration describes. Throws `KEY_INVALID` for a trusted key that is none. */
export function openStore(
  { stateFolder, model, engine }: Config,
  options: Pick<ModelStoreOptions, 'fs' | 'shipped' | 'patienceMs'>,
): ModelStore {
  const { trustedKeys, allowUnsigned } = model;
  return new ModelStore({
    folder: modelsIn(resolve(stateFolder)),
    clock: systemClock,
    trust: { keys: parseTrustedKeys(trustedKeys), allowUnsigned },
    // Left open, TensorFlow.js chooses when it is loaded; what it always has is asked about.
    runtime: {
      version: productVersion(),
      engines: [engine.kind],
      provider: engine.provider ?? (engine.kind === 'tfjs' ? 'wasm' : 'cpu'),
    },
    ...options,
  });
}

/** The model that a daemon with this configuration would serve if it started now. Looks, and changes nothing. */
export async function servedNext(config: Config): Promise<ServingModel> {
  const shipped = (): Promise<Bundle> =>
    resolveBundle(config.model.bundle, config.modelsFolder ?? shippedModels());
  try {
    return await modelAtNextStart(openStore(config, { fs: nodeFiles, shipped: null }), shipped);
  } catch (error) {
    if (systemCode(error instanceof SpectaError ? error.cause : error) !== 'EACCES') throw error;
    throw new SpectaError(
      'DISK_FAILED',
      `This user may not see which model serves: ${asSpectaError(error).message}`,
      'Say sudo, or join the group specta and log in again.',
      error,
    );
  }
}
