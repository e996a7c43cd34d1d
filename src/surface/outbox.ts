import type { OutboxDepth, OutboxEntry, OutboxLane } from '../domain/outbox.ts';

/** The durable queue as the link needs it; the black box is one. Nothing is lost before {@link settle}. */
export interface Outbox {
  /** Up to `limit` entries of a lane in the order of their ids, those after `afterId` only, where given. */
  head(lane: OutboxLane, limit: number, afterId?: number): Promise<readonly OutboxEntry[]>;
  /** The broker acknowledged this very entry with reason 0: it may go. An unknown id is no error. */
  settle(id: number): Promise<void>;
  /** The broker took it but nobody listens (16), or refused it (128 and above): one more attempt, it stays. */
  mark(id: number, reason: number): Promise<void>;
  /**
   * Calls `listener` after entries of a lane were committed, with the numbers of those that tell of the present; none for
   * what is told again. The returned function ends it.
   */
  onCommit(listener: (lane: OutboxLane, fresh: readonly number[]) => void): () => void;
  depth(): OutboxDepth;
}
