import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';

// The rules of AsyncAPI 3.0 that its own schema cannot tell, and those of its schema that concern what we use: which
// fields an object may have, what refers to what.

const FOLDER = resolve(import.meta.dirname, '../../docs/messages');

type Json = Readonly<Record<string, unknown>>;
interface Reference {
  readonly $ref: string;
}
interface Operation {
  readonly action: string;
  readonly channel: Reference;
  readonly messages: readonly Reference[];
  readonly reply?: { readonly channel: Reference; readonly messages: readonly Reference[] };
  readonly bindings?: { readonly mqtt: Json };
}
interface Channel {
  readonly address: string;
  readonly parameters: Json;
  readonly messages: Readonly<Record<string, Reference>>;
}
interface Message {
  readonly name: string;
  readonly contentType: string;
  readonly payload: Json;
  readonly headers?: Json;
}

const read = (file: string): Json => JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Json;
const document = read('asyncapi.json');
const channels = document.channels as Record<string, Channel>;
const operations = document.operations as Record<string, Operation>;
const messages = (document.components as Json).messages as Record<string, Message>;

/** The fields that an object of the specification may have, `!` where it must. */
const FIELDS: Readonly<Record<string, string>> = {
  document: 'asyncapi! id info! servers defaultContentType channels operations components',
  info: 'title! version! description termsOfService contact license tags externalDocs',
  components:
    'schemas servers channels operations messages securitySchemes serverVariables parameters correlationIds replies ' +
    'replyAddresses externalDocs tags operationTraits messageTraits serverBindings channelBindings operationBindings messageBindings',
  channel: 'address messages title summary description servers parameters tags externalDocs bindings',
  parameter: 'enum default description examples location',
  operation:
    'action! channel! title summary description security tags externalDocs bindings traits messages reply',
  reply: 'address channel messages',
  message:
    'headers payload correlationId contentType name title summary description tags externalDocs bindings examples traits',
  schema: 'schemaFormat! schema!',
  mqtt: 'qos retain messageExpiryInterval bindingVersion',
};

function expectFields(kind: string, value: object, where: string): void {
  const fields = (FIELDS[kind] ?? '').split(' ');
  const known = fields.map((field) => field.replace('!', ''));
  const needed = fields.filter((field) => field.endsWith('!')).map((field) => field.slice(0, -1));
  expect(
    Object.keys(value).filter((key) => !known.includes(key)),
    `${where}: unknown`,
  ).toEqual([]);
  expect(
    needed.filter((key) => !(key in value)),
    `${where}: missing`,
  ).toEqual([]);
}

/** What a pointer of the document leads to. */
function at(pointer: string): unknown {
  return pointer
    .slice(2)
    .split('/')
    .reduce<unknown>((value, key) => (value as Json | undefined)?.[key], document);
}

describe('the AsyncAPI document keeps the rules of AsyncAPI 3.0', () => {
  test('objects have the fields that the specification knows, and those that it asks for', () => {
    expect(document.asyncapi).toBe('3.0.0');
    expectFields('document', document, 'document');
    expectFields('info', document.info as object, 'info');
    expectFields('components', document.components as object, 'components');
    for (const [name, channel] of Object.entries(channels)) {
      expectFields('channel', channel, name);
      for (const [parameter, about] of Object.entries(channel.parameters))
        expectFields('parameter', about as object, `${name} ${parameter}`);
    }
    for (const [name, operation] of Object.entries(operations)) {
      expectFields('operation', operation, name);
      if (operation.reply) expectFields('reply', operation.reply, name);
      if (operation.bindings) {
        const { mqtt } = operation.bindings;
        expectFields('mqtt', mqtt, name);
        expect([0, 1, 2]).toContain(mqtt.qos);
        expect(typeof mqtt.retain).toBe('boolean');
        expect(mqtt.bindingVersion).toBe('0.2.0');
      }
    }
    for (const [name, message] of Object.entries(messages)) expectFields('message', message, name);
    for (const key of [...Object.keys(messages), ...Object.keys(channels), ...Object.keys(operations)])
      expect(key).toMatch(/^[A-Za-z0-9._-]+$/);
  });

  test('each operation has a channel of the document and messages of that channel; so has each reply', () => {
    const serves = (channel: Reference, offered: readonly Reference[], where: string): void => {
      expect(channel.$ref, where).toMatch(/^#\/channels\/[^/]+$/);
      expect(at(channel.$ref), where).toBeDefined();
      expect(offered.length, where).toBeGreaterThan(0);
      // Of the channel, not of the components.
      for (const { $ref } of offered) {
        expect($ref.startsWith(`${channel.$ref}/messages/`), `${where}: ${$ref}`).toBe(true);
        expect(at($ref), `${where}: ${$ref}`).toBeDefined();
      }
    };
    for (const [name, operation] of Object.entries(operations)) {
      expect(['send', 'receive'], name).toContain(operation.action);
      serves(operation.channel, operation.messages, name);
      if (operation.reply) serves(operation.reply.channel, operation.reply.messages, `${name} reply`);
    }
    const used = new Set(
      Object.values(operations).flatMap(({ channel, reply }) => [
        channel.$ref,
        ...(reply ? [reply.channel.$ref] : []),
      ]),
    );
    expect([...used].toSorted()).toEqual(
      Object.keys(channels)
        .map((name) => `#/channels/${name}`)
        .toSorted(),
    );
  });

  test('each channel has messages that are there, and each message is on a channel', () => {
    const used = new Set<string>();
    for (const [name, channel] of Object.entries(channels)) {
      expect(channel.address, name).not.toMatch(/[#+?]|\/\/|\/$/);
      for (const { $ref } of Object.values(channel.messages)) {
        expect(at($ref), `${name}: ${$ref}`).toBeDefined();
        used.add($ref);
      }
    }
    const known = Object.keys(messages).map((name) => `#/components/messages/${name}`);
    expect([...used].toSorted()).toEqual(known.toSorted());
  });

  test.each(Object.keys(messages))('the schema of %s compiles, and its published example fits it', (name) => {
    const { payload, headers } = messages[name] as Message;
    const described = (headers ?? payload) as Json;
    expectFields('schema', described, name);
    expect(described.schemaFormat).toBe('application/schema+json;version=2020-12');
    const file = (described.schema as Reference).$ref.replace(/^\.\//, '');
    const ajv = new Ajv2020({
      strict: true,
      allowUnionTypes: true,
      formats: { 'date-time': true, base64: true },
    });
    const validate = ajv.compile(read(file));
    expect(validate(read(`examples/${file}`)), ajv.errorsText(validate.errors)).toBe(true);
    expect(validate('no object')).toBe(false);
  });
});
