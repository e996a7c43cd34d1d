import type { OutboxEntry, OutboxLane } from '../domain/outbox.ts';
import type { Clock } from '../platform/clock.ts';
import { GrowingPause } from '../platform/growing-pause.ts';
import type { Connection } from './connection.ts';
import { Lane, type LaneCondition } from './lane.ts';
import type { LinkCounters } from './link-counters.ts';
import { alertImageProperties } from './messages/alert-image.ts';
import { markHistorical } from './messages/historical.ts';
import type { Outbox } from './outbox.ts';
import { NO_SUBSCRIBERS, reasonText } from './reasons.ts';
import type { RepeatedLog } from './repeated-log.ts';
import type { Topics } from './topics.ts';

/** What the pump needs of a connection. */
export type Sender = Pick<Connection, 'send' | 'closed'>;

export interface PumpOptions {
  /** Most alerts in flight. */
  readonly inFlight: number;
  /** Pause before an unheard lane is tried again, s. */
  readonly unheardRetrySeconds: number;
  /** First and longest pause after a refusal, ms. */
  readonly refusedPause: { readonly firstMs: number; readonly mostMs: number };
  /** An entry sent later than this after its commit is historical, s. */
  readonly historicalAfterSeconds: number;
  /** This boot: entries of others are historical. */
  readonly boot: string;
}

export interface PumpParts {
  readonly clock: Clock;
  readonly log: RepeatedLog;
  readonly outbox: Outbox;
  readonly topics: Topics;
  readonly counters: LinkCounters;
}

/** Sends what waits in the outbox over one connection, lane by lane, until the connection ends or it is stopped. */
export class Pump {
  private readonly options: PumpOptions;
  private readonly parts: PumpParts;
  private readonly connection: Sender;
  private readonly onCondition: () => void;
  /** In the order of their priority. */
  private readonly lanes: readonly Lane[];
  private readonly refusedPauses = new Map<Lane, GrowingPause>();
  private readonly onDrained = new Map<Lane, () => void>();
  private readonly restarting = new Set<Lane>();
  private readonly underWay = new Set<Promise<void>>();
  private readonly timers = new Set<() => void>();
  private readonly ended = new AbortController();
  private waker = Promise.withResolvers<void>();

  /** @param onCondition called when the condition of a lane may have changed */
  constructor(connection: Sender, options: PumpOptions, parts: PumpParts, onCondition: () => void) {
    this.connection = connection;
    this.options = options;
    this.parts = parts;
    this.onCondition = onCondition;
    this.lanes = [
      new Lane('alert', options.inFlight, true),
      new Lane('run', 1, true),
      // One image at a time: an alert waits behind no more than the one whose bytes are already with the socket.
      new Lane('image', 1, false),
    ];
    for (const lane of this.lanes) {
      const { firstMs, mostMs } = options.refusedPause;
      this.refusedPauses.set(lane, new GrowingPause(firstMs, mostMs));
    }
  }

  condition(lane: OutboxLane): LaneCondition {
    return this.lanes.find(({ name }) => name === lane)?.condition ?? { kind: 'flowing' };
  }

  /**
   * Sends until the connection has ended or {@link stop} was called, then resolves as soon as every answer of the
   * broker that did come is written down. Never rejects.
   */
  async run(): Promise<void> {
    const { outbox, clock, log } = this.parts;
    const forget = outbox.onCommit((name) => {
      for (const lane of this.lanes) if (lane.name === name) lane.mayHaveMore = true;
      this.wake();
    });
    void this.connection.closed.then(() => this.stop());
    const { signal } = this.ended;
    while (!signal.aborted) {
      // Armed before the look, so that whatever happens during it ends the wait at once.
      this.waker = Promise.withResolvers<void>();
      const { waker } = this;
      try {
        const next = await this.next();
        if (signal.aborted) break;
        if (next) this.send(next.lane, next.entry);
        else await waker.promise;
      } catch (error) {
        this.parts.counters.outboxFailures += 1;
        log.warn('outbox-read', 'the outbox cannot be read', error);
        await clock.sleep(OUTBOX_RETRY_MS, signal).catch(cutShort);
      }
    }
    forget();
    await Promise.allSettled(this.underWay);
  }

  /** Sends nothing more; acknowledgements that still come are heeded. Idempotent. */
  stop(): void {
    this.ended.abort();
    for (const cancel of this.timers) cancel();
    this.timers.clear();
    this.wake();
  }

  private wake(): void {
    this.waker.resolve();
  }

  /** The first entry of the most urgent lane that may send; null when every lane is empty, full or pausing. */
  private async next(): Promise<{ lane: Lane; entry: OutboxEntry } | null> {
    for (const lane of this.lanes) {
      while (!lane.paused) {
        if (lane.busy.size >= lane.window) {
          if (lane.ready.length > 0 || lane.mayHaveMore) return null;
          break;
        }
        const entry = lane.take();
        if (entry) return { lane, entry };
        if (!lane.mayHaveMore) break;
        lane.mayHaveMore = false;
        const found = await this.look(lane);
        if (!lane.fill(found) && !lane.paused) this.reachedEnd(lane);
      }
    }
    return null;
  }

