import { z } from 'zod';
import { ROOT_TOPIC, TOPIC_KINDS, type TopicKind } from '../topics.ts';
import { asyncapiDocument } from './asyncapi.ts';
import { MESSAGES, type MessageKind, type MessageName } from './catalogue.ts';
import { messageExamples } from './examples.ts';
import {
  answerSchema,
  MOST_PICTURE_BYTES,
  MOST_REQUEST_BYTES,
  REQUEST_NAMES,
  REQUESTS,
  type RequestName,
} from './request.ts';
import { requestExamples } from './request-examples.ts';

/**
 * The files of the published contract by their path below `docs/messages`: a JSON Schema 2020-12 and an example for
 * each payload, and the table of topics.
 */
export function publishedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const examples = messageExamples();
  for (const [name, kind] of Object.entries(MESSAGES) as [MessageName, MessageKind][]) {
    files.set(kind.file, pretty(publishedSchema(kind)));
    files.set(`examples/${kind.file}`, pretty(examples[name]));
  }
  const requests = requestExamples();
  for (const name of REQUEST_NAMES) {
    const { request, data } = REQUESTS[name];
    const stem = `requests/${fileOf(name)}`;
    files.set(`${stem}.request.json`, pretty(strictSchema(request)));
    files.set(`${stem}.answer.json`, pretty(openSchema(answerSchema(data))));
    files.set(`examples/${stem}.request.json`, pretty(requests[name].request));
    files.set(`examples/${stem}.answer.json`, pretty(requests[name].answer));
  }
  files.set('asyncapi.json', pretty(asyncapiDocument(fileOf)));
  files.set('README.md', readme());
  return files;
}

/** Every schema by its file, for comparing it with those that were published before. */
export function schemaFiles(): ReadonlyMap<string, unknown> {
  const isSchema = (file: string): boolean =>
    file.endsWith('.json') && !file.startsWith('examples/') && file !== 'asyncapi.json';
  return new Map(
    [...publishedFiles()].filter(([file]) => isSchema(file)).map(([file, text]) => [file, JSON.parse(text)]),
  );
}

/** The JSON Schema of a payload as readers should hold it against what they get. */
export function publishedSchema(kind: MessageKind): Record<string, unknown> {
  return openSchema(kind.schema);
}

function openSchema(schema: z.ZodType): Record<string, unknown> {
  return {
    ...z.toJSONSchema(schema, {
      target: 'draft-2020-12',
      override: ({ jsonSchema }) => {
        // The vehicle publishes exactly these fields; readers accept more, so that a field can be added.
        if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      },
    }),
  };
}

