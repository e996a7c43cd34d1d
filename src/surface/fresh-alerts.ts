import type { OutboxEntry } from '../domain/outbox.ts';
import type { Outbox } from './outbox.ts';

/** Alerts of the present that pass a long backlog, by their numbers, in their order. */
export class FreshAlerts {
  private readonly waiting = new Set<number>();

  get size(): number {
    return this.waiting.size;
  }

  has(id: number): boolean {
    return this.waiting.has(id);
  }

  add(ids: readonly number[]): void {
    for (const id of ids) this.waiting.add(id);
  }

  /** They wait in the outbox like all others. */
  clear(): void {
    this.waiting.clear();
  }

  /** The first one, read from the outbox; null when none waits. One that is gone from there is passed over. */
  async take(outbox: Outbox): Promise<OutboxEntry | null> {
    for (;;) {
      const [id] = this.waiting;
      if (id === undefined) return null;
      const [entry] = await outbox.head('alert', 1, id - 1);
      // While it was read all may have been cleared.
      if (this.waiting.delete(id) && entry?.id === id) return entry;
    }
  }
}
