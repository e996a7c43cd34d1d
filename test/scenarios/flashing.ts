import { join } from 'node:path';
import { openStore } from '../../src/cli/model-store-of.ts';
import type { Config } from '../../src/daemon/config.ts';
import { loadConfig } from '../../src/daemon/load-config.ts';
import { resolveBundle } from '../../src/model/bundle.ts';
import type { ModelStore } from '../../src/model/model-store.ts';
import { nodeFiles } from '../../src/platform/files.ts';
import { FlashedBundles } from '../fixtures/flashed-bundles.ts';
import type { Settings, Stage } from './stage.ts';

/**
 * Short, and patient with a busy machine; what is slow here is slow beyond doubt. 48 of every second frame: more than a
 * film's round, for a model that sees rust everywhere agrees where there is rust.
 */
export const TRIAL = { frames: 48, leastFrames: 48, everyNth: 2, latencyMs: 150, late: 0.9, minutes: 2 };

/** A vehicle's configuration that trusts whoever packs in `ashore`, and its models. */
export async function configured(
  stage: Stage,
  settings: Readonly<Record<string, Settings>>,
): Promise<{ config: Config; file: string; store: ModelStore; ashore: FlashedBundles }> {
  const bundle = await resolveBundle(join(stage.folder, 'tiny'), stage.folder);
  const ashore = FlashedBundles.in(stage.folder, bundle);
  const { model, ...others } = settings;
  const file = await stage.configure({
    ...others,
    model: { trustedKeys: [ashore.publicKey], trial: TRIAL, ...model },
  });
  const config = await loadConfig(file, {});
  const { manifest, digest } = bundle;
  const shipped = { name: manifest.name, version: manifest.version, digest };
  return { config, file, ashore, store: openStore(config, { shipped, fs: nodeFiles }) };
}