/** A request with a field that the vehicle does not know is refused: it would do something else than was asked. */
function strictSchema(schema: z.ZodType): Record<string, unknown> {
  return { ...z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' }) };
}

/** `light/test` as `light-test`: request names are paths, file names are not. */
function fileOf(name: RequestName): string {
  return name.replaceAll('/', '-');
}

function pretty(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function requestRows(): string[] {
  return REQUEST_NAMES.map((name) => {
    const stem = `requests/${fileOf(name)}`;
    const links = (['request', 'answer'] as const).map(
      (part) => `[schema](${stem}.${part}.json), [example](examples/${stem}.${part}.json)`,
    );
    return `| \`${name}\` | ${REQUESTS[name].does} | ${links.join(' | ')} |`;
  });
}

function readme(): string {
  const rows = (Object.values(MESSAGES) as MessageKind[]).map((kind) => {
    const topic: TopicKind = TOPIC_KINDS[kind.topic];
    return [
      `\`${topic.pattern}\``,
      topic.qos,
      topic.retained ? (kind.topic === 'state' ? 'yes, and last will' : 'yes') : 'no',
      topic.outbox ? 'yes' : 'no',
      topic.expirySeconds === null ? '—' : `${topic.expirySeconds} s`,
      kind.payload === 'json' ? 'JSON' : 'JPEG; user properties',
      `[${kind.file}](${kind.file})`,
      `[example](examples/${kind.file})`,
    ].join(' | ');
  });
  return `# Messages

Written by \`npm run schemas\` from the code's own types; \`npm run schemas -- --check\` tells whether it is current.

All topics are below \`${ROOT_TOPIC}/<vehicle>\`. To see everything of all vehicles: \`mosquitto_sub -v -t '${ROOT_TOPIC}/#'\`.

| topic | QoS | retained | outbox | expiry | payload | schema | example |
|---|---|---|---|---|---|---|---|
${rows.map((row) => `| ${row} |`).join('\n')}

## Requests

What can be asked of a vehicle. Over MQTT: publish to \`request/<name>\` with QoS 1; the answer comes on the MQTT 5 response
topic with the correlation data of the request, or on \`response/<name>\` (all there is under MQTT 3.1.1). On the vehicle itself: \`specta request NAME JSON\`, or \`POST /NAME\` on its control socket
(\`curl --unix-socket /run/specta/control.sock -d '{}' http://specta/status\`).

| request | what it does | request | answer |
|---|---|---|---|
${requestRows().join('\n')}

- **The answer** is \`{status, data, error, transaction}\`: \`status\` is \`ok\` with \`data\`, or \`error\` with \`error\` (a stable
  code, what happened, what to do).
- **\`transaction\`** is yours to choose, a new one for each request. The same request with the same transaction again gets
  the same answer and is not done twice; something else under a used transaction is refused. The vehicle remembers the
  last few hundred, until its next start.
- **\`expires\`**: not to be done after that time. A vehicle whose clock was never set refuses such a request.
- **Only what is asked now is heard**: a vehicle without connection hears nothing later, and a retained request is ignored.
  A response topic among the other topics of vehicles is not heeded: the answer goes to \`response/<name>\`.
- **Whatever comes, an answer goes back**: unknown (\`REQUEST_UNKNOWN\`), malformed or with a field too many
  (\`REQUEST_INVALID\`), more than ${MOST_REQUEST_BYTES} bytes (\`classify\`: a
  picture of ${MOST_PICTURE_BYTES}) (\`REQUEST_TOO_LARGE\`), late (\`REQUEST_EXPIRED\`), disabled by the
  configuration (\`REQUEST_DISABLED\`), too much at once (\`REQUEST_BUSY\`), not possible now (\`REQUEST_REFUSED\`). What
  is larger than 6 MiB does not arrive at all (MQTT 5), and of a flood only some is answered.
- **Coming back after an outage**: ask \`findings/list\` with \`since\`, compare \`(boot, sequence)\` of each finding's newest
  alert with what you have, and ask for whole histories with \`alerts/resend\`.

## For other people's clients

- [asyncapi.json](asyncapi.json): all topics, messages, requests and answers as an AsyncAPI 3.0 document.
- [conformance.jsonl](conformance.jsonl): every message of one inspection as a client heard it from a Mosquitto, one JSON
  object a line: \`topic\`, \`qos\`, \`retain\`, \`payload\` (of a picture \`payloadBase64\`, the first one only), \`afterMs\`. Play it
  to a client, or publish it to a broker. Made by \`npm run conformance\`.
- [published.json](published.json): the schemas as last published. A test fails when a change would mislead who knows only
  those; \`npm run schemas -- --publish\` publishes anew.
- Home Assistant: \`surface.homeAssistant: homeassistant\` in the configuration makes a vehicle announce itself.

## How to read them

- **Order** is by \`boot\` and \`sequence\`, never by time, nor by arrival: after a long outage alerts of the present come
  before those that waited. \`at\` is UTC; \`clockQuality\` says how far to believe it.
- **Twice is possible, twice with different content is not.** What goes through the outbox is sent until the broker has
  acknowledged it. A message that comes again has the same \`boot\` and \`sequence\`: keep one.
- **\`historical: true\`**: sent late, after an outage or by a later boot. Record it; do not sound the horn. This mark is
  the only thing that may differ when a message comes again.
- **A review or acknowledgement** comes as an alert of its finding, with its next sequence: \`updated\` while it is open,
  \`closed\` again when it was.
- **Unknown fields** are to be ignored: fields may be added. \`schema\` rises when a reader of the old shape would misread
  the new one.
- **\`run\`** tells the present and is retained; **\`run/log\`** tells the story, through the outbox and in order: what the
  camera could see while the link was down comes afterwards. The coverage in it grows, so that the difference between two
  messages of one run is the stretch between them, and one that is missing only makes the next stretch longer.
- **Alert images** are JPEG bytes. Under MQTT 5 their user properties follow
  [alert-image.json](alert-image.json); under MQTT 3.1.1 there are none: the topic names the finding.
- **\`state\`** is published after every connect. The broker publishes \`offline\` for a vehicle that it lost (last will);
  its \`session\` names the connection that ended: an \`offline\` of another session than the last \`online\` is old news.

## What an acknowledgement proves

Under MQTT 5 an alert leaves the vehicle's black box when the broker acknowledges it with reason 0: somebody was
subscribed, or has a session that waits. Reason 16 (nobody subscribed) keeps it on the vehicle; it is sent again until
somebody listens, and \`status/link\` says so. Under MQTT 3.1.1 an acknowledgement proves only that the broker has it.
`;
}
