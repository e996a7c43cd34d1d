import { resolve } from 'node:path';
import type { Config } from '../daemon/config.ts';
import { modelsIn } from '../daemon/model-to-serve.ts';
import { ModelStore, type ModelStoreOptions } from '../model/model-store.ts';
import { parseTrustedKeys } from '../model/signature.ts';
import { systemClock } from '../platform/clock.ts';
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
