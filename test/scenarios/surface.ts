import mqtt, { type IPublishPacket, type MqttClient } from 'mqtt';
import type { AlertMessage } from '../../src/surface/messages/alert.ts';
import type { HealthMessage } from '../../src/surface/messages/health.ts';
import type { LightMessage } from '../../src/surface/messages/light.ts';
import type { ModelMessage } from '../../src/surface/messages/model.ts';
import type { RunMessage } from '../../src/surface/messages/run.ts';
import type { RunLogMessage } from '../../src/surface/messages/run-log.ts';
import type { StateMessage } from '../../src/surface/messages/state.ts';
import type { StatusMessage } from '../../src/surface/messages/status.ts';
import { Contract } from './contract.ts';

/** One message as it came. */
export interface Heard {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retained: boolean;
  readonly qos: number;
  /** MQTT 5; empty under 3.1.1. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** What each topic below the vehicle carries, as its schema says; `Surface` proves it before anybody reads it. */
interface Payloads {
  readonly state: StateMessage;
  readonly 'status/camera': StatusMessage;
  readonly 'status/engine': StatusMessage;
  readonly 'status/light': StatusMessage;
  readonly 'status/record': StatusMessage;
  readonly 'status/link': StatusMessage;
  readonly 'status/position': StatusMessage;
  readonly light: LightMessage;
  readonly run: RunMessage;
  readonly 'run/log': RunLogMessage;
  readonly model: ModelMessage;
  readonly health: HealthMessage;
  readonly alerts: AlertMessage;
}

export interface SurfaceOptions {
  readonly protocol?: 4 | 5;
  readonly filters?: readonly string[];
  /**
   * 0 for a broker that will be killed: it acknowledges nothing, so that no write to a dead socket can throw away
   * what the broker had handed over before it died. Default 1.
   */
  readonly qos?: 0 | 1;
  /** A persistent session of this name: the broker keeps for it what comes while it is away. MQTT 5 only. */
  readonly session?: string;
  /** Sees each message at once. */
  readonly onHeard?: (heard: Heard) => void;
}

/**
 * Somebody above water: a plain MQTT client that subscribes, comes back when the broker does, and holds
 * every message against the published schemas.
 */
export class Surface {
  /** Everything heard, in the order it came. */
  readonly heard: Heard[] = [];
  readonly breaches: string[] = [];
  private readonly client: MqttClient;
  private subscriptions = 0;

  constructor(url: string, options: SurfaceOptions = {}) {
    const { protocol = 5, filters = ['specta/#'], qos = 1, session, onHeard } = options;
    const contract = new Contract();
    this.client = mqtt.connect(url, {
      protocolVersion: protocol,
      reconnectPeriod: 50,
      connectTimeout: 5_000,
      resubscribe: false,
      clientId: session ?? `surface-${Math.random().toString(16).slice(2)}`,
      ...(session !== undefined && { clean: false, properties: { sessionExpiryInterval: 86_400 } }),
    });
    this.client.on('error', () => undefined /* tests kill brokers; it comes back by itself */);
    this.client.on('connect', () => {
      this.client.subscribe([...filters], { qos }, (error) => {
        if (!error) this.subscriptions += 1;
      });
    });
    this.client.on('message', (topic: string, payload: Buffer, packet: IPublishPacket) => {
      const breach = contract.breachOf(topic, payload, packet, protocol);
      if (breach) this.breaches.push(breach);
      const heard = {
        topic,
        payload,
        retained: packet.retain,
        qos: packet.qos,
        properties: { ...packet.properties },
      };
      this.heard.push(heard);
      onHeard?.(heard);
    });
  }

  /** How often it has subscribed: once for each connection. */
  get subscribed(): number {
    return this.subscriptions;
  }

  /** Every message of a topic below the vehicle, oldest first. Throws when any message broke the contract. */
  all<K extends keyof Payloads>(name: K): Payloads[K][] {
    return this.raw(name).map(({ payload }) => JSON.parse(payload.toString('utf8')) as Payloads[K]);
  }

  /** The newest message of a topic; null when none has come. */
  last<K extends keyof Payloads>(name: K): Payloads[K] | null {
    return this.all(name).at(-1) ?? null;
  }

  /** The messages of a topic as bytes. */
  raw(name: string): Heard[] {
    if (this.breaches.length > 0) throw new Error(this.breaches.join('\n'));
    return this.heard.filter(({ topic }) => topic.split('/').slice(2).join('/') === name);
  }

  /** How much of what was heard, for whoever looks into a failure. */
  get summary(): string {
    const counts = new Map<string, number>();
    for (const { topic } of this.heard) counts.set(topic, (counts.get(topic) ?? 0) + 1);
    const newest = ['health', 'run', 'light'].map((name) => {
      const last = this.heard.findLast(({ topic }) => topic.endsWith(`/${name}`));
      return last ? `${name}: ${last.payload.toString('utf8')}` : `${name}: none`;
    });
    return [...[...counts].map(([topic, count]) => `${count} x ${topic}`), ...newest].join('\n');
  }

  async leave(): Promise<void> {
    await this.client.endAsync(true);
  }
}
