import { test } from 'vitest';
import { mosquittoMissing } from '../fixtures/mosquitto.ts';
import { onStage, type Stage } from './stage.ts';

const PATIENCE_MS = 120_000;

/**
 * A scenario as a test: over a real Mosquitto, or skipped with what would bring one.
 *
 * @param concurrent for scenarios of one file that mostly wait
 */
export function scenario(
  title: string,
  play: (stage: Stage) => Promise<void>,
  { concurrent = false }: { readonly concurrent?: boolean } = {},
): void {
  test(title, { timeout: PATIENCE_MS, concurrent }, async (context) => {
    if (mosquittoMissing !== null) context.skip(mosquittoMissing);
    await onStage(play);
  });
}
