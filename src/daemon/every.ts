import type { Clock } from '../platform/clock.ts';

/** A repetition under way. */
export interface Repetition {
  /** Ends it; idempotent. Work under way still finishes. */
  cancel(): void;
}

/** Calls `work` every `ms`, the next pause beginning when it is done. `work` that throws goes to `onError`; it goes on. */
export function every(
  clock: Clock,
  ms: number,
  work: () => Promise<void> | void,
  onError: (error: unknown) => void,
): Repetition {
  let cancelled = false;
  let cancelTimer = schedule();
  function schedule(): () => void {
    return clock.after(ms, () => {
      void Promise.resolve()
        .then(work)
        .catch(onError)
        .finally(() => {
          if (!cancelled) cancelTimer = schedule();
        });
    });
  }
  return {
    cancel() {
      cancelled = true;
      cancelTimer();
    },
  };
}
