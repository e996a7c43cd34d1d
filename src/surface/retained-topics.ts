import type { Connection } from './connection.ts';
import type { LinkCounters } from './link-counters.ts';
import { reasonText } from './reasons.ts';
import type { RepeatedLog } from './repeated-log.ts';

/** Keeps the latest payload of each retained topic and gives all of them to every new connection. */
export class RetainedTopics {
  private readonly latest = new Map<string, Uint8Array>();
  private readonly counters: LinkCounters;
  private readonly log: RepeatedLog;
  private readonly onRefusal: () => void;
  private readonly sending = new Set<string>();
  /** Topics whose payload changed while an older one was in flight: only the newest goes out after it. */
  private readonly stale = new Set<string>();
  private connection: Connection | null = null;
  /** By topic why the broker refused its last payload. */
  private readonly refused = new Map<string, number>();

  /** @param onRefusal called when {@link refusal} may have changed */
  constructor(counters: LinkCounters, log: RepeatedLog, onRefusal: () => void) {
    this.counters = counters;
    this.log = log;
    this.onRefusal = onRefusal;
  }

  /** The first topic of which the broker has refused the last payload; null when it took all. */
  get refusal(): { readonly topic: string; readonly reason: number } | null {
    const [first] = this.refused;
    return first === undefined ? null : { topic: first[0], reason: first[1] };
  }

  set(topic: string, payload: Uint8Array): void {
    this.latest.set(topic, payload);
    this.send(topic);
  }

  /** Publishes everything over this connection, and from now on each change. */
  attach(connection: Connection): void {
    this.connection = connection;
    this.sending.clear();
    this.stale.clear();
    this.refused.clear();
    for (const topic of this.latest.keys()) this.send(topic);
    void connection.closed.then(() => {
      if (this.connection === connection) this.connection = null;
    });
  }

  private send(topic: string): void {
    const { connection } = this;
    const payload = this.latest.get(topic);
    if (!connection || !payload) return;
    if (this.sending.has(topic)) {
      this.stale.add(topic);
      return;
    }
    this.sending.add(topic);
    const message = { topic, payload, retain: true, contentType: 'application/json', expirySeconds: null };
    connection.send(message).then(
      (reason) => {
        if (this.connection !== connection) return;
        this.heed(topic, reason);
        this.sending.delete(topic);
        if (this.stale.delete(topic)) this.send(topic);
      },
      // The connection is gone; the next one gets the latest payload anyway.
      () => undefined,
    );
  }

  private heed(topic: string, reason: number): void {
    // Nobody subscribed (16) is no refusal: the broker keeps a retained message for whoever comes.
    if (reason >= 0x80) {
      this.refused.set(topic, reason);
      this.counters.refused.add(reasonText(reason));
      this.log.warn(`retained-${topic}`, `the broker refuses ${topic}: ${reasonText(reason)}`);
    } else if (!this.refused.delete(topic)) return;
    this.onRefusal();
  }
}
