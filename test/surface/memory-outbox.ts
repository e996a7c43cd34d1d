import type { OutboxDepth, OutboxEntry, OutboxLane } from '../../src/domain/outbox.ts';
import type { Outbox } from '../../src/surface/outbox.ts';

interface Row {
  readonly entry: OutboxEntry;
  attempts: number;
  lastReason: number | null;
}

/** An outbox that lives as long as the test. */
export class MemoryOutbox implements Outbox {
  /** Ids in the order in which they were settled. */
  readonly settled: number[] = [];
  /** Set to make every call fail, as a stuck disk does. */
  failing: Error | null = null;
  private readonly rows = new Map<number, Row>();
  private readonly listeners = new Set<(lane: OutboxLane, fresh: readonly number[]) => void>();
  private nextId = 1;

  add(
    entry: Pick<OutboxEntry, 'lane' | 'topic' | 'payload'> & Partial<OutboxEntry>,
    options: { readonly quietly?: boolean } = {},
  ): number {
    const id = this.nextId++;
    const full: OutboxEntry = {
      contentType: 'application/json',
      committedAtUtcMs: Date.now(),
      boot: 'boot-1',
      attempts: 0,
      lastReason: null,
      ...entry,
      id,
    };
    this.rows.set(id, { entry: full, attempts: full.attempts, lastReason: full.lastReason });
    if (!options.quietly) for (const listener of this.listeners) listener(full.lane, [id]);
    return id;
  }

  get(id: number): OutboxEntry | null {
    const row = this.rows.get(id);
    return row ? { ...row.entry, attempts: row.attempts, lastReason: row.lastReason } : null;
  }

  get size(): number {
    return this.rows.size;
  }

  async head(lane: OutboxLane, limit: number, afterId = 0): Promise<readonly OutboxEntry[]> {
    await this.door();
    return [...this.rows.values()]
      .filter(({ entry }) => entry.lane === lane && entry.id > afterId)
      .slice(0, limit)
      .map((row) => ({ ...row.entry, attempts: row.attempts, lastReason: row.lastReason }));
  }

  async settle(id: number): Promise<void> {
    await this.door();
    if (this.rows.delete(id)) this.settled.push(id);
  }

  async mark(id: number, reason: number): Promise<void> {
    await this.door();
    const row = this.rows.get(id);
    if (!row) return;
    row.attempts += 1;
    row.lastReason = reason;
  }

  onCommit(listener: (lane: OutboxLane, fresh: readonly number[]) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  depth(): OutboxDepth {
    const waiting = { alert: 0, run: 0, image: 0 };
    let bytes = 0;
    let oldest: number | null = null;
    let unheard = 0;
    for (const { entry, lastReason } of this.rows.values()) {
      waiting[entry.lane] += 1;
      bytes += entry.payload.length;
      oldest = Math.min(oldest ?? entry.committedAtUtcMs, entry.committedAtUtcMs);
      if (lastReason === 16) unheard += 1;
    }
    return { waiting, bytes, unheard, oldestUtcMs: oldest, dropped: {} };
  }

  /** The real one answers from another thread. */
  private async door(): Promise<void> {
    await new Promise(setImmediate);
    if (this.failing) throw this.failing;
  }
}
