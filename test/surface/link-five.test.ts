import mqtt from 'mqtt';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createLink, type Link } from '../../src/surface/link.ts';
import type { LinkOptions } from '../../src/surface/link-options.ts';
import type { Requests } from '../../src/surface/requests.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import {
  type Mosquitto,
  type MosquittoOptions,
  mosquittoMissing,
  startMosquitto,
} from '../fixtures/mosquitto.ts';
import { type Listener, listen, until } from './listener.ts';
import { MemoryOutbox } from './memory-outbox.ts';
import { alertBytes } from './samples.ts';

// What only MQTT 5 can tell: reasons of acknowledgements.

const topics = topicsOf('rov-1');
const ALERTS_ONLY = ['specta/+/alerts', 'specta/+/state'];
if (mosquittoMissing) console.warn(`Skipped: the link over MQTT 5. ${mosquittoMissing}`);

describe.skipIf(mosquittoMissing !== null)('link over MQTT 5', () => {
  const cleanup: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of cleanup.splice(0).toReversed()) await end();
  });

  const startBroker = async (options: MosquittoOptions = {}): Promise<Mosquitto> => {
    const broker = await startMosquitto(options);
    cleanup.push(() => broker.stop());
    return broker;
  };
  const subscribe = async (broker: Mosquitto, filters?: readonly string[]): Promise<Listener> => {
    const listener = await listen(broker.url, 5, filters);
    cleanup.push(() => listener.leave());
    return listener;
  };
  const linkTo = (
    url: string,
    outbox: MemoryOutbox,
    over: Partial<LinkOptions> = {},
    requests?: Requests,
  ): Link => {
    const link = createLink(
      {
        broker: url,
        vehicle: 'rov-1',
        boot: 'boot-1',
        version: '0.1.0',
        clockQuality: () => 'synchronised',
        reconnectPause: { firstMs: 20, mostMs: 100 },
        refusedPause: { firstMs: 20, mostMs: 100 },
        unheardRetrySeconds: 0.05,
        ...over,
      },
      { clock: systemClock, log: silentLog(), outbox, ...(requests ? { requests } : {}) },
    );
    cleanup.push(() => link.stop());
    link.start();
    return link;
  };
  const addAlert = (outbox: MemoryOutbox, sequence: number): number =>
    outbox.add({ lane: 'alert', topic: topics.alerts, payload: alertBytes(sequence) });
  const addImage = (outbox: MemoryOutbox, finding: string, bytes = 100): number =>
    outbox.add({
      lane: 'image',
      topic: topics.alertImage(finding),
      payload: new Uint8Array(bytes),
      contentType: 'image/jpeg',
    });

  test('alerts that nobody hears stay, show on the status, and arrive in order when somebody comes', async () => {
    const broker = await startBroker();
    const outbox = new MemoryOutbox();
    for (let sequence = 1; sequence <= 20; sequence += 1) addAlert(outbox, sequence);
    const link = linkTo(broker.url, outbox);
    const news: (string | null)[] = [];
    link.onStatus(({ reason }) => news.push(reason));
    await until('several probes', () => link.counts.unheard >= 3);
    expect(outbox.settled).toEqual([]);
    expect(outbox.depth().unheard).toBe(1);
    expect(outbox.get(1)).toMatchObject({ lastReason: 16, attempts: expect.any(Number) });
    expect(link.status).toMatchObject({
      condition: 'recovering',
      reason: 'nobody is subscribed to alerts: 20 waiting',
    });
    const listener = await subscribe(broker);
    await until('all alerts', () => outbox.size === 0 && listener.alerts().length >= 20);
    expect(listener.alerts().map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    await until('a good status', () => link.status.condition === 'ok');
    expect(news.filter((reason) => reason?.startsWith('nobody'))).toHaveLength(1);
    await listener.leave();
    addAlert(outbox, 21);
    await until('nobody again', () => link.status.reason === 'nobody is subscribed to alerts: 1 waiting');
  });

  test('images that nobody hears hold back no alert', async () => {
    const broker = await startBroker();
    const listener = await subscribe(broker, ALERTS_ONLY);
    const outbox = new MemoryOutbox();
    const images = [addImage(outbox, 'a'), addImage(outbox, 'b')];
    const link = linkTo(broker.url, outbox);
    await until('an unheard image', () => link.counts.unheard > 0);
    for (let sequence = 1; sequence <= 5; sequence += 1) addAlert(outbox, sequence);
    await until('the alerts', () => listener.alerts().length === 5 && outbox.size === 2);
    expect(link.status.reason).toBe('nobody is subscribed to alert images: 2 waiting');
    const all = await subscribe(broker);
    await until('the images', () => outbox.size === 0);
    await until('both heard', () => all.heard.filter(({ topic }) => topic.endsWith('/image')).length === 2);
    expect(outbox.settled.slice(-2)).toEqual(images);
  });

  test('a refused alert stays with its reason, and goes in order once the broker allows it', async () => {
    const broker = await startBroker({ acl: ['topic read #', 'topic write specta/rov-1/state'] });
    const listener = await subscribe(broker);
    const outbox = new MemoryOutbox();
    for (let sequence = 1; sequence <= 3; sequence += 1) addAlert(outbox, sequence);
    const link = linkTo(broker.url, outbox);
    await until('a refusal', () => outbox.get(1)?.lastReason === 0x87);
    await until('more tries', () => (outbox.get(1)?.attempts ?? 0) > 2);
    expect(outbox.settled).toEqual([]);
    expect(link.status).toMatchObject({ condition: 'failed' });
    expect(link.status.reason).toBe('the broker refuses alerts, not authorised (0x87): 3 waiting');
    expect(link.counts.refused['not authorised (0x87)']).toBeGreaterThan(2);
    broker.reloadAcl(['topic readwrite #']);
    await until('all alerts', () => listener.alerts().length >= 3 && outbox.size === 0);
    expect(listener.alerts().map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    await until('a good status', () => link.status.condition === 'ok');
  });

  test('a refused retained topic shows on the status', async () => {
    const broker = await startBroker({ acl: ['topic read #', 'topic write specta/rov-1/alerts'] });
    const link = linkTo(broker.url, new MemoryOutbox());
    await until('a refusal', () => link.status.condition === 'failed');
    expect(link.status.reason).toBe('the broker refuses specta/rov-1/state, not authorised (0x87)');
  });

  test('a retained topic that is refused in the middle of a connection is told, also beside one that is taken', async () => {
    const acl = ['topic read #', 'topic write specta/rov-1/state', 'topic write specta/rov-1/light'];
    const broker = await startBroker({ acl });
    const link = linkTo(broker.url, new MemoryOutbox());
    await until('connected', () => link.status.condition === 'ok');
    const news: (string | null)[] = [];
    link.onStatus(({ reason }) => news.push(reason));
    const refused = 'the broker refuses specta/rov-1/run, not authorised (0x87)';
    const told = new TextEncoder().encode('{}');
    link.publishRetained(topics.run, told);
    await until('it is told', () => news.includes(refused));
    link.publishRetained(topics.light, told);
    link.publishRetained(topics.run, told);
    await until('both again', () => (link.counts.refused['not authorised (0x87)'] ?? 0) === 2);
    expect(link.status.reason).toBe(refused);
    broker.reloadAcl(['topic readwrite #']);
    await until('all is well', () => {
      link.publishRetained(topics.run, told);
      return news.at(-1) === null;
    });
  });

  test('an answer that the broker would not take is counted, and costs no connection', async () => {
    const broker = await startBroker({ configuration: ['max_packet_size 4000'] });
    const requests: Requests = { answer: async () => new Uint8Array(300) };
    const link = linkTo(broker.url, new MemoryOutbox(), {}, requests);
    const asker = await mqtt.connectAsync(broker.url, { protocolVersion: 5, reconnectPeriod: 0 });
    cleanup.push(() => asker.endAsync(true));
    const ask = (correlation: number): Promise<unknown> =>
      asker.publishAsync(topics.request('status'), '{}', {
        qos: 1,
        properties: { correlationData: Buffer.alloc(correlation) },
      });
    await until('it hears', () => {
      if (link.state.kind === 'connected') void ask(1);
      return link.counts.requests > 0;
    });
    await ask(3_800);
    await until('the refusal', () => link.counts.refused['packet too large (0x95)'] === 1);
    expect(link.counts.lostConnections).toBe(0);
  });

  test('an image larger than the broker takes is passed by the others and kept', async () => {
    const broker = await startBroker({ configuration: ['max_packet_size 4000'] });
    await subscribe(broker);
    const outbox = new MemoryOutbox();
    const large = addImage(outbox, 'large', 100_000);
    const small = [addImage(outbox, 'b'), addImage(outbox, 'c'), addImage(outbox, 'd')];
    linkTo(broker.url, outbox);
    await until('the small ones', () => outbox.size === 1);
    expect(outbox.settled).toEqual(small);
    await until('the large one tried again', () => (outbox.get(large)?.attempts ?? 0) >= 3);
    expect(outbox.get(large)?.lastReason).toBe(0x95);
  });

  test('a broker with a small receive maximum is not overrun', async () => {
    const broker = await startBroker({ configuration: ['max_inflight_messages 2'] });
    const listener = await subscribe(broker);
    const outbox = new MemoryOutbox();
    for (let sequence = 1; sequence <= 40; sequence += 1) addAlert(outbox, sequence);
    const link = linkTo(broker.url, outbox, { inFlight: 100 });
    await until('all alerts', () => listener.alerts().length === 40 && outbox.size === 0);
    expect(link.counts.lostConnections).toBe(0);
  });

  test('a broker that takes no strangers is a reason on the status', async () => {
    const broker = await startBroker({ configuration: ['allow_anonymous false'] });
    const link = linkTo(broker.url, new MemoryOutbox());
    await until('refused', () => /not authorised/.test(link.status.reason ?? ''));
    expect(link.status.condition).toBe('recovering');
  });
});
