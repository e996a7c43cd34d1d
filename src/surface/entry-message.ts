import type { OutboxEntry } from '../domain/outbox.ts';
import type { Outgoing } from './connection.ts';
import type { LinkCounters } from './link-counters.ts';
import { alertImageProperties } from './messages/alert-image.ts';
import { markHistorical } from './messages/historical.ts';
import type { RepeatedLog } from './repeated-log.ts';
import type { Topics } from './topics.ts';

const JSON_TYPE = 'application/json';

/** An entry of the outbox as it is sent; one that is `late` carries the mark. */
export function entryMessage(
  entry: OutboxEntry,
  late: boolean,
  parts: { readonly topics: Topics; readonly counters: LinkCounters; readonly log: RepeatedLog },
): Outgoing {
  const { topics } = parts;
  const { topic, contentType } = entry;
  const payload = late && contentType === JSON_TYPE ? marked(entry, parts) : entry.payload;
  // Retained topics tell the present, and the link keeps them itself; what waited may already be the past.
  const message = { topic, payload, retain: false, contentType, expirySeconds: null };
  const place = topics.parse(topic);
  if (place?.name !== 'alertImage' || place.of === null) return message;
  const { boot, committedAtUtcMs } = entry;
  const { vehicle } = topics;
  const about = { vehicle, finding: place.of, boot, committedAtUtcMs, historical: late, payload };
  return { ...message, userProperties: alertImageProperties(about) };
}

function marked(
  { id, payload }: OutboxEntry,
  { counters, log }: { readonly counters: LinkCounters; readonly log: RepeatedLog },
): Uint8Array {
  const done = markHistorical(payload);
  if (done) return done;
  counters.unmarked += 1;
  log.warn('unmarked', `entry ${id} of the outbox is no JSON object and cannot be marked historical`);
  return payload;
}
