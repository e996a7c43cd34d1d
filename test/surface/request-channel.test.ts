import mqtt, { type IClientPublishOptions, type MqttClient } from 'mqtt';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import type { Incoming } from '../../src/surface/connection.ts';
import { createLink, type Link } from '../../src/surface/link.ts';
import { LinkCounters } from '../../src/surface/link-counters.ts';
import type { LinkOptions } from '../../src/surface/link-options.ts';
import { type Answer, MOST_REQUEST_BYTES, REQUEST_NAMES } from '../../src/surface/messages/request.ts';
import { requestExamples } from '../../src/surface/messages/request-examples.ts';
import { RepeatedLog } from '../../src/surface/repeated-log.ts';
import { RequestChannel } from '../../src/surface/request-channel.ts';
import { createRequests, type RequestHandlers } from '../../src/surface/requests.ts';
import { responseTopic } from '../../src/surface/response-topic.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { Gate } from '../fixtures/gate.ts';
import { BROKERS, type RunningBroker } from './brokers.ts';
import { until } from './listener.ts';
import { MemoryOutbox } from './memory-outbox.ts';

const topics = topicsOf('rov-1');

interface Came {
  readonly topic: string;
  readonly answer: Answer<unknown>;
  readonly correlation: string | null;
}

/** Somebody above water who asks. */
class Asker {
  readonly came: Came[] = [];
  readonly client: MqttClient;

  private constructor(client: MqttClient) {
    this.client = client;
    client.on('message', (topic, payload, { properties }) => {
      const answer = JSON.parse(payload.toString('utf8')) as Answer<unknown>;
      this.came.push({ topic, answer, correlation: properties?.correlationData?.toString('utf8') ?? null });
    });
  }

  static async at(url: string, protocolVersion: 4 | 5): Promise<Asker> {
    const asker = new Asker(await mqtt.connectAsync(url, { protocolVersion, reconnectPeriod: 0 }));
    await asker.client.subscribeAsync(['specta/+/response/#', 'consoles/#'], { qos: 1 });
    return asker;
  }

  send(name: string, payload: unknown, options: IClientPublishOptions = {}): Promise<unknown> {
    const bytes =
      typeof payload === 'string' || payload instanceof Buffer ? payload : JSON.stringify(payload);
    return this.client.publishAsync(topics.request(name), bytes, { qos: 1, ...options });
  }

  /** The answer to the transaction. */
  async answered(transaction: string): Promise<Came> {
    const find = (): Came | undefined => this.came.find(({ answer }) => answer.transaction === transaction);
    await until(`an answer to ${transaction}`, find);
    const found = find();
    if (!found) throw new Error('gone');
    return found;
  }
}

const isHello = ({ answer }: Came): boolean => answer.transaction === 'hello';

