import type { PartStatus } from '../domain/status.ts';
import type { Clock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';
import { type LinkCondition, linkCondition } from './link-status.ts';

/** What the link sees of itself when it is asked. */
export type LinkSight = () => Parameters<typeof linkCondition>[0];

/** Watches how the link is, and tells when that or its cause is another than before. */
export class LinkWatch {
  private readonly see: LinkSight;
  private readonly clock: Clock;
  private readonly changes = new Emitter<PartStatus>();
  private last: LinkCondition;
  private sinceUtcMs: number;

  constructor(see: LinkSight, clock: Clock) {
    this.see = see;
    this.clock = clock;
    this.last = linkCondition(see());
    this.sinceUtcMs = clock.now().utcMs;
  }

  /** For `status/link`, with the figures of now. */
  get status(): PartStatus {
    const { condition, reason } = linkCondition(this.see());
    return { part: 'link', condition, reason, sinceUtcMs: this.sinceUtcMs };
  }

  /** Calls `listener` on each change; the returned function ends it. */
  onStatus(listener: (status: PartStatus) => void): () => void {
    return this.changes.on(listener);
  }

  /** Looks again: something may be another than before. */
  review(): void {
    const now = linkCondition(this.see());
    if (now.cause === this.last.cause) return;
    if (now.condition !== this.last.condition) this.sinceUtcMs = this.clock.now().utcMs;
    this.last = now;
    this.changes.emit(this.status);
  }
}
