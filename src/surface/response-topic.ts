import { ROOT_TOPIC, type Topics } from './topics.ts';

/** A name that may become a part of a topic of ours. */
const NAME = /^[a-z][a-z0-9-]{0,31}(?:\/[a-z][a-z0-9-]{0,31}){0,3}$/;
/** What MQTT does not allow in the topic of a message, and what no reader should have to show. */
const FORBIDDEN = /[+#\p{Cc}]/u;
const MOST_TOPIC_BYTES = 1024;

/**
 * Where the answer to the request `name` goes: to the response topic that came with it, else to `response/<name>`. A
 * response topic among the other topics of vehicles is not heeded: an answer must not pass for an alert or a request.
 * null: there is no place for it.
 */
export function responseTopic(topics: Topics, name: string, wanted: string | null): string | null {
  if (wanted !== null && isPlace(wanted)) return wanted;
  return NAME.test(name) ? topics.response(name) : null;
}

function isPlace(wanted: string): boolean {
  if (wanted === '' || wanted.startsWith('$') || FORBIDDEN.test(wanted)) return false;
  if (Buffer.byteLength(wanted) > MOST_TOPIC_BYTES) return false;
  const [root, , kind] = wanted.split('/');
  return root !== ROOT_TOPIC || kind === 'response';
}
