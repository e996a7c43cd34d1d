import type { OutboxLane } from '../domain/outbox.ts';

/** One message for the surface, before the record has given it a number. */
export interface OutboxMessage {
  readonly lane: OutboxLane;
  readonly topic: string;
  readonly contentType: string;
  readonly payload: Uint8Array;
}

/** When and in which boot something was written down. */
export interface Stamp {
  readonly boot: string;
  readonly utcMs: number;
  readonly monoMs: number;
}

/** What decides how long something is kept. */
export interface Aging extends Stamp {
  readonly bytes: number;
}

/** Lanes from the last to be given up to the first. */
export const LANES: readonly OutboxLane[] = ['alert', 'run', 'image'];
