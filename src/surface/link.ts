import type { PartStatus } from '../domain/status.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/log.ts';
import { BrokerLink } from './broker-link.ts';
import type { Protocol } from './connection.ts';
import type { LinkCounts } from './link-counters.ts';
import { type LinkOptions, settle } from './link-options.ts';
import type { Outbox } from './outbox.ts';
import type { Requests } from './requests.ts';
import type { Topics } from './topics.ts';

/** `attempt` counts from 1 since the last connection; `after` is why there is none. */
export type LinkState =
  | { readonly kind: 'idle' }
  | {
      readonly kind: 'connecting';
      readonly protocol: Protocol;
      readonly attempt: number;
      readonly after: string | null;
    }
  | { readonly kind: 'connected'; readonly protocol: Protocol; readonly session: string }
  | { readonly kind: 'waiting'; readonly reason: string; readonly attempt: number }
  | { readonly kind: 'stopped' };

/** The connection to the broker. The broker may be away for hours: nothing is lost and nothing piles up here. */
export interface Link {
  readonly topics: Topics;
  readonly state: LinkState;
  /** For `status/link`. */
  readonly status: PartStatus;
  readonly counts: LinkCounts;
  /** Begins to connect, and to connect again whenever needed. Idempotent; a stopped link stays stopped. */
  start(): void;
  /**
   * Publishes `stopped`, waits for acknowledgements under way until `stopTimeoutMs` or `signal`, says goodbye.
   * Idempotent; never rejects.
   */
  stop(signal?: AbortSignal): Promise<void>;
  /** Keeps the latest payload of a retained topic and publishes it now and after every connect (JSON, QoS 1). */
  publishRetained(topic: string, payload: Uint8Array): void;
  /**
   * Publishes with QoS 0 if it can go out at once; false and counted by reason when it was dropped.
   * @param live.expirySeconds the broker throws it away after that (MQTT 5)
   */
  publishLive(topic: string, payload: Uint8Array, live: { readonly expirySeconds: number }): boolean;
  /**
   * Publishes once with QoS 1, past the outbox, and resolves with the reason of the PUBACK (0, 16, 128 and above).
   * Rejects with `BROKER_UNREACHABLE` when there is no connection or it ends first. For what is worthless later.
   */
  publishAcknowledged(
    topic: string,
    payload: Uint8Array,
    live: { readonly expirySeconds: number },
  ): Promise<number>;
  onState(listener: (state: LinkState) => void): () => void;
  /** Calls `listener` when the condition or its cause changes, not for each message more that waits. */
  onStatus(listener: (status: PartStatus) => void): () => void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What the link works with. */
export interface LinkParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly outbox: Outbox;
  /** Answers what is asked over the broker; without it nothing is heard. */
  readonly requests?: Requests;
}

/** Throws `CONFIG_INVALID` for a broker's address or a vehicle's name that cannot be used. */
export function createLink(options: LinkOptions, parts: LinkParts): Link {
  return new BrokerLink(settle(options), parts);
}
