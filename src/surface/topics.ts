import { SpectaError } from '../platform/errors.ts';

/** How messages of one kind of topic travel. */
export interface TopicKind {
  /** Topic below the base, with `<…>` for what varies. */
  readonly pattern: string;
  readonly qos: 0 | 1;
  /** The broker keeps the last one for whoever comes later. */
  readonly retained: boolean;
  /** Kept in the black box until the broker acknowledged it. */
  readonly outbox: boolean;
  /** Worth nothing after this long (MQTT 5 message expiry), seconds; null: never stale. */
  readonly expirySeconds: number | null;
}

/** Every kind of topic that a vehicle publishes. */
export const TOPIC_KINDS = {
  state: { pattern: 'state', qos: 1, retained: true, outbox: false, expirySeconds: null },
  status: { pattern: 'status/<part>', qos: 1, retained: true, outbox: false, expirySeconds: null },
  detections: { pattern: 'detections', qos: 0, retained: false, outbox: false, expirySeconds: 10 },
  alerts: { pattern: 'alerts', qos: 1, retained: false, outbox: true, expirySeconds: null },
  alertImage: {
    pattern: 'alerts/<finding>/image',
    qos: 1,
    retained: false,
    outbox: true,
    expirySeconds: null,
  },
  light: { pattern: 'light', qos: 1, retained: true, outbox: false, expirySeconds: null },
  model: { pattern: 'model', qos: 1, retained: true, outbox: false, expirySeconds: null },
  run: { pattern: 'run', qos: 1, retained: true, outbox: false, expirySeconds: null },
  runLog: { pattern: 'run/log', qos: 1, retained: false, outbox: true, expirySeconds: null },
  health: { pattern: 'health', qos: 0, retained: false, outbox: false, expirySeconds: 30 },
} as const satisfies Record<string, TopicKind>;

export type TopicName = keyof typeof TOPIC_KINDS;

/** All vehicles live below this topic. */
export const ROOT_TOPIC = 'specta';

/** An answer that nobody has fetched after this long is worth nothing (MQTT 5 message expiry), seconds. */
export const RESPONSE_EXPIRY_SECONDS = 60;

const VEHICLE = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
const LEVEL = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;

/** The topics of one vehicle. */
export interface Topics {
  readonly vehicle: string;
  /** `specta/<vehicle>` */
  readonly base: string;
  readonly state: string;
  readonly detections: string;
  readonly alerts: string;
  readonly light: string;
  readonly model: string;
  readonly run: string;
  readonly runLog: string;
  readonly health: string;
  /** The filter under which every request to the vehicle comes. */
  readonly requests: string;
  status(part: string): string;
  alertImage(finding: string): string;
  request(name: string): string;
  /** Where the answer goes when the request names no other place. */
  response(name: string): string;
  /** What a full topic asks for; null when it is no request to this vehicle. */
  requestName(topic: string): string | null;
  /** Which kind a full topic is, and the part or finding it names; null when it is none of this vehicle's. */
  parse(topic: string): { readonly name: TopicName; readonly of: string | null } | null;
}

/**
 * The topics of `vehicle`.
 * Throws `CONFIG_INVALID` when the name cannot be one level of a topic (1 to 63 letters, digits, `-` or `_`).
 */
export function topicsOf(vehicle: string): Topics {
  if (!VEHICLE.test(vehicle)) {
    throw new SpectaError(
      'CONFIG_INVALID',
      `"${vehicle}" cannot be a vehicle's name: it is a level of every topic.`,
      'Use 1 to 63 letters, digits, "-" or "_", beginning with a letter or digit.',
    );
  }
  const base = `${ROOT_TOPIC}/${vehicle}`;
  const below = (name: TopicName): string => `${base}/${TOPIC_KINDS[name].pattern}`;
  const filled = (name: TopicName, value: string): string => below(name).replace(/<[^>]+>/, level(value));
  return {
    vehicle,
    base,
    state: below('state'),
    detections: below('detections'),
    alerts: below('alerts'),
    light: below('light'),
    model: below('model'),
    run: below('run'),
    runLog: below('runLog'),
    health: below('health'),
    requests: `${base}/request/#`,
    request: (name) => `${base}/request/${name}`,
    response: (name) => `${base}/response/${name}`,
    requestName: (topic) =>
      topic.startsWith(`${base}/request/`) ? topic.slice(`${base}/request/`.length) : null,
    status: (part) => filled('status', part),
    alertImage: (finding) => filled('alertImage', finding),
    parse: (topic) => (topic.startsWith(`${base}/`) ? parseBelow(topic.slice(base.length + 1)) : null),
  };
}

function level(value: string): string {
  if (LEVEL.test(value)) return value;
  throw new SpectaError(
    'INTERNAL',
    `"${value}" cannot be a level of a topic.`,
    'Identifiers are letters, digits, "_", ".", ":" and "-" only.',
  );
}

function parseBelow(rest: string): { name: TopicName; of: string | null } | null {
  const levels = rest.split('/');
  for (const name of Object.keys(TOPIC_KINDS) as TopicName[]) {
    const pattern: readonly string[] = TOPIC_KINDS[name].pattern.split('/');
    if (pattern.length !== levels.length) continue;
    let of: string | null = null;
    const fits = pattern.every((part, index) => {
      const given = levels[index] ?? '';
      if (!part.startsWith('<')) return part === given;
      of = given;
      return LEVEL.test(given);
    });
    if (fits) return { name, of };
  }
  return null;
}
