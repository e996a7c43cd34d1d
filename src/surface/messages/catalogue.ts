import type { z } from 'zod';
import type { TopicName } from '../topics.ts';
import { alertSchema } from './alert.ts';
import { alertImageSchema } from './alert-image.ts';
import { detectionSchema } from './detection.ts';
import { healthSchema } from './health.ts';
import { lightSchema } from './light.ts';
import { modelSchema } from './model.ts';
import { runSchema } from './run.ts';
import { runLogSchema } from './run-log.ts';
import { stateSchema } from './state.ts';
import { statusSchema } from './status.ts';

/** A payload that is published, with the name of its schema file. */
export interface MessageKind {
  readonly topic: TopicName;
  readonly file: string;
  readonly schema: z.ZodType;
  /** `binary`: the schema describes the user properties beside the bytes. */
  readonly payload: 'json' | 'binary';
}

/** Every payload a vehicle publishes, by the name of its example. */
export const MESSAGES = {
  state: { topic: 'state', file: 'state.json', schema: stateSchema, payload: 'json' },
  status: { topic: 'status', file: 'status.json', schema: statusSchema, payload: 'json' },
  detection: { topic: 'detections', file: 'detection.json', schema: detectionSchema, payload: 'json' },
  alert: { topic: 'alerts', file: 'alert.json', schema: alertSchema, payload: 'json' },
  alertImage: { topic: 'alertImage', file: 'alert-image.json', schema: alertImageSchema, payload: 'binary' },
  light: { topic: 'light', file: 'light.json', schema: lightSchema, payload: 'json' },
  model: { topic: 'model', file: 'model.json', schema: modelSchema, payload: 'json' },
  run: { topic: 'run', file: 'run.json', schema: runSchema, payload: 'json' },
  runLog: { topic: 'runLog', file: 'run-log.json', schema: runLogSchema, payload: 'json' },
  health: { topic: 'health', file: 'health.json', schema: healthSchema, payload: 'json' },
} as const satisfies Record<string, MessageKind>;

export type MessageName = keyof typeof MESSAGES;

/** The payload published on a kind of topic. */
export function messageOf(topic: TopicName): MessageKind | null {
  return Object.values(MESSAGES).find((kind) => kind.topic === topic) ?? null;
}
