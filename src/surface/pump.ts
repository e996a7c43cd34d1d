import type { OutboxEntry, OutboxLane } from '../domain/outbox.ts';
import type { Clock } from '../platform/clock.ts';
import { GrowingPause } from '../platform/growing-pause.ts';
import { Allowance } from './allowance.ts';
import type { Connection } from './connection.ts';
import { entryMessage } from './entry-message.ts';
import { FreshAlerts } from './fresh-alerts.ts';
import { Lane, type LaneCondition } from './lane.ts';
import { LaneRests, type RefusedPause } from './lane-rests.ts';
import type { LinkCounters } from './link-counters.ts';
import type { Outbox } from './outbox.ts';
import { NO_SUBSCRIBERS, reasonText } from './reasons.ts';
import type { RepeatedLog } from './repeated-log.ts';
import type { Topics } from './topics.ts';

/** What the pump needs of a connection. */
export type Sender = Pick<Connection, 'send' | 'closed'>;

export interface PumpOptions {
  /** Most alerts in flight. */
  readonly inFlight: number;
  /** Alerts of the past sent a second once {@link backlogBurst} of them have gone. */
  readonly backlogPerSecond: number;
  readonly backlogBurst: number;
  /** Images sent a second, once some have gone. */
  readonly imagesPerSecond: number;
  /** Pause before an unheard lane is tried again, s; of images it grows to six times that. */
  readonly unheardRetrySeconds: number;
  readonly refusedPause: RefusedPause;
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

/**
 * Sends what waits in the outbox over one connection, lane by lane, until the connection ends or it is stopped. Alerts
 * leave in their order, but for one case: while a long backlog is sent at its bounded rate, those of the present pass it.
 */
export class Pump {
  private readonly options: PumpOptions;
  private readonly parts: PumpParts;
  private readonly connection: Sender;
  private readonly onCondition: () => void;
  /** Alerts of the present while they pass a backlog. */
  private readonly present: Lane;
  private readonly fresh = new FreshAlerts();
  private readonly alerts: Lane;
  private readonly images: Lane;
  private readonly allowance: Allowance;
  private readonly imageAllowance: Allowance;
  /** A backlog is being sent at its bounded rate. */
  private passing = false;
  /** Lanes that go on when they may again. */
  private readonly awaiting = new Set<Lane>();
  /** In the order of their priority. */
  private readonly lanes: readonly Lane[];
  private readonly rests: LaneRests;
  /** Between tries of an image that nobody hears. */
  private readonly unwanted: GrowingPause;
  private readonly restarting = new Set<Lane>();
  private readonly underWay = new Set<Promise<void>>();
  private readonly ended = new AbortController();
  private waker = Promise.withResolvers<void>();

  /** @param onCondition called when the condition of a lane may have changed */
  constructor(connection: Sender, options: PumpOptions, parts: PumpParts, onCondition: () => void) {
    this.connection = connection;
    this.options = options;
    this.parts = parts;
    this.onCondition = onCondition;
    this.allowance = new Allowance(parts.clock, options.backlogPerSecond, options.backlogBurst);
    this.imageAllowance = new Allowance(parts.clock, options.imagesPerSecond, IMAGE_BURST);
    this.present = new Lane('alert', options.inFlight, true);
    this.alerts = new Lane('alert', options.inFlight, true);
    // One image at a time: an alert waits behind no more than the one whose bytes are already with the socket.
    this.images = new Lane('image', 1, false);
    this.lanes = [this.present, this.alerts, new Lane('run', 1, true), this.images];
    const unheardMs = options.unheardRetrySeconds * 1000;
    this.unwanted = new GrowingPause(unheardMs, UNWANTED_MOST * unheardMs);
    this.rests = new LaneRests(this.lanes, parts.clock, options.refusedPause, () => this.wake());
  }

  condition(lane: OutboxLane): LaneCondition {
    const wanted = lane === 'alert' ? this.alerts : this.lanes.find(({ name }) => name === lane);
    return wanted?.condition ?? { kind: 'flowing' };
  }

