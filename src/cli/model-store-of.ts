import { resolve } from 'node:path';
import type { Config } from '../daemon/config.ts';
import { modelsIn } from '../daemon/model-to-serve.ts';
import { ModelStore, type ModelStoreOptions } from '../model/model-store.ts';
import { parseTrustedKeys } from '../model/signature.ts';
import { systemClock } from '../platform/clock.ts';
import { productVersion } from './product-version.ts';

/** The models of the vehicle that a configuration describes. Throws `KEY_INVALID` for a trusted key that is none. */
export function openStore(
  { stateFolder, model }: Config,
  options: Pick<ModelStoreOptions, 'fs' | 'shipped' | 'patienceMs'>,
): ModelStore {
  const { trustedKeys, allowUnsigned, provider } = model;
  return new ModelStore({
    folder: modelsIn(resolve(stateFolder)),
    clock: systemClock,
    trust: { keys: parseTrustedKeys(trustedKeys), allowUnsigned },
    runtime: { version: productVersion(), engines: ['onnx'], provider },
    ...options,
  });
}
