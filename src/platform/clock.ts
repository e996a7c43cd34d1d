import { setTimeout as sleep } from 'node:timers/promises';
import type { Instant } from '../domain/time.ts';

/** Time as the product sees it; injected everywhere, so that tests own it. */
export interface Clock {
  /** The present moment. */
  now(): Instant;
  /** Resolves after `ms` of monotonic time; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `callback` once after `ms`; the returned function cancels and may be called again. */
  after(ms: number, callback: () => void): () => void;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => ({ monoMs: performance.now(), utcMs: Date.now() }),
  async sleep(ms, signal) {
    await sleep(ms, undefined, signal ? { signal } : undefined);
  },
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
}

/** `Clock.sleep` by means of `Clock.after`, for clocks that move otherwise than time does. */
export function sleepBy(clock: Pick<Clock, 'after'>, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** A clock that moves only when told; for tests and for simulated hours. */
export class ManualClock implements Clock {
  private mono: number;
  private utc: number;
  private order = 0;
  private timers: Timer[] = [];

  constructor(start: Instant = { monoMs: 0, utcMs: Date.UTC(2026, 0, 1) }) {
    this.mono = start.monoMs;
    this.utc = start.utcMs;
  }

  now(): Instant {
    return { monoMs: this.mono, utcMs: this.utc };
  }

  /** Moves the wall clock only, as a time server would. */
  setUtc(utcMs: number): void {
    this.utc = utcMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepBy(this, ms, signal);
  }

  after(ms: number, callback: () => void): () => void {
    const timer: Timer = { due: this.mono + Math.max(0, ms), order: this.order++, callback };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }

  /** Moves both clocks on by `ms`, firing timers in order at their own times, and lets promises settle. */
  async advance(ms: number): Promise<void> {
    const end = this.mono + ms;
    await new Promise(setImmediate);
    for (;;) {
      const next = this.timers
        .filter((timer) => timer.due <= end)
        .sort((a, b) => a.due - b.due || a.order - b.order)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.moveTo(Math.max(this.mono, next.due));
      next.callback();
      await new Promise(setImmediate);
    }
    this.moveTo(end);
    await new Promise(setImmediate);
  }

  private moveTo(mono: number): void {
    this.utc += mono - this.mono;
    this.mono = mono;
  }
}
