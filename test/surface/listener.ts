import mqtt, { type IPublishPacket } from 'mqtt';
import { type AlertMessage, alertSchema } from '../../src/surface/messages/alert.ts';
import { messageOf } from '../../src/surface/messages/catalogue.ts';
import { type StateMessage, stateSchema } from '../../src/surface/messages/state.ts';
import { topicsOf } from '../../src/surface/topics.ts';

export interface Heard {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retained: boolean;
  readonly userProperties: Readonly<Record<string, unknown>>;
  readonly contentType: string | null;
}

/** Somebody on the surface: subscribes, and holds every message against the published contract. */
export interface Listener {
  readonly heard: readonly Heard[];
  alerts(): AlertMessage[];
  states(): StateMessage[];
  leave(): Promise<void>;
}

/** Subscribes to `filters` at `url` with QoS 1. A message that breaks the contract fails the test. */
export async function listen(
  url: string,
  protocol: 4 | 5,
  filters: readonly string[] = ['specta/#'],
): Promise<Listener> {
  const client = await mqtt.connectAsync(url, {
    protocolVersion: protocol,
    reconnectPeriod: 200,
    clientId: `listener-${Math.random().toString(16).slice(2)}`,
    ...(protocol === 5 ? { properties: { sessionExpiryInterval: 0 } } : {}),
  });
  const heard: Heard[] = [];
  const breaches: string[] = [];
  client.on('error', () => undefined /* tests kill brokers */);
  client.on('message', (topic: string, payload: Buffer, packet: IPublishPacket) => {
    const breach = breachOf(topic, payload, packet, protocol);
    if (breach) breaches.push(breach);
    heard.push({
      topic,
      payload,
      retained: packet.retain,
      userProperties: { ...packet.properties?.userProperties },
      contentType: packet.properties?.contentType ?? null,
    });
  });
  await client.subscribeAsync([...filters], { qos: 1 });
  const parsed = <T>(kind: string, parse: (value: unknown) => T): T[] => {
    if (breaches.length > 0) throw new Error(breaches.join('\n'));
    return heard
      .filter(({ topic }) => topic.endsWith(`/${kind}`))
      .map(({ payload }) => parse(JSON.parse(payload.toString('utf8'))));
  };
  return {
    heard,
    alerts: () => parsed('alerts', (value) => alertSchema.parse(value)),
    states: () => parsed('state', (value) => stateSchema.parse(value)),
    async leave() {
      await client.endAsync(true);
      if (breaches.length > 0) throw new Error(breaches.join('\n'));
    },
  };
}

function breachOf(topic: string, payload: Buffer, packet: IPublishPacket, protocol: 4 | 5): string | null {
  const place = topicsOf(topic.split('/')[1] ?? '').parse(topic);
  const kind = place && messageOf(place.name);
  if (!kind) return `nobody knows the topic ${topic}`;
  if (kind.payload === 'binary' && protocol === 4) return null;
  const value =
    kind.payload === 'binary'
      ? { ...packet.properties?.userProperties }
      : (JSON.parse(payload.toString('utf8')) as unknown);
  const checked = kind.schema.safeParse(value);
  return checked.success ? null : `${topic}: ${checked.error.message}`;
}

/** Waits until `seen` gives something true; the message says what was awaited when it never does. */
export async function until(what: string, seen: () => unknown, ms = 15_000): Promise<void> {
  const end = Date.now() + ms;
  while (!seen()) {
    if (Date.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
