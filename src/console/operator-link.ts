import { readFile } from 'node:fs/promises';
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';
import type { Clock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';
import { SpectaError } from '../platform/errors.ts';
import { GrowingPause } from '../platform/growing-pause.ts';
import type { Logger } from '../platform/log.ts';
import { readPassword } from '../platform/password-file.ts';

/** Which broker, as whom. Files are read anew at each attempt, so that a renewed one is taken up. */
export interface BrokerAccess {
  /** `mqtt://HOST[:PORT]` or `mqtts://…`; no credentials in it. */
  readonly broker: string;
  /** Default `auto`: MQTT 5, or 3.1.1 (4) where the broker does not speak it. */
  readonly protocol?: 'auto' | 5 | 4 | undefined;
  readonly username?: string | undefined;
  readonly passwordFile?: string | undefined;
  /** Certificate authorities that may vouch for the broker (TLS), PEM. */
  readonly caFile?: string | undefined;
  /** A certificate of our own, PEM, for brokers that ask for one. */
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface OperatorLinkOptions extends BrokerAccess {
  /** Always the same for one history: the broker keeps what was meant for it while it is away. */
  readonly clientId: string;
  readonly topics: readonly string[];
  /**
   * Takes a message. Only when it returns is the message acknowledged; while it throws (a full disk), it is given the
   * same message again, and the broker keeps what is behind.
   *
   * @param retained the broker's memory, not something that the vehicle says now
   */
  readonly take: (topic: string, payload: Uint8Array, retained: boolean) => void;
}

/** `denied` names topics that the broker does not let us read. */
export type OperatorLinkState =
  | { readonly kind: 'connecting'; readonly reason: string | null }
  | {
      readonly kind: 'connected';
      readonly protocol: '3.1.1' | '5';
      readonly resumed: boolean;
      readonly denied: readonly string[];
    }
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'stopped' };

const WEEK_SECONDS = 7 * 86_400;
const CONNECT_MS = 10_000;
/** A second under way at once: the broker keeps the rest in the session. */
const RECEIVE_MAXIMUM = 64;
const TAKE_AGAIN_MS = 1_000;
const GOODBYE_MS = 1_000;

/**
 * The connection of a console or `specta watch`: a session that the broker remembers, QoS 1, MQTT 5 or else 3.1.1,
 * connecting again for ever.
 */
export class OperatorLink {
  private readonly options: OperatorLinkOptions;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly states = new Emitter<OperatorLinkState>();
  private readonly ending = new AbortController();
  private current: OperatorLinkState = { kind: 'connecting', reason: null };
  private client: MqttClient | null = null;
  private running: Promise<void> | null = null;
  private refusals = 0;

  constructor(options: OperatorLinkOptions, parts: { readonly clock: Clock; readonly log: Logger }) {
    this.options = options;
    this.clock = parts.clock;
    this.log = parts.log;
  }

  get state(): OperatorLinkState {
    return this.current;
  }

  /** Times that a message could not be taken and was given again. */
  get takenAgain(): number {
    return this.refusals;
  }

  onState(listener: (state: OperatorLinkState) => void): () => void {
    return this.states.on(listener);
  }

  /** Begins to connect; idempotent. */
  start(): void {
    this.running ??= this.run();
  }

  /** Ends the connection; the broker goes on keeping for us. Idempotent. */
  async stop(): Promise<void> {
    this.ending.abort();
    await this.running;
    this.enter({ kind: 'stopped' });
  }

  /** Publishes with QoS 1. Rejects with `BROKER_UNREACHABLE` without a connection, or when it is lost first. */
  async publish(topic: string, payload: Uint8Array, expirySeconds: number): Promise<void> {
    const client = this.client;
    if (client === null || !client.connected) throw this.unreachable('there is no connection');
    const five = client.options.protocolVersion === 5;
    const properties = five
      ? { properties: { contentType: 'application/json', messageExpiryInterval: expirySeconds } }
      : {};
    try {
      // Rejects when the connection ends first: a client that is given up lets go of what it had under way.
      const packet = await client.publishAsync(topic, Buffer.from(payload), { qos: 1, ...properties });
      const reason = packet && 'reasonCode' in packet ? packet.reasonCode : 0;
      if (typeof reason === 'number' && reason >= 0x80) throw this.unreachable(`refused (${reason})`);
    } catch (error) {
      if (error instanceof SpectaError) throw error;
      throw this.unreachable(error instanceof Error ? error.message : String(error));
    }
  }

  private unreachable(why: string): SpectaError {
    return new SpectaError(
      'BROKER_UNREACHABLE',
      `Nothing can be sent to ${this.options.broker}: ${why}.`,
      'Look at the broker and the network; it connects again by itself.',
    );
  }

  private async run(): Promise<void> {
    const { signal } = this.ending;
    const pause = new GrowingPause(500, 15_000);
    let first: 5 | 4 = 5;
    while (!signal.aborted) {
      const reasons = new Set<string>();
      const { protocol: wanted = 'auto' } = this.options;
      const both: readonly (5 | 4)[] = first === 5 ? [5, 4] : [4, 5];
      const order = wanted === 'auto' ? both : [wanted];
      for (const protocol of order) {
        if (signal.aborted) return;
        const outcome = await this.attempt(protocol);
        if (outcome.kind === 'ended') {
          first = protocol;
          pause.reset();
          reasons.clear();
          reasons.add(outcome.reason);
          break;
        }
        reasons.add(outcome.reason);
        // Only a broker that may not know the protocol is asked in the other one.
        if (!outcome.mayBeProtocol) break;
      }
      if (signal.aborted) return;
      const reason = [...reasons].join('; ');
      this.log.warn({ broker: this.options.broker }, `no connection: ${reason}`);
      this.enter({ kind: 'waiting', reason });
      // Not all consoles of a vessel at the same moment.
      const ms = pause.take() * (0.6 + 0.4 * Math.random());
      await this.clock.sleep(ms, signal).catch(() => undefined /* aborted: the loop ends */);
    }
  }

  /** One connection from its first packet to its end. */
  private async attempt(
    protocol: 5 | 4,
  ): Promise<
    | { readonly kind: 'failed'; readonly reason: string; readonly mayBeProtocol: boolean }
    | { readonly kind: 'ended'; readonly reason: string }
  > {
    const { signal } = this.ending;
    let client: MqttClient;
    try {
      const settings = await this.settings(protocol);
      // Stopped meanwhile: nobody would end a connection that begins now.
      if (signal.aborted) return { kind: 'failed', reason: 'stopped', mayBeProtocol: false };
      client = mqtt.connect(this.options.broker, settings);
    } catch (error) {
      // A file that cannot be read, or holds no certificate or key: it may be mended while we go on trying.
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: 'failed', reason: `a file for the connection: ${reason}`, mayBeProtocol: false };
    }
    const over = new AbortController();
    let reason: string | null = null;
    let code: number | null = null;
    let connected = false;
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    const onAbort = (): void => {
      client.end(false);
      // A broker that is gone does not answer the goodbye.
      this.clock.after(GOODBYE_MS, () => client.end(true));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    client.on('error', (error) => {
      reason ??= error.message === '' ? String('code' in error ? error.code : error.name) : error.message;
      if ('code' in error && typeof error.code === 'number') code = error.code;
    });
    client.on('disconnect', ({ reasonCode }) => {
      reason ??=
        reasonCode === 0x8e
          ? `another client is there as ${this.options.clientId}`
          : `the broker ended it (${reasonCode ?? 0})`;
    });
    client.handleMessage = (packet, done) => this.deliver(packet as IPublishPacket, done, over.signal);
    client.once('connect', ({ sessionPresent }) => {
      connected = true;
      this.client = client;
      void this.subscribe(client, protocol, sessionPresent === true);
    });
    const cancel = this.clock.after(CONNECT_MS, () => {
      if (connected) return;
      reason ??= `no answer within ${CONNECT_MS / 1000} s`;
      client.end(true);
    });
    await closed;
    over.abort();
    cancel();
    signal.removeEventListener('abort', onAbort);
    this.client = null;
    client.end(true);
    client.stream.destroy();
    if (connected) return { kind: 'ended', reason: reason ?? 'the connection was lost' };
    const unreachable =
      reason !== null && /E(CONNREFUSED|HOSTUNREACH|NETUNREACH)|ENOTFOUND|EAI_/.test(reason);
    // 1 and 132: the protocol is refused. No code at all: the broker hung up on hearing it.
    const mayBeProtocol = !unreachable && (code === null || code === 1 || code === 0x84);
    return { kind: 'failed', reason: reason ?? 'the broker closed the connection', mayBeProtocol };
  }

  private async subscribe(client: MqttClient, protocol: 5 | 4, resumed: boolean): Promise<void> {
    try {
      const granted = await client.subscribeAsync([...this.options.topics], { qos: 1 });
      const denied = granted.filter(({ qos }) => qos >= 0x80).map(({ topic }) => topic);
      if (denied.length > 0) this.log.warn({ denied }, 'the broker does not let us read some topics');
      this.enter({ kind: 'connected', protocol: protocol === 5 ? '5' : '3.1.1', resumed, denied });
    } catch (error) {
      // A connection that ends while it subscribes is told by its end.
      this.log.debug({ error }, 'not subscribed');
    }
  }

  /** Acknowledges (by `done`) only what was taken. What is not by the end of its connection, the broker gives again. */
  private deliver(packet: IPublishPacket, done: (error?: Error) => void, over: AbortSignal): void {
    if (over.aborted || this.ending.signal.aborted) return;
    try {
      const payload = typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
      this.options.take(packet.topic.toString(), payload, packet.retain);
    } catch (error) {
      this.refusals += 1;
      this.log.error({ error, topic: packet.topic }, 'a message could not be kept; it is tried again');
      this.clock.after(TAKE_AGAIN_MS, () => this.deliver(packet, done, over));
      return;
    }
    done();
  }

  private async settings(protocol: 5 | 4): Promise<IClientOptions> {
    const { username, passwordFile, caFile, certificateFile, keyFile, clientId } = this.options;
    const read = (file: string | undefined): Promise<Buffer | null> =>
      file === undefined ? Promise.resolve(null) : readFile(file);
    const password = passwordFile === undefined ? null : await readPassword(passwordFile);
    const [ca, cert, key] = await Promise.all([caFile, certificateFile, keyFile].map(read));
    return {
      protocolVersion: protocol,
      clientId,
      clean: false,
      keepalive: 15,
      reconnectPeriod: 0,
      connectTimeout: 2 * CONNECT_MS,
      resubscribe: false,
      timerVariant: 'native',
      ...(username === undefined ? {} : { username }),
      ...(password === null ? {} : { password }),
      ...(ca ? { ca } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
      ...(protocol === 5
        ? { properties: { sessionExpiryInterval: WEEK_SECONDS, receiveMaximum: RECEIVE_MAXIMUM } }
        : {}),
    };
  }

  private enter(state: OperatorLinkState): void {
    if (this.current.kind === 'stopped') return;
    this.current = state;
    this.states.emit(state);
  }
}
