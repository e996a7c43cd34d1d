import { ROOT_TOPIC, TOPIC_KINDS, type TopicKind } from '../topics.ts';
import { MESSAGES, type MessageKind, type MessageName } from './catalogue.ts';
import { REQUEST_NAMES, REQUESTS, type RequestName } from './request.ts';

/** A schema's file below `docs/messages`, from the document's own place; the schemas are JSON Schema 2020-12. */
const reference = (file: string): Record<string, unknown> => ({
  schemaFormat: 'application/schema+json;version=2020-12',
  schema: { $ref: `./${file}` },
});

/** `specta/{vehicle}/alerts/{finding}/image` of the pattern `alerts/<finding>/image`. */
function address(pattern: string): string {
  return `${ROOT_TOPIC}/{vehicle}/${pattern.replaceAll(/<([a-z]+)>/g, '{$1}')}`;
}

function parameters(pattern: string): Record<string, unknown> {
  const names = [...pattern.matchAll(/<([a-z]+)>/g)].map(([, name]) => name ?? '');
  const described: Readonly<Record<string, string>> = {
    vehicle: 'Name of the vehicle, as its configuration says.',
    part: 'camera, engine, light, record, link or position.',
    finding: 'Id of the finding, as its alert says.',
  };
  return Object.fromEntries(
    ['vehicle', ...names].map((name) => [name, { description: described[name] ?? name }]),
  );
}

/** The MQTT binding of what is published on a kind of topic (AsyncAPI's MQTT bindings, 0.2.0). */
function bindings({ qos, retained, expirySeconds }: TopicKind): Record<string, unknown> {
  const expiry = expirySeconds === null ? {} : { messageExpiryInterval: expirySeconds };
  return { mqtt: { qos, retain: retained, ...expiry, bindingVersion: '0.2.0' } };
}

const camel = (name: string): string =>
  name.replaceAll(/[/-]([a-z])/g, (_, letter: string) => letter.toUpperCase());

/**
 * The AsyncAPI 3.0 document of everything a vehicle publishes and answers, as seen from the vehicle: it sends messages
 * and answers, and receives requests. Schemas are referred to where they lie.
 *
 * @param fileOf the stem of a request's schema files
 */
export function asyncapiDocument(fileOf: (name: RequestName) => string): Record<string, unknown> {
  const channels: Record<string, unknown> = {};
  const operations: Record<string, unknown> = {};
  const messages: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(MESSAGES) as [MessageName, MessageKind][]) {
    const topic: TopicKind = TOPIC_KINDS[kind.topic];
    const schema = reference(kind.file);
    messages[name] =
      kind.payload === 'json'
        ? { name, contentType: 'application/json', payload: schema }
        : { name, contentType: 'image/jpeg', headers: schema, payload: { type: 'string', format: 'binary' } };
    channels[name] = {
      address: address(topic.pattern),
      parameters: parameters(topic.pattern),
      messages: { [name]: { $ref: `#/components/messages/${name}` } },
    };
    operations[`send${name[0]?.toUpperCase()}${name.slice(1)}`] = {
      action: 'send',
      channel: { $ref: `#/channels/${name}` },
      messages: [{ $ref: `#/channels/${name}/messages/${name}` }],
      bindings: bindings(topic),
    };
  }
  for (const name of REQUEST_NAMES) {
    const id = camel(name);
    for (const [part, file] of [
      ['request', `requests/${fileOf(name)}.request.json`],
      ['response', `requests/${fileOf(name)}.answer.json`],
    ] as const) {
      const key = `${id}${part === 'request' ? 'Request' : 'Response'}`;
      messages[key] = { name: key, contentType: 'application/json', payload: reference(file) };
      channels[key] = {
        address: `${ROOT_TOPIC}/{vehicle}/${part}/${name}`,
        parameters: parameters(''),
        messages: { [key]: { $ref: `#/components/messages/${key}` } },
      };
    }
    operations[id] = {
      action: 'receive',
      summary: REQUESTS[name].does,
      channel: { $ref: `#/channels/${id}Request` },
      messages: [{ $ref: `#/channels/${id}Request/messages/${id}Request` }],
      reply: {
        channel: { $ref: `#/channels/${id}Response` },
        messages: [{ $ref: `#/channels/${id}Response/messages/${id}Response` }],
      },
    };
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'SPECTA',
      version: '1',
      description:
        'What a vehicle publishes, and what it can be asked. Order is by boot and sequence, never by time; unknown fields are to be ignored. See README.md beside this document.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    channels,
    operations,
    components: { messages },
  };
}
