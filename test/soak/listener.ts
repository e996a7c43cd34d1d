import { createHash } from 'node:crypto';
import mqtt, { type MqttClient } from 'mqtt';
import type { AlertMessage } from '../../src/surface/messages/alert.ts';

/** What names an alert for good. */
export function keyOf({ boot, sequence }: Pick<AlertMessage, 'boot' | 'sequence'>): string {
  return `${boot} ${sequence}`;
}

/** An alert as it must be each time it comes: all of it but the mark that may differ. */
export function bodyDigest({ historical: _, ...rest }: AlertMessage): string {
  return createHash('sha256').update(JSON.stringify(rest)).digest('base64');
}

/** For ever, as MQTT 5 says it. */
const NEVER_EXPIRES = 0xffff_ffff;

/** Somebody above water with a persistent session: what comes while it is away, the broker keeps for it. */
export class PersistentListener {
  /** By key, the digest of the alert as it came first. */
  readonly heard = new Map<string, string>();
  duplicates = 0;
  /** Connections for which the broker had no session any more, the first one left out. */
  forgotten = 0;
  readonly faults = new Set<string>();
  private readonly url: string;
  private readonly filter: string;
  private client: MqttClient | null = null;
  private connections = 0;

  constructor(url: string, filter: string) {
    this.url = url;
    this.filter = filter;
  }

  /** Comes (again), and stays through outages until {@link leave}; resolves when it is subscribed. */
  async come(): Promise<void> {
    const client = mqtt.connect(this.url, {
      protocolVersion: 5,
      clientId: 'soak-listener',
      clean: false,
      properties: { sessionExpiryInterval: NEVER_EXPIRES },
      reconnectPeriod: 100,
      connectTimeout: 5_000,
      resubscribe: false,
    });
    this.client = client;
    client.on('error', () => undefined /* the broker is stopped on purpose; it comes back by itself */);
    client.on('message', (_, payload: Buffer) => this.hear(payload));
    await new Promise<void>((resolve) => {
      client.on('connect', ({ sessionPresent }) => {
        this.connections += 1;
        if (sessionPresent) {
          resolve();
          return;
        }
        if (this.connections > 1) this.forgotten += 1;
        client.subscribe(this.filter, { qos: 1 }, (error) => {
          if (!error) resolve();
        });
      });
    });
  }

  async leave(): Promise<void> {
    const leaving = this.client;
    this.client = null;
    await leaving?.endAsync(!leaving.connected);
  }

  private hear(payload: Buffer): void {
    const alert = JSON.parse(payload.toString('utf8')) as AlertMessage;
    const key = keyOf(alert);
    const digest = bodyDigest(alert);
    const before = this.heard.get(key);
    if (before === undefined) this.heard.set(key, digest);
    else {
      this.duplicates += 1;
      if (before !== digest) this.faults.add(`alert ${key} came with two contents`);
    }
  }
}
