import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';

/** From the beginning of a stop: the surface is waited for no longer, so that the record still has its time, ms. */
const HURRY_MS = 2_300;
/**
 * A stop leaves behind what hangs after this, ms. 5 s are promised, and the process cannot end before a thread in
 * SQLite comes back, which takes up to 1 s when another process holds the file.
 */
const STOP_MS = 2_800;

interface StopParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when the surface is to be waited for no longer. */
  readonly onHurry: () => void;
  /** Called when something hangs and is left behind. */
  readonly onLate: () => void;
}

/** Stops all parts in order, what was started last first; one that rejects keeps none behind it from it. Never rejects. */
export async function stopInTime(
  parts: AsyncDisposableStack,
  { clock, log, onHurry, onLate }: StopParts,
): Promise<void> {
  const stopping = parts.disposeAsync().catch((error: unknown) => {
    log.error({ error }, 'a part did not stop in order');
  });
  const cancelHurry = clock.after(HURRY_MS, onHurry);
  let cancelLate = (): void => undefined;
  const late = new Promise<void>((resolve) => {
    cancelLate = clock.after(STOP_MS, () => {
      log.error(`parts did not stop within ${STOP_MS} ms: left behind`);
      onLate();
      resolve();
    });
  });
  await Promise.race([stopping, late]);
  cancelHurry();
  cancelLate();
}
