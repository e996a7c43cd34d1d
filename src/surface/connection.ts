import type { IPublishPacket, MqttClient, Packet } from 'mqtt';
import type { Clock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';
import { reasonText } from './reasons.ts';

/** MQTT 5, or 4: the protocol level of MQTT 3.1.1. */
export type Protocol = 5 | 4;

/** What one attempt to connect needs, secrets already read. */
export interface ConnectionOptions {
  readonly url: string;
  readonly protocol: Protocol;
  readonly clientId: string;
  readonly username: string | null;
  readonly password: string | null;
  readonly tls: {
    readonly ca: Buffer | null;
    readonly certificate: Buffer | null;
    readonly key: Buffer | null;
    readonly serverName: string | null;
  };
  readonly keepaliveSeconds: number;
  /** MQTT 5: how long the broker remembers the session after a loss; it bounds the will's delay. */
  readonly sessionExpirySeconds: number;
  readonly will: { readonly topic: string; readonly payload: Uint8Array; readonly delaySeconds: number };
  /** MQTT 5: messages that the broker may have on their way to the vehicle at once. */
  readonly receiveMaximum: number;
  /** MQTT 5: the broker leaves out whatever is larger on its way to the vehicle. */
  readonly mostIncomingBytes: number;
  /** From the first packet to CONNACK, ms. */
  readonly connectTimeoutMs: number;
  /** From a PUBLISH to its PUBACK, ms; later the connection counts as dead. */
  readonly ackTimeoutMs: number;
}

/** One message on its way. */
export interface Outgoing {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly retain: boolean;
  readonly contentType: string;
  /** MQTT 5 only. */
  readonly expirySeconds: number | null;
  /** MQTT 5 only: what came with the request that this answers. */
  readonly correlation?: Uint8Array;
  /** MQTT 5 only. */
  readonly userProperties?: Readonly<Record<string, string>>;
}

/** One message that came. */
export interface Incoming {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** The broker had it before anybody subscribed. */
  readonly retained: boolean;
  /** MQTT 5 only. */
  readonly responseTopic: string | null;
  /** MQTT 5 only. */
  readonly correlation: Uint8Array | null;
}

interface Pending {
  readonly resolve: (reason: number) => void;
  readonly reject: (error: SpectaError) => void;
  readonly cancelTimeout: () => void;
}

interface Queued {
  readonly message: Outgoing;
  readonly resolve: (reason: number) => void;
  readonly reject: (error: SpectaError) => void;
}

/** One live connection. What was sent is known as acknowledged only by its own PUBACK on this connection. */
export class Connection {
  readonly protocol: Protocol;
  private readonly client: MqttClient;
  private readonly clock: Clock;
  private readonly ackTimeoutMs: number;
  /** QoS 1 messages that the broker allows in flight. */
  private readonly receiveMaximum: number;
  private readonly maximumPacketBytes: number;
  private readonly pending = new Map<number, Pending>();
  private queued: Queued[] = [];
  private idleWaiters: (() => void)[] = [];
  private ending = false;
  private loss: string | null = null;
  private lossCause: string | null = null;
  private readonly lost = Promise.withResolvers<string>();

  constructor(client: MqttClient, options: ConnectionOptions, clock: Clock) {
    this.client = client;
    this.clock = clock;
    this.protocol = options.protocol;
    this.ackTimeoutMs = options.ackTimeoutMs;
    const properties = client.serverProperties;
    this.receiveMaximum = properties?.receiveMaximum ?? 65_535;
    this.maximumPacketBytes = properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    client.on('packetreceive', (packet) => this.onPacket(packet));
    client.on('error', (error) => {
      this.lossCause ??= error.message;
    });
    client.once('close', () => this.onLost(this.lossCause ?? 'the connection was closed'));
    // The socket may have gone between CONNACK and here; its close event then came too early to be heard.
    if (!client.connected) this.onLost('the connection was closed right after it was accepted');
  }

  get open(): boolean {
    return this.loss === null && !this.ending;
  }

  /** Resolves with the reason once the connection has ended, for whatever reason. */
  get closed(): Promise<string> {
    return this.lost.promise;
  }

  /** Resolves when every QoS 1 message so far is acknowledged, or the connection has ended. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isIdle) resolve();
      else this.idleWaiters.push(resolve);
    });
  }

  /** Bytes that the socket has not taken yet. */
  get bufferedBytes(): number {
    return this.client.stream.writableLength;
  }

  /** Sends with QoS 0 and forgets. The caller looks at {@link open} and {@link bufferedBytes} first. */
  publish(message: Outgoing): void {
    if (this.open) this.client.publish(message.topic, bytes(message), { qos: 0, ...this.settings(message) });
  }

  /**
   * Sends with QoS 1 and resolves with the reason of its PUBACK: 0, 16 (nobody is subscribed), or 128 and above
   * (refused). MQTT 3.1.1 knows only 0. Rejects with `BROKER_UNREACHABLE` when the connection ends first.
   * Messages leave in the order of the calls; beyond the broker's receive maximum they wait.
   */
  send(message: Outgoing): Promise<number> {
    if (!this.open) return Promise.reject(lostError(this.loss ?? 'it is being closed'));
    // 0x95: the broker has said beforehand that it takes no packet of this size; sending it would end the connection.
    if (mostPacketBytes(message) > this.maximumPacketBytes) return Promise.resolve(0x95);
    return new Promise((resolve, reject) => {
      this.queued.push({ message, resolve, reject });
      this.flush();
    });
  }

  /**
   * Subscribes with QoS 1 to one filter, without what is retained there and without what this connection sends itself
   * (MQTT 5). Resolves with the broker's reason: below 128 it is granted. Rejects when the connection ends first. All
   * messages of the connection go to `listener`: one subscription is all it can have.
   */
  subscribe(filter: string, listener: (message: Incoming) => void): Promise<number> {
    if (!this.open) return Promise.reject(lostError(this.loss ?? 'it is being closed'));
    this.client.on('message', (topic, payload, { retain, properties }) => {
      if (!this.open) return;
      listener({
        topic,
        payload,
        retained: retain,
        responseTopic: properties?.responseTopic ?? null,
        correlation: properties?.correlationData ?? null,
      });
    });
    return new Promise((resolve, reject) => {
      void this.lost.promise.then((reason) => reject(lostError(reason)));
      const options = { qos: 1, ...(this.protocol === 5 ? { nl: true, rap: true, rh: 2 } : {}) } as const;
      this.client.subscribe(filter, options, (error, _granted, packet) => {
        const reason = packet?.granted[0];
        if (typeof reason === 'number') resolve(reason);
        else reject(error ?? lostError('the broker did not say whether it subscribed'));
      });
    });
  }

  /** Ends it at once, without a goodbye: the broker will publish the will. */
  destroy(reason: string): void {
    if (this.loss !== null) return;
    this.lossCause ??= reason;
    discard(this.client);
    this.onLost(reason);
  }

  /** Says goodbye, so that the broker forgets the will, and ends it. Waits at most until aborted. */
  async end(signal: AbortSignal): Promise<void> {
    if (!this.open) return;
    this.ending = true;
    await new Promise<void>((resolve) => {
      const onAbort = (): void => resolve();
      signal.addEventListener('abort', onAbort, { once: true });
      // mqtt.js would wait without limit for acknowledgements that the caller has stopped waiting for.
      this.client.outgoing = {};
      this.client.end(false, () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
      if (signal.aborted) resolve();
    });
    this.destroy('stopped');
  }

  private settings(message: Outgoing) {
    const properties: NonNullable<IPublishPacket['properties']> = { contentType: message.contentType };
    if (message.contentType === 'application/json') properties.payloadFormatIndicator = true;
    if (message.expirySeconds !== null) properties.messageExpiryInterval = message.expirySeconds;
    if (message.correlation) properties.correlationData = Buffer.from(message.correlation);
    if (message.userProperties) properties.userProperties = { ...message.userProperties };
    return { retain: message.retain, properties };
  }

  private flush(): void {
    while (this.open && this.pending.size < this.receiveMaximum) {
      const next = this.queued.shift();
      if (!next) return;
      const { message, resolve, reject } = next;
      this.client.publish(message.topic, bytes(message), { qos: 1, ...this.settings(message) });
      const cancelTimeout = this.clock.after(this.ackTimeoutMs, () =>
        this.destroy(`no acknowledgement within ${this.ackTimeoutMs / 1000} s`),
      );
      this.pending.set(this.client.getLastMessageId(), { resolve, reject, cancelTimeout });
    }
  }

  private onPacket(packet: Packet): void {
    if (packet.cmd === 'disconnect') {
      this.lossCause ??= `the broker ended the connection: ${reasonText(packet.reasonCode ?? 0)}`;
      return;
    }
    if (packet.cmd !== 'puback' || packet.messageId === undefined) return;
    const pending = this.pending.get(packet.messageId);
    if (!pending) return;
    this.pending.delete(packet.messageId);
    pending.cancelTimeout();
    // Read here, not from the publish callback: mqtt.js counts 16 as success and hands out the PUBLISH packet.
    pending.resolve(packet.reasonCode ?? 0);
    // mqtt.js frees the message id after this event.
    queueMicrotask(() => this.flush());
    this.tellIdle();
  }

  private onLost(reason: string): void {
    if (this.loss !== null) return;
    this.loss = reason;
    const error = lostError(reason);
    const waiting = [...this.pending.values(), ...this.queued];
    for (const pending of this.pending.values()) pending.cancelTimeout();
    this.pending.clear();
    this.queued = [];
    for (const { reject } of waiting) reject(error);
    this.tellIdle();
    discard(this.client);
    this.lost.resolve(reason);
  }

  private get isIdle(): boolean {
    return this.loss !== null || this.pending.size + this.queued.length === 0;
  }

  private tellIdle(): void {
    if (!this.isIdle) return;
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }
}

/** Ends a client that is given up: nothing of it is heard again. */
export function discard(client: MqttClient): void {
  // Errors of a connection that is already given up say nothing new, but unheard they would end the process.
  client.on('error', () => undefined);
  client.end(true);
  client.stream.destroy();
}

/** No packet of the message is larger: its texts and bytes, and more than their lengths and the fixed fields take. */
function mostPacketBytes({
  topic,
  payload,
  contentType,
  correlation,
  userProperties = {},
}: Outgoing): number {
  const words = [topic, contentType, ...Object.entries(userProperties).flat()];
  const text = words.reduce((sum, word) => sum + Buffer.byteLength(word), 0);
  return payload.length + (correlation?.length ?? 0) + text + 256;
}

function bytes({ payload }: Outgoing): Buffer {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
}

function lostError(reason: string): SpectaError {
  return new SpectaError(
    'BROKER_UNREACHABLE',
    `The connection ended before the broker acknowledged: ${reason}.`,
    'Nothing is lost: what went through the outbox is sent again.',
  );
}
