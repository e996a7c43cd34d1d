/** Which lane a message waits in. Lower lanes never wait for higher-numbered ones. */
export type OutboxLane = 'alert' | 'run' | 'image';

/** One message that must reach the surface. */
export interface OutboxEntry {
  /** Rising number given by the black box at commit: the order of sending within a lane. */
  readonly id: number;
  readonly lane: OutboxLane;
  readonly topic: string;
  /** Exact bytes to publish, without the `historical` mark, which the link adds when it sends late. */
  readonly payload: Uint8Array;
  readonly contentType: string;
  readonly committedAtUtcMs: number;
  /** Boot in which it was committed: another boot's entries are sent as `historical`. */
  readonly boot: string;
  /** Sends tried so far. */
  readonly attempts: number;
  /** What the broker said last: nobody listens, or a refusal; null when never answered. */
  readonly lastReason: number | null;
}

/** Counts of the outbox for `health` and `status/record`. */
export interface OutboxDepth {
  readonly waiting: Readonly<Record<OutboxLane, number>>;
  readonly bytes: number;
  /** Entries that the broker took but nobody was subscribed to. */
  readonly unheard: number;
  /** Commit time of the oldest entry; null when empty. */
  readonly oldestUtcMs: number | null;
  /** Entries given up, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}
