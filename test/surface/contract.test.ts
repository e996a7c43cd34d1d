import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { IPublishPacket } from 'mqtt';
import { describe, expect, test } from 'vitest';
import { MESSAGES, type MessageName, messageOf } from '../../src/surface/messages/catalogue.ts';
import { incompatibilities } from '../../src/surface/messages/compatibility.ts';
import { messageExamples } from '../../src/surface/messages/examples.ts';
import { homeAssistantDiscovery } from '../../src/surface/messages/home-assistant.ts';
import { schemaFiles } from '../../src/surface/messages/published.ts';
import { topicsOf } from '../../src/surface/topics.ts';
import { Contract } from '../scenarios/contract.ts';
import { type LoggedMessage, loggedMessages } from './conformance-log.ts';

const folder = resolve(import.meta.dirname, '../../docs/messages');

type Json = Readonly<Record<string, unknown>>;
const read = (file: string): Json => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Json;

function walk(value: unknown, see: (key: string, value: unknown) => void): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    see(key, inner);
    walk(inner, see);
  }
}

describe('the AsyncAPI document', () => {
  const document = read('asyncapi.json');
  const at = (pointer: string): unknown =>
    pointer
      .slice(2)
      .split('/')
      .reduce<unknown>((value, key) => (value as Json)[key], document);

  test('refers only to what is there', () => {
    let references = 0;
    walk(document, (key, value) => {
      if (key !== '$ref') return;
      references += 1;
      const target = String(value);
      if (target.startsWith('#/')) expect(at(target), target).toBeDefined();
      else expect(existsSync(join(folder, target)), target).toBe(true);
    });
    expect(references).toBeGreaterThan(50);
  });

  test('has a channel for every topic and every request, with the parameters of its address', () => {
    const channels = Object.values(
      document.channels as Record<string, { address: string; parameters: Json }>,
    );
    for (const { address, parameters } of channels) {
      const named = [...address.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => name);
      expect(Object.keys(parameters), address).toEqual(named);
    }
    const addresses = channels.map(({ address }) => address);
    expect(addresses).toContain('specta/{vehicle}/alerts/{finding}/image');
    expect(addresses).toContain('specta/{vehicle}/request/run/start');
    expect(addresses).toContain('specta/{vehicle}/response/run/start');
    expect(new Set(addresses).size).toBe(addresses.length);
  });
});

describe('a change of the schemas', () => {
  test('never misleads who knows only those published last', () => {
    const before = Object.entries(read('published.json')) as [string, Json][];
    const now = schemaFiles();
    const broken = before.flatMap(([file, schema]) => {
      const after = now.get(file);
      if (after === undefined) return [`${file} is gone`];
      const sender = file.endsWith('.request.json') ? 'surface' : 'vehicle';
      return incompatibilities(schema, after as Json, sender).map((change) => `${file}: ${change}`);
    });
    expect(broken).toEqual([]);
    expect(before.length).toBeGreaterThan(15);
  });

  const object = (properties: Json, required: readonly string[] = Object.keys(properties)): Json => ({
    type: 'object',
    properties,
    required,
  });
  const text = { type: 'string' };
  const number = { type: 'number' };
  const orNull = (schema: Json): Json => ({ anyOf: [schema, { type: 'null' }] });

  test.each<[string, Json, Json, string[]]>([
    ['the same', object({ a: text }), object({ a: text }), []],
    ['a field more', object({ a: text }), object({ a: text, b: number }), []],
    ['a word more', { enum: ['x'] }, { enum: ['x', 'y'] }, []],
    ['an integer where a number was', object({ a: number }), object({ a: { type: 'integer' } }), []],
    ['null no more', object({ a: orNull(text) }), object({ a: text }), []],
    [
      'a field less',
      object({ a: text, b: text }),
      object({ a: text }),
      ['b: it is gone', 'b: it may be missing now'],
    ],
    ['another type', object({ a: text }), object({ a: number }), ['a: it can be number']],
    ['null too', object({ a: text }), object({ a: orNull(text) }), ['a: it can be null']],
    ['perhaps missing', object({ a: text }), object({ a: text }, []), ['a: it may be missing now']],
    ['another constant', object({ a: { const: 1 } }), object({ a: { const: 2 } }), ['a: it was always 1']],
    [
      'deep inside',
      object({ list: { type: 'array', items: orNull(object({ a: text })) } }),
      object({ list: { type: 'array', items: orNull(object({ a: number })) } }),
      ['list[].a: it can be number'],
    ],
  ])('of what the vehicle says: %s', (_, before, after, expected) => {
    expect(incompatibilities(before, after, 'vehicle')).toEqual(expected);
  });

  test.each<[string, Json, Json, string[]]>([
    ['a field more that may be left out', object({ a: text }), object({ a: text, b: text }, ['a']), []],
    [
      'a field more that must be there',
      object({ a: text }),
      object({ a: text, b: text }),
      ['b: it is required now'],
    ],
    ['a field less', object({ a: text, b: text }, []), object({ a: text }, []), ['b: it is gone']],
    ['a word less', { enum: ['x', 'y'] }, { enum: ['x'] }, ['the message: y is not taken any more']],
    ['null no more', object({ a: orNull(text) }), object({ a: text }), ['a: it cannot be any more null']],
  ])('of what it is asked: %s', (_, before, after, expected) => {
    expect(incompatibilities(before, after, 'surface')).toEqual(expected);
  });
});