  private async look(lane: Lane): Promise<readonly OutboxEntry[]> {
    try {
      return await this.parts.outbox.head(lane.name, lane.window, lane.afterId);
    } catch (error) {
      lane.mayHaveMore = true;
      throw error;
    }
  }

  private reachedEnd(lane: Lane): void {
    this.onCondition();
    if (!lane.hasPassedRefused || lane.mayHaveMore || this.restarting.has(lane)) return;
    this.restarting.add(lane);
    this.later(lane, this.refusedPause(lane), () => {
      this.restarting.delete(lane);
      lane.restart();
    });
  }

  private send(lane: Lane, entry: OutboxEntry): void {
    const { clock, counters, topics, log } = this.parts;
    const late =
      entry.boot !== this.options.boot ||
      clock.now().utcMs - entry.committedAtUtcMs > this.options.historicalAfterSeconds * 1000;
    let { payload } = entry;
    if (late && entry.contentType === JSON_TYPE) {
      const marked = markHistorical(payload);
      if (marked) payload = marked;
      else {
        counters.unmarked += 1;
        log.warn(
          'unmarked',
          `entry ${entry.id} of the outbox is no JSON object and cannot be marked historical`,
        );
      }
    }
    const place = topics.parse(entry.topic);
    counters.sent[lane.name] += 1;
    if (late) counters.historical += 1;
    const sending = this.connection.send({
      topic: entry.topic,
      payload,
      // Retained topics tell the present, and the link keeps them itself; what waited may already be the past.
      retain: false,
      contentType: entry.contentType,
      expirySeconds: null,
      ...(place?.name === 'alertImage' && place.of !== null
        ? {
            userProperties: alertImageProperties({
              vehicle: topics.vehicle,
              finding: place.of,
              boot: entry.boot,
              committedAtUtcMs: entry.committedAtUtcMs,
              historical: late,
              payload,
            }),
          }
        : {}),
    });
    const answer = sending
      .then(
        (reason) => this.answered(lane, entry, reason),
        () => {
          // The connection is gone: the entry is still in the outbox and goes out again on the next one.
          counters.unanswered += 1;
        },
      )
      .finally(() => this.underWay.delete(answer));
    this.underWay.add(answer);
  }

  private async answered(lane: Lane, entry: OutboxEntry, reason: number): Promise<void> {
    const { counters, outbox, log } = this.parts;
    if (reason === 0) {
      counters.acknowledged[lane.name] += 1;
      lane.accepted();
      this.refusedPauses.get(lane)?.reset();
      await this.insist('settle', () => outbox.settle(entry.id));
    } else {
      if (reason === NO_SUBSCRIBERS) counters.unheard += 1;
      else {
        counters.refused.add(reasonText(reason));
        log.warn(`refused-${reason}`, `the broker refuses ${entry.topic}: ${reasonText(reason)}`);
      }
      if (!lane.paused) this.pause(lane, reason);
      await this.insist('mark', () => outbox.mark(entry.id, reason));
    }
    lane.busy.delete(entry.id);
    if (lane.busy.size === 0) {
      this.onDrained.get(lane)?.();
      this.onDrained.delete(lane);
    }
    this.onCondition();
    this.wake();
  }

  private pause(lane: Lane, reason: number): void {
    const unheard = reason === NO_SUBSCRIBERS;
    lane.pause(unheard ? { kind: 'unheard' } : { kind: 'refused', reason });
    const ms = unheard ? this.options.unheardRetrySeconds * 1000 : this.refusedPause(lane);
    this.later(lane, ms, () => lane.resume());
  }

  private refusedPause(lane: Lane): number {
    return this.refusedPauses.get(lane)?.take() ?? this.options.refusedPause.mostMs;
  }

  /** Does `then` after `ms`, once all answers to what the lane has sent are in: only then its head is known. */
  private later(lane: Lane, ms: number, then: () => void): void {
    const act = (): void => {
      then();
      this.wake();
    };
    this.after(ms, () => {
      if (lane.busy.size === 0) act();
      else this.onDrained.set(lane, chained(this.onDrained.get(lane), act));
    });
  }

  private after(ms: number, callback: () => void): void {
    if (this.ended.signal.aborted) return;
    const cancel = this.parts.clock.after(ms, () => {
      this.timers.delete(cancel);
      callback();
    });
    this.timers.add(cancel);
  }

  /** The broker's answer is known only here: it is written down even if the black box fails for a while. */
  private async insist(what: string, write: () => Promise<void>): Promise<void> {
    const { clock, counters, log } = this.parts;
    for (;;) {
      try {
        await write();
        return;
      } catch (error) {
        counters.outboxFailures += 1;
        log.warn(`outbox-${what}`, 'an answer of the broker cannot be written to the outbox', error);
        if (this.ended.signal.aborted) return;
        await clock.sleep(OUTBOX_RETRY_MS, this.ended.signal).catch(cutShort);
      }
    }
  }
}

const JSON_TYPE = 'application/json';
const OUTBOX_RETRY_MS = 1000;

function chained(first: (() => void) | undefined, second: () => void): () => void {
  return () => {
    first?.();
    second();
  };
}

/** A sleep ends early only because the pump was stopped; the loop around it looks at the signal. */
function cutShort(): void {}
