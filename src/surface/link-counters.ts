import type { OutboxLane } from '../domain/outbox.ts';
import { Counters } from '../platform/counters.ts';

/** Why a live message was not sent. `offline`: no connection. `congested`: the socket is backed up. */
export type LiveDrop = 'offline' | 'congested';

/**
 * Why a request brought no answer. `request-retained`: it was not asked now. `request-flood`: too many at once.
 * `request-nameless`: a name that can be no topic, and no other place given. `answer-lost`: the connection ended first.
 */
export type RequestLoss = 'request-retained' | 'request-flood' | 'request-nameless' | 'answer-lost';

/** What the link has counted since it was created. */
export class LinkCounters {
  /** Entries handed to the socket, repeats included. */
  readonly sent: Record<OutboxLane, number> = { alert: 0, run: 0, image: 0 };
  /** Entries acknowledged with reason 0. */
  readonly acknowledged: Record<OutboxLane, number> = { alert: 0, run: 0, image: 0 };
  /** Answers "nobody is subscribed". */
  unheard = 0;
  /** Entries and retained messages the broker refused, by reason. */
  readonly refused = new Counters<string>();
  /** Entries whose connection ended before the broker answered; they are sent again. */
  unanswered = 0;
  /** Entries sent late, with the mark. */
  historical = 0;
  /** Late entries that could not be marked. */
  unmarked = 0;
  /** Reads or writes of the outbox that failed; tried again. */
  outboxFailures = 0;
  liveSent = 0;
  readonly liveDropped = new Counters<LiveDrop>();
  /** Requests heard and dealt with. */
  requests = 0;
  readonly requestsIgnored = new Counters<RequestLoss>();
  connections = 0;
  /** Attempts that brought no connection. */
  failedAttempts = 0;
  lostConnections = 0;
}

/** A copy of all counts. */
export interface LinkCounts {
  readonly sent: Readonly<Record<OutboxLane, number>>;
  readonly acknowledged: Readonly<Record<OutboxLane, number>>;
  readonly unheard: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly unanswered: number;
  readonly historical: number;
  readonly unmarked: number;
  readonly outboxFailures: number;
  readonly liveSent: number;
  readonly liveDropped: Readonly<Partial<Record<LiveDrop, number>>>;
  readonly requests: number;
  readonly requestsIgnored: Readonly<Partial<Record<RequestLoss, number>>>;
  readonly connections: number;
  readonly failedAttempts: number;
  readonly lostConnections: number;
}

export function countsOf(counters: LinkCounters): LinkCounts {
  return {
    ...counters,
    sent: { ...counters.sent },
    acknowledged: { ...counters.acknowledged },
    refused: { ...counters.refused.snapshot() } as Record<string, number>,
    requestsIgnored: counters.requestsIgnored.snapshot(),
    liveDropped: counters.liveDropped.snapshot(),
  };
}