describe('the conformance log', () => {
  const all = loggedMessages();
  const ours = all.filter(({ topic }) => topic.startsWith('specta/'));

  test('holds messages of every kind, each as its schema says', () => {
    const contract = new Contract();
    const kinds = new Set<MessageName | undefined>();
    for (const { topic, payload, logged } of ours) {
      const packet = {
        properties: { userProperties: logged.userProperties ?? {} },
      } as unknown as IPublishPacket;
      expect(contract.breachOf(topic, payload, packet, 5)).toBeNull();
      const kind = messageOf(topicsOf('rov-1').parse(topic)?.name ?? 'state');
      kinds.add((Object.keys(MESSAGES) as MessageName[]).find((name) => MESSAGES[name] === kind));
    }
    expect([...kinds].toSorted()).toEqual(Object.keys(MESSAGES).toSorted());
  });

  test('tells a whole inspection: findings open and close, with their places and pictures', () => {
    const alerts = ours
      .filter(({ topic }) => topic.endsWith('/alerts'))
      .map(({ logged }) => logged.payload as Json & { position: Json });
    const open = new Set(alerts.map(({ finding }) => finding));
    const closed = alerts.filter(({ phase }) => phase === 'closed').map(({ finding }) => finding);
    expect(new Set(closed)).toEqual(open);
    for (const { position } of alerts) expect(position.kp).toBeGreaterThan(12);
    const sequences = alerts.map(({ sequence }) => Number(sequence));
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
    const picture = ours.find(({ logged }) => logged.payloadBase64 !== undefined);
    const digest = createHash('sha256')
      .update(picture?.payload ?? '')
      .digest('hex');
    expect(picture?.logged.userProperties).toMatchObject({ sha256: digest });
  });

  test('has what Home Assistant is told', () => {
    const discovery = homeAssistantDiscovery('homeassistant', 'rov-1', '0.1.0');
    const heard = new Map<string, LoggedMessage>(all.map((each) => [each.topic, each]));
    for (const [topic, message] of discovery) {
      expect(heard.get(topic)?.logged, topic).toMatchObject({ payload: message, qos: 1 });
    }
  });
});

test("Home Assistant's entities read what the vehicle publishes", () => {
  const topics = topicsOf('rov-1');
  const examples = messageExamples() as unknown as Record<string, Json>;
  const discovery = homeAssistantDiscovery('homeassistant', 'rov-1', '0.1.0');
  for (const [topic, message] of discovery) {
    // <prefix>/<component>/<node>/<object>/config, each level of letters, digits, _ and -.
    expect(topic).toMatch(/^homeassistant\/(binary_sensor|sensor)\/[\w-]+\/[\w-]+\/config$/);
    const name = topics.parse(String(message.state_topic))?.name;
    const kind = (Object.keys(MESSAGES) as MessageName[]).find((each) => MESSAGES[each].topic === name);
    const [, path] = /value_json\.([A-Za-z.]+)/.exec(String(message.value_template)) ?? [];
    const value = (path ?? '')
      .split('.')
      .reduce<unknown>((inner, key) => (inner as Json)[key], examples[kind ?? '']);
    expect(value, `${topic}: ${path}`).toBeDefined();
    expect(message.availability_topic).toBe(topics.state);
  }
  const ids = [...discovery.values()].map((message) => message.unique_id);
  expect(new Set(ids).size).toBe(ids.length);
});
