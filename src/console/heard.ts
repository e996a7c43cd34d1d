import { z } from 'zod';
import { alertSchema } from '../surface/messages/alert.ts';
import { type DetectionMessage, detectionSchema } from '../surface/messages/detection.ts';
import { type HealthMessage, healthSchema } from '../surface/messages/health.ts';
import { type LightMessage, lightSchema } from '../surface/messages/light.ts';
import { type ModelMessage, modelSchema } from '../surface/messages/model.ts';
import { type Answer, answerSchema } from '../surface/messages/request.ts';
import { type RunMessage, runSchema } from '../surface/messages/run.ts';
import { type RunLogMessage, runLogSchema } from '../surface/messages/run-log.ts';
import { type StateMessage, stateSchema } from '../surface/messages/state.ts';
import { type StatusMessage, statusSchema } from '../surface/messages/status.ts';
import { ROOT_TOPIC, topicsOf } from '../surface/topics.ts';
import type { MarkedAlert } from './history.ts';

/** One message of a vehicle, read. */
export type Heard = { readonly vehicle: string } & (
  | { readonly kind: 'state'; readonly message: StateMessage }
  | { readonly kind: 'status'; readonly message: StatusMessage }
  | { readonly kind: 'detection'; readonly message: DetectionMessage }
  | { readonly kind: 'alert'; readonly message: MarkedAlert }
  | { readonly kind: 'light'; readonly message: LightMessage }
  | { readonly kind: 'model'; readonly message: ModelMessage }
  | { readonly kind: 'run'; readonly message: RunMessage }
  | { readonly kind: 'run-log'; readonly message: RunLogMessage }
  | { readonly kind: 'health'; readonly message: HealthMessage }
  | { readonly kind: 'image'; readonly finding: string; readonly jpeg: Uint8Array }
  /** `request` is the name of what was asked. */
  | { readonly kind: 'answer'; readonly request: string; readonly answer: Answer<unknown> }
);

/** What could not be read, and why, for a count and one line in the log. */
export interface Unreadable {
  readonly kind: 'unreadable';
  readonly why: 'topic' | 'json' | 'schema' | 'size';
}

/** Everything of these vehicles that an operator reads. Requests of others are not among them. */
export function operatorTopics(vehicle: string | null): readonly string[] {
  const base = vehicle === null ? `${ROOT_TOPIC}/+` : topicsOf(vehicle).base;
  const below = [
    'state',
    'status/+',
    'detections',
    'alerts',
    'alerts/+/image',
    'light',
    'model',
    'run',
    'run/log',
    'health',
    'response/#',
  ];
  return below.map((part) => `${base}/${part}`);
}

/** A payload larger than this is none of ours: an annotated still has some hundred kilobytes. */
const MOST_BYTES = 16_000_000;
const ANY_ANSWER = answerSchema(z.unknown());

/**
 * A message that fits its schema, fields that this version does not know left aside: a newer vehicle may send them.
 * Undefined when it does not fit.
 */
export function readAs<T>(schema: z.ZodType<T>, value: unknown): T | undefined {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  // Unknown fields do not end the check: when nothing else is wrong, every known field is as it should be.
  const isNewer = checked.error.issues.every(({ code }) => code === 'unrecognized_keys');
  return isNewer ? (value as T) : undefined;
}

/**
 * An alert; undefined for what is none. Vehicles of before the marks of people (`reviewed`, `acknowledged`) say nothing of
 * them: that is nobody's mark, and no reason to lose an alert.
 */
export function readAlert(value: unknown): MarkedAlert | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return readAs(alertSchema, { reviewed: null, acknowledged: null, ...value });
}

/** The payload's JSON; undefined when it is none. */
function jsonOf(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function unreadable(why: Unreadable['why']): Unreadable {
  return { kind: 'unreadable', why };
}

/** Reads what came on a topic. Anybody may publish anything: what fits nothing is told as such, nothing throws. */
export function readHeard(topic: string, payload: Uint8Array): Heard | Unreadable {
  if (payload.byteLength > MOST_BYTES) return unreadable('size');
  const [root, vehicle = '', ...rest] = topic.split('/');
  if (root !== ROOT_TOPIC || !/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(vehicle)) return unreadable('topic');
  if (rest[0] === 'response' && rest.length > 1) {
    const answer = readAs(ANY_ANSWER, jsonOf(payload));
    const request = rest.slice(1).join('/');
    return answer === undefined ? unreadable('schema') : { kind: 'answer', vehicle, request, answer };
  }
  const place = topicsOf(vehicle).parse(topic);
  if (place === null) return unreadable('topic');
  if (place.name === 'alertImage') {
    const isJpeg = payload[0] === 0xff && payload[1] === 0xd8;
    return isJpeg && place.of !== null
      ? { kind: 'image', vehicle, finding: place.of, jpeg: payload }
      : unreadable('schema');
  }
  const value = jsonOf(payload);
  if (value === undefined) return unreadable('json');
  return readJson(place.name, vehicle, value);
}

function readJson(name: string, vehicle: string, value: unknown): Heard | Unreadable {
  const as = <Kind extends string, T extends { readonly vehicle: string }>(
    kind: Kind,
    schema: z.ZodType<T>,
  ) => {
    const message = readAs(schema, value);
    // A message is filed under its topic: one that names another vehicle is a mistake, or a lie.
    return message === undefined || message.vehicle !== vehicle
      ? unreadable('schema')
      : { kind, vehicle, message };
  };
  switch (name) {
    case 'state':
      return as('state', stateSchema);
    case 'status':
      return as('status', statusSchema);
    case 'detections':
      return as('detection', detectionSchema);
    case 'alerts': {
      const message = readAlert(value);
      const isOurs = message !== undefined && message.vehicle === vehicle;
      return isOurs ? { kind: 'alert', vehicle, message } : unreadable('schema');
    }
    case 'light':
      return as('light', lightSchema);
    case 'model':
      return as('model', modelSchema);
    case 'run':
      return as('run', runSchema);
    case 'runLog':
      return as('run-log', runLogSchema);
    case 'health':
      return as('health', healthSchema);
    default:
      return unreadable('topic');
  }
}