describe.each(BROKERS)('requests over $name', (kind) => {
  const cleanup: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of cleanup.splice(0).toReversed()) await end();
  });

  const scene = async (over: { readonly link?: Partial<LinkOptions>; readonly gated?: boolean } = {}) => {
    const broker: RunningBroker = await kind.start();
    cleanup.push(() => broker.stop());
    const done: string[] = [];
    const examples = requestExamples();
    const handlers = Object.fromEntries(
      REQUEST_NAMES.map((name) => [
        name,
        () => {
          done.push(name);
          return examples[name].answer.data;
        },
      ]),
    ) as unknown as RequestHandlers;
    const requests = createRequests({
      handlers,
      disabled: ['run/stop'],
      clock: systemClock,
      clockQuality: () => 'synchronised',
      log: silentLog(),
    });
    const gate = over.gated ? await Gate.to(broker.port) : null;
    if (gate) cleanup.push(() => gate.set('closed'));
    const link: Link = createLink(
      {
        broker: gate?.url ?? broker.url,
        protocol: kind.protocol,
        vehicle: 'rov-1',
        boot: 'boot-1',
        version: '0.1.0',
        clockQuality: () => 'synchronised',
        reconnectPause: { firstMs: 20, mostMs: 100 },
        willDelaySeconds: 0,
        ...over.link,
      },
      { clock: systemClock, log: silentLog(), outbox: new MemoryOutbox(), requests },
    );
    cleanup.push(() => link.stop());
    const asker = await Asker.at(broker.url, kind.spoken);
    cleanup.push(() => asker.client.endAsync(true));
    const begin = async (): Promise<void> => {
      link.start();
      await until('connected', () => link.state.kind === 'connected');
      // The subscription is under way by then; a request that is answered shows that it is there.
      while (!asker.came.some(isHello)) {
        await asker.send('status', { transaction: 'hello' });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      // Asked more than once under one transaction: done once, answered each time.
      await new Promise((resolve) => setTimeout(resolve, 100));
      done.splice(0, done.length, ...done.filter((name) => name !== 'status'));
      asker.came.splice(0, asker.came.length, ...asker.came.filter((one) => !isHello(one)));
    };
    return { broker, gate, link, asker, done, begin };
  };

  test.skipIf(kind.missing !== null)(
    'every request is answered on its own response topic, however it is asked',
    async () => {
      const { asker, begin, done } = await scene();
      await begin();
      const examples = requestExamples();
      for (const name of REQUEST_NAMES) {
        const { request } = examples[name];
        await asker.send(name, { ...request, expires: undefined, transaction: `t-${name}` });
        const { topic, answer } = await asker.answered(`t-${name}`);
        expect(topic).toBe(`specta/rov-1/response/${name}`);
        expect(answer.status, name).toBe(name === 'run/stop' ? 'error' : 'ok');
        if (name === 'run/stop') expect(answer.error?.code).toBe('REQUEST_DISABLED');
        else expect(answer.data, name).toEqual(examples[name].answer.data);
      }
      expect(new Set(done)).toEqual(new Set(REQUEST_NAMES.filter((name) => name !== 'run/stop')));
    },
  );

  test.skipIf(kind.missing !== null)(
    'unknown, malformed, oversized, late and repeated: answered, nothing done',
    async () => {
      const { asker, begin, done, link } = await scene();
      await begin();
      await asker.send('volcano', { transaction: 'unknown' });
      expect((await asker.answered('unknown')).answer.error?.code).toBe('REQUEST_UNKNOWN');
      await asker.send('light/test', { transaction: 'wrong', seconds: 'long' });
      expect((await asker.answered('wrong')).answer.error?.code).toBe('REQUEST_INVALID');
      await asker.send('light/test', { transaction: 'late', expires: '2020-01-01T00:00:00Z' });
      expect((await asker.answered('late')).answer.error?.code).toBe('REQUEST_EXPIRED');
      const before = asker.came.length;
      for (const payload of ['{', Buffer.from([0xff, 0xfe]), Buffer.alloc(MOST_REQUEST_BYTES + 1, 0x20)]) {
        await asker.send('light/test', payload);
      }
      await until('three more answers', () => asker.came.length === before + 3);
      expect(asker.came.slice(before).map(({ answer }) => answer.error?.code)).toEqual([
        'REQUEST_INVALID',
        'REQUEST_INVALID',
        'REQUEST_TOO_LARGE',
      ]);
      expect(done).toEqual([]);
      for (let count = 0; count < 3; count += 1) await asker.send('run/start', { transaction: 'again' });
      await until(
        'three answers',
        () => asker.came.filter((one) => one.answer.transaction === 'again').length === 3,
      );
      expect(done).toEqual(['run/start']);
      // Names that can be no topic of ours have no place to be answered on.
      await asker.send('Light Test/ä', { transaction: 'nameless' });
      await until('it ignored', () => link.counts.requestsIgnored['request-nameless'] === 1);
      expect(link.state.kind).toBe('connected');
    },
  );

  test.skipIf(kind.missing !== null)('what is retained or came while away is never done', async () => {
    const { asker, done, begin, link } = await scene();
    await asker.send('run/start', { transaction: 'retained' }, { retain: true });
    await asker.send('run/start', { transaction: 'early' });
    await begin();
    expect(asker.came).toEqual([]);
    expect(done).toEqual([]);
    // MQTT 5 lets the vehicle say that it wants none; under 3.1.1 it comes and is ignored.
    expect(link.counts.requestsIgnored['request-retained'] ?? 0).toBe(kind.spoken === 5 ? 0 : 1);
    await asker.send('run/start', '', { retain: true });
  });

  test.skipIf(kind.missing !== null)('after an outage requests are heard again', async () => {
    const { asker, begin, gate, link } = await scene({ gated: true });
    await begin();
    gate?.cut();
    await until('connected again', () => link.counts.connections === 2 && link.state.kind === 'connected');
    while (asker.came.length === 0) {
      await asker.send('status', { transaction: 'back' });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect((await asker.answered('back')).answer.status).toBe('ok');
  });

  test.skipIf(kind.missing !== null)('a vehicle that is told not to listen hears nothing', async () => {
    const { asker, link, done } = await scene({ link: { hearsRequests: false } });
    link.start();
    await until('connected', () => link.state.kind === 'connected');
    await asker.send('status', { transaction: 'x' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect([done, asker.came, link.counts.requests]).toEqual([[], [], 0]);
  });

  test.skipIf(kind.missing !== null || kind.spoken !== 5)(
    'MQTT 5: response topic and correlation data are honoured, but never onto the topics of vehicles',
    async () => {
      const { asker, begin } = await scene();
      await begin();
      const correlationData = Buffer.from('c-17');
      await asker.send(
        'status',
        { transaction: 'own' },
        { properties: { responseTopic: 'consoles/7/answers', correlationData } },
      );
      expect(await asker.answered('own')).toMatchObject({
        topic: 'consoles/7/answers',
        correlation: 'c-17',
      });
      await asker.send(
        'status',
        { transaction: 'forged' },
        { properties: { responseTopic: 'specta/rov-1/alerts', correlationData } },
      );
      expect(await asker.answered('forged')).toMatchObject({
        topic: 'specta/rov-1/response/status',
        correlation: 'c-17',
      });
      // Correlation data alone tells answers apart where a request is too broken to carry a transaction.
      await asker.send('status', '{', {
        properties: { responseTopic: 'consoles/7/answers', correlationData },
      });
      await until('the broken one', () => asker.came.length === 3);
      expect(asker.came[2]).toMatchObject({ correlation: 'c-17', answer: { transaction: null } });
    },
  );
});

test('requests that wait are bounded in number and bytes; what is too much is counted', async () => {
  const counters = new LinkCounters();
  let hear = (_message: Incoming): void => undefined;
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const channel = new RequestChannel(
    {
      subscribe: async (_filter, listener) => {
        hear = listener;
        return 1;
      },
      send: async () => 0,
    },
    {
      requests: { answer: () => gate.then(() => new Uint8Array(2)) },
      topics,
      counters,
      log: new RepeatedLog(silentLog(), systemClock, 1_000),
    },
  );
  await channel.open();
  const ask = (bytes: number): void =>
    hear({
      topic: topics.request('classify'),
      payload: new Uint8Array(bytes),
      retained: false,
      responseTopic: null,
      correlation: null,
    });
  for (let count = 0; count < 5; count += 1) ask(5_000_000);
  expect(counters.requests).toBe(3);
  for (let count = 0; count < 40; count += 1) ask(10);
  expect(counters.requests).toBe(32);
  expect(counters.requestsIgnored.snapshot()).toEqual({ 'request-flood': 13 });
  release();
  await until('all are answered', () => {
    ask(20_000_000);
    return counters.requests === 33;
  });
});

test('an answer has a place only where it cannot pass for something else', () => {
  const own = 'specta/rov-1/response/status';
  const cases: readonly (readonly [string, string | null, string | null])[] = [
    ['status', null, own],
    ['status', 'consoles/1', 'consoles/1'],
    ['status', 'specta/rov-1/response/console-1', 'specta/rov-1/response/console-1'],
    ['status', 'specta/rov-1/request/run/stop', own],
    ['status', 'specta/rov-2/alerts', own],
    ['status', 'specta', own],
    ['status', '$SYS/x', own],
    ['status', 'a/+/b', own],
    ['status', 'a\u0000b', own],
    ['status', 'x'.repeat(2000), own],
    ['', null, null],
    ['a/'.repeat(9), null, null],
    ['Über', null, null],
    ['Über', 'consoles/1', 'consoles/1'],
  ];
  for (const [name, wanted, place] of cases) expect(responseTopic(topics, name, wanted)).toBe(place);
});
