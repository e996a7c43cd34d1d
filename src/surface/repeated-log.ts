import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';

/** A log in which a line that repeats is written once per interval, with how often it was left out. */
export class RepeatedLog {
  private readonly log: Logger;
  private readonly clock: Clock;
  private readonly everyMs: number;
  private readonly lines = new Map<string, { readonly writtenAt: number; leftOut: number }>();

  constructor(log: Logger, clock: Clock, everyMs: number) {
    this.log = log;
    this.clock = clock;
    this.everyMs = everyMs;
  }

  info(key: string, text: string): void {
    this.write('info', key, text);
  }

  warn(key: string, text: string, error?: unknown): void {
    this.write('warn', key, text, error);
  }

  private write(level: 'info' | 'warn', key: string, text: string, error?: unknown): void {
    const now = this.clock.now().monoMs;
    const before = this.lines.get(key);
    if (before && now - before.writtenAt < this.everyMs) {
      before.leftOut += 1;
      return;
    }
    // Keys are few by design; the bound only guards against one made of changing text.
    if (this.lines.size >= 100) this.lines.clear();
    this.lines.set(key, { writtenAt: now, leftOut: 0 });
    this.log[level](
      {
        part: 'link',
        ...(before?.leftOut ? { leftOut: before.leftOut } : {}),
        ...(error === undefined ? {} : { err: error instanceof Error ? error.message : String(error) }),
      },
      text,
    );
  }
}