  /**
   * Sends until the connection has ended or {@link stop} was called, then resolves as soon as every answer of the
   * broker that did come is written down. Never rejects.
   */
  async run(): Promise<void> {
    const { outbox, clock, log } = this.parts;
    const forget = outbox.onCommit((name, fresh) => {
      // Behind a pause all alerts are the past again, in their order.
      const passes = fresh.length > 0 && !this.present.paused && this.isBacklogLong;
      if (name === 'alert' && passes) this.fresh.add(fresh);
      else for (const lane of this.lanes) if (lane.name === name) lane.mayHaveMore = true;
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
    this.rests.stop();
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
        if (lane === this.present) {
          const entry = await this.fresh.take(this.parts.outbox);
          if (entry === null || lane.paused) break;
          lane.busy.add(entry.id);
          return { lane, entry };
        }
        if (lane === this.alerts && lane.ready.length > 0 && !this.allowance.take()) {
          // From now on alerts of the present pass.
          this.passing = true;
          this.goOnLater(lane, this.allowance);
          return null;
        }
        if (lane === this.images && lane.ready.length > 0 && !this.imageAllowance.take()) {
          this.goOnLater(lane, this.imageAllowance);
          return null;
        }
        const entry = lane.take();
        if (entry) return { lane, entry };
        if (!lane.mayHaveMore) break;
        lane.mayHaveMore = false;
        const found = await this.look(lane);
        const isElsewhere = (id: number): boolean => this.fresh.has(id) || this.present.busy.has(id);
        if (!lane.fill(found, isElsewhere) && !lane.paused) this.reachedEnd(lane);
      }
    }
    return null;
  }

  /** Whether an alert of now would wait behind others for longer than nobody would notice. */
  private get isBacklogLong(): boolean {
    if (this.passing || this.fresh.size > 0 || this.present.busy.size > 0) return true;
    return this.parts.outbox.depth().waiting.alert > this.options.backlogBurst;
  }

  private goOnLater(lane: Lane, allowance: Allowance): void {
    if (this.awaiting.has(lane)) return;
    this.awaiting.add(lane);
    this.rests.wakeAfter(allowance.waitMs(), () => this.awaiting.delete(lane));
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
    if (lane === this.alerts) this.passing = false;
    this.onCondition();
    if (!lane.hasPassedRefused || lane.mayHaveMore || this.restarting.has(lane)) return;
    this.restarting.add(lane);
    this.rests.later(lane, this.rests.takeRefusedPause(lane), () => {
      this.restarting.delete(lane);
      lane.restart();
    });
  }

  private send(lane: Lane, entry: OutboxEntry): void {
    const { clock, counters, topics, log } = this.parts;
    const late =
      entry.boot !== this.options.boot ||
      clock.now().utcMs - entry.committedAtUtcMs > this.options.historicalAfterSeconds * 1000;
    counters.sent[lane.name] += 1;
    if (late) counters.historical += 1;
    const sending = this.connection.send(entryMessage(entry, late, { topics, counters, log }));
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
      for (const one of this.rests.kindred(lane)) one.accepted();
      this.rests.accepted(lane);
      if (lane === this.images) this.unwanted.reset();
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
    this.rests.settled(lane);
    this.onCondition();
    this.wake();
  }

  private pause(lane: Lane, reason: number): void {
    const unheard = reason === NO_SUBSCRIBERS;
    const kindred = this.rests.kindred(lane);
    for (const one of kindred) one.pause(unheard ? { kind: 'unheard' } : { kind: 'refused', reason });
    if (lane.name === 'alert') {
      this.fresh.clear();
      this.passing = false;
    }
    this.rests.later(lane, unheard ? this.unheardPause(lane) : this.rests.takeRefusedPause(lane), () => {
      for (const one of kindred) one.resume();
    });
  }

  /** Until what nobody hears is tried again, ms. A picture that nobody wants is not sent whole every few seconds. */
  private unheardPause(lane: Lane): number {
    return lane === this.images ? this.unwanted.take() : this.options.unheardRetrySeconds * 1000;
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

const OUTBOX_RETRY_MS = 1000;
/** The pause before an image that nobody hears is tried again grows to so many times the first. */
const UNWANTED_MOST = 6;
/** Images that go at once after a rest. */
const IMAGE_BURST = 8;

/** A sleep ends early only because the pump was stopped; the loop around it looks at the signal. */
function cutShort(): void {}
