import { fileURLToPath } from 'node:url';

/** The bundle used where none is named. */
export const DEFAULT_BUNDLE = 'specta-separable';

/** The bundle of the demonstration: the only one that finds the cracks of its rendered run. */
export const DEMO_BUNDLE = 'specta-32x2';

/** The folder of the bundles that travel with SPECTA. */
export function shippedModels(): string {
  return fileURLToPath(new URL('../../models', import.meta.url));
}
