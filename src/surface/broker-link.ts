import { randomUUID } from 'node:crypto';
import type { PartStatus } from '../domain/status.ts';
import type { Clock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';
import { SpectaError } from '../platform/errors.ts';
import { GrowingPause } from '../platform/growing-pause.ts';
import { connect } from './connect.ts';
import type { Connection, Protocol } from './connection.ts';
import type { Link, LinkParts, LinkState } from './link.ts';
import { countsOf, LinkCounters, type LinkCounts } from './link-counters.ts';
import { connectionOptions, type SettledOptions } from './link-options.ts';
import { LinkWatch } from './link-watch.ts';
import { encode } from './messages/envelope.ts';
import { type StateMessage, stateMessage, stateSchema } from './messages/state.ts';
import type { Outbox } from './outbox.ts';
import { ProtocolChoice } from './protocol-choice.ts';
import { Pump } from './pump.ts';
import { RepeatedLog } from './repeated-log.ts';
import { RequestChannel } from './request-channel.ts';
import type { Requests } from './requests.ts';
import { RetainedTopics } from './retained-topics.ts';
import { type Topics, topicsOf } from './topics.ts';

/** The link over mqtt.js: one client per connection, the outbox as the only memory. */
export class BrokerLink implements Link {
  readonly topics: Topics;
  private readonly options: SettledOptions;
  private readonly clock: Clock;
  private readonly outbox: Outbox;
  private readonly requests: Requests | null;
  private readonly log: RepeatedLog;
  private readonly counters = new LinkCounters();
  private readonly retained: RetainedTopics;
  private readonly protocols: ProtocolChoice;
  private readonly pauses: GrowingPause;
  private readonly states = new Emitter<LinkState>();
  private readonly watch: LinkWatch;
  private readonly stopping = new AbortController();
  private current: LinkState = { kind: 'idle' };
  private connection: Connection | null = null;
  private pump: Pump | null = null;
  private pumping: Promise<void> = Promise.resolve();
  private stopLimit: AbortSignal = AbortSignal.abort();
  private running: Promise<void> | null = null;
  private stopped: Promise<void> | null = null;

  constructor(options: SettledOptions, parts: LinkParts) {
    this.options = options;
    this.requests = options.hearsRequests ? (parts.requests ?? null) : null;
    this.clock = parts.clock;
    this.outbox = parts.outbox;
    this.topics = topicsOf(options.vehicle);
    this.log = new RepeatedLog(parts.log, parts.clock, options.logEveryMs);
    this.retained = new RetainedTopics(this.counters, this.log, () => this.watch.review());
    this.protocols = new ProtocolChoice(options.protocol, parts.clock, options.retryFiveMs);
    this.pauses = new GrowingPause(options.reconnectPause.firstMs, options.reconnectPause.mostMs);
    this.watch = new LinkWatch(
      () => ({
        state: this.current,
        broker: options.broker,
        lane: (name) => this.pump?.condition(name) ?? { kind: 'flowing' },
        refusal: this.retained.refusal,
        waiting: this.outbox.depth().waiting,
      }),
      this.clock,
    );
  }

  get state(): LinkState {
    return this.current;
  }

  get status(): PartStatus {
    return this.watch.status;
  }

  get counts(): LinkCounts {
    return countsOf(this.counters);
  }

  start(): void {
    if (this.running || this.stopped) return;
    this.running = this.run();
  }

  stop(signal?: AbortSignal): Promise<void> {
    this.stopped ??= this.shutDown(signal);
    return this.stopped;
  }

  publishRetained(topic: string, payload: Uint8Array): void {
    this.retained.set(topic, payload);
  }

  publishLive(topic: string, payload: Uint8Array, live: { readonly expirySeconds: number }): boolean {
    const { connection } = this;
    const obstacle = !connection?.open
      ? 'offline'
      : connection.bufferedBytes > this.options.liveBacklogBytes
        ? 'congested'
        : null;
    if (obstacle) {
      this.counters.liveDropped.add(obstacle);
      return false;
    }
    connection?.publish({ topic, payload, retain: false, contentType: JSON_TYPE, ...live });
    this.counters.liveSent += 1;
    return true;
  }

  publishAcknowledged(
    topic: string,
    payload: Uint8Array,
    live: { readonly expirySeconds: number },
  ): Promise<number> {
    const { connection } = this;
    if (!connection?.open) {
      return Promise.reject(
        new SpectaError(
          'BROKER_UNREACHABLE',
          `There is no connection to ${this.options.broker}.`,
          'Start the broker, or look at status/link for why it cannot be reached.',
        ),
      );
    }
    return connection.send({ topic, payload, retain: false, contentType: JSON_TYPE, ...live });
  }

  onState(listener: (state: LinkState) => void): () => void {
    return this.states.on(listener);
  }

  onStatus(listener: (status: PartStatus) => void): () => void {
    return this.watch.onStatus(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    let attempt = 0;
    let reason: string | null = null;
    while (!signal.aborted) {
      attempt += 1;
      const protocol = this.protocols.next();
      this.enter({ kind: 'connecting', protocol, attempt, after: reason });
      const session = randomUUID();
      const tried = await this.attempt(protocol, session);
      if (tried.kind === 'open') {
        if (signal.aborted) {
          await tried.connection.end(this.stopLimit);
          break;
        }
        this.protocols.accepted(protocol);
        const openedAt = this.clock.now().monoMs;
        reason = await this.serve(tried.connection, session);
        if (this.clock.now().monoMs - openedAt >= this.options.stableMs) this.pauses.reset();
        attempt = 0;
      } else {
        reason = tried.failure.reason;
        if (tried.failure.kind === 'aborted') break;
        this.counters.failedAttempts += 1;
        if (
          (tried.failure.kind === 'version' && this.protocols.refused(protocol)) ||
          (tried.failure.kind === 'hung-up' && this.protocols.hungUp(protocol))
        ) {
          const next = this.protocols.next() === 4 ? 'MQTT 3.1.1' : 'once more';
          this.log.info('fall-back', `${reason}; trying ${next}`);
          continue;
        }
        if (tried.failure.kind === 'unreachable' || tried.failure.kind === 'timeout') {
          this.protocols.unanswered();
        }
        this.log.warn(`failed-${tried.failure.kind}`, `${this.options.broker}: ${reason}`);
      }
      if (signal.aborted) break;
      this.enter({ kind: 'waiting', reason, attempt });
      // The random part keeps a fleet from knocking all at once when its broker comes back.
      const pause = this.pauses.take() * (0.5 + Math.random() / 2);
      await this.clock
        .sleep(pause, signal)
        .catch(() => undefined /* stopped: the loop looks at the signal */);
    }
  }

  private async attempt(protocol: Protocol, session: string): ReturnType<typeof connect> {
    const will = { topic: this.topics.state, payload: this.stateOf('offline', session) };
    try {
      const options = await connectionOptions(this.options, protocol, will);
      return await connect(options, this.clock, this.stopping.signal);
    } catch (error) {
      // A secret that cannot be read, or TLS material that is none: it may be mended while we go on trying.
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: 'failed', failure: { kind: 'unreachable', reason } };
    }
  }

  /** One connection from its birth to its end; gives the reason of the end. */
  private async serve(connection: Connection, session: string): Promise<string> {
    this.counters.connections += 1;
    this.connection = connection;
    const { protocol } = connection;
    this.log.info(
      `connected-${protocol}`,
      `connected to ${this.options.broker}, MQTT ${protocol === 5 ? '5' : '3.1.1'}`,
    );
    this.retained.set(this.topics.state, this.stateOf('online', session));
    this.retained.attach(connection);
    this.hearRequests(connection);
    this.pump = new Pump(
      connection,
      this.options,
      {
        clock: this.clock,
        log: this.log,
        outbox: this.outbox,
        topics: this.topics,
        counters: this.counters,
      },
      () => this.watch.review(),
    );
    this.enter({ kind: 'connected', protocol, session });
    this.pumping = this.pump.run();
    const reason = await connection.closed;
    this.connection = null;
    this.pump = null;
    if (!this.stopping.signal.aborted) {
      this.counters.lostConnections += 1;
      this.log.warn('lost', `the connection to ${this.options.broker} was lost: ${reason}`);
    }
    return reason;
  }

  private hearRequests(connection: Connection): void {
    const { requests, topics, counters, log } = this;
    if (requests) void new RequestChannel(connection, { requests, topics, counters, log }).open();
  }

  private async shutDown(signal?: AbortSignal): Promise<void> {
    const bound = new AbortController();
    const cancel = this.clock.after(this.options.stopTimeoutMs, () => bound.abort());
    const limit = signal ? AbortSignal.any([signal, bound.signal]) : bound.signal;
    const limited = new Promise<void>((resolve) => {
      if (limit.aborted) resolve();
      else limit.addEventListener('abort', () => resolve(), { once: true });
    });
    this.stopLimit = limit;
    this.stopping.abort();
    this.pump?.stop();
    const { connection } = this;
    if (connection?.open && this.current.kind === 'connected') {
      // The farewell is the last message: what was told before goes first, also what waits behind a message in flight.
      const { session } = this.current;
      await Promise.race([connection.idle().then(() => connection.idle()), limited]);
      this.retained.set(this.topics.state, this.stateOf('stopped', session));
      await Promise.race([connection.idle(), limited]);
      await connection.end(limit);
    }
    // The black box may be stuck while answers are written down: it does not hold the stop beyond its limit.
    await Promise.race([Promise.all([this.running, this.pumping]), limited]);
    cancel();
    this.enter({ kind: 'stopped' });
  }

  private stateOf(state: StateMessage['state'], session: string): Uint8Array {
    const { vehicle, boot, version, clockQuality } = this.options;
    const at = this.clock.now();
    return encode(
      stateSchema,
      stateMessage({ vehicle, state, session, boot, version, clockQuality: clockQuality(), at }),
    );
  }

  private enter(state: LinkState): void {
    if (this.current.kind === 'stopped') return;
    this.current = state;
    this.states.emit(state);
    this.watch.review();
  }
}

const JSON_TYPE = 'application/json';
