import type { Clock } from '../platform/clock.ts';

/** A moment by which something must be done, however slowly a source gives its bytes. */
export class Deadline {
  private readonly clock: Clock;
  private readonly endMs: number;
  private readonly signal: AbortSignal | undefined;
  private readonly onPassed: () => Error;

  /**
   * @param ms from now
   * @param onPassed the error of what comes too late
   * @param signal ends it earlier, with the signal's reason
   */
  constructor(clock: Clock, ms: number, onPassed: () => Error, signal?: AbortSignal) {
    this.clock = clock;
    this.endMs = clock.now().monoMs + ms;
    this.onPassed = onPassed;
    this.signal = signal;
  }

  get isPassed(): boolean {
    return this.signal?.aborted === true || this.clock.now().monoMs >= this.endMs;
  }

  /** The promise's outcome, or the deadline's error when that comes first: a read that hangs cannot be called back. */
  within<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this;
    return new Promise<T>((resolve, reject) => {
      const done = (): void => {
        cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        done();
        reject(signal?.reason);
      };
      const cancel = this.clock.after(this.endMs - this.clock.now().monoMs, () => {
        done();
        reject(this.onPassed());
      });
      promise.then(
        (value) => {
          done();
          resolve(value);
        },
        (error: unknown) => {
          done();
          reject(error);
        },
      );
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
