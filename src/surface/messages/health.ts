import { z } from 'zod';
import type { OutboxDepth } from '../../domain/outbox.ts';
import type { Instant } from '../../domain/time.ts';
import type { Percentiles } from '../../platform/percentiles.ts';
import { count, type Stamp, stamp, stamped } from './envelope.ts';

const measure = z.number().min(0);

const percentiles = z.strictObject({ p50: measure, p95: measure, p99: measure });

export const healthSchema = z
  .strictObject({
    ...stamp,
    uptimeSeconds: measure,
    fps: measure.describe('frames judged a second'),
    latencyMs: z
      .record(z.string(), percentiles)
      .describe('by stage, such as decode, preprocess, infer, captureToVerdict, captureToLight'),
    drops: z.record(z.string(), z.record(z.string(), count)).describe('by part and reason, since the start'),
    engine: z.string().nullable().describe('null when no engine runs'),
    provider: z.string().nullable().describe('the execution provider that really runs'),
    temperatureCelsius: z.number().nullable().describe('of the board; null where it tells none'),
    memoryBytes: count.describe('resident memory of the process'),
    cpuMsPerFrame: measure
      .nullable()
      .describe('processor time of the whole process for each frame judged; null while none is'),
    eventLoopDelayMs: percentiles.describe('how late timers of the main thread were'),
    firstVerdictSeconds: measure.nullable().describe('from the start of the process; null before it'),
    stride: z
      .number()
      .int()
      .min(1)
      .describe('every so many-th frame is judged: more than 1 spares a strained board'),
    outbox: z.strictObject({
      waiting: z.strictObject({ alert: count, run: count, image: count }),
      bytes: count,
      unheard: count.describe('taken by the broker, but nobody was subscribed'),
      oldestAgeSeconds: measure.nullable().describe('by the wall clock; null when empty'),
      dropped: z.record(z.string(), count).describe('given up, by reason'),
    }),
  })
  .meta({ title: 'Health', description: 'Figures of the running vehicle.' });

export type HealthMessage = z.infer<typeof healthSchema>;

export function healthMessage(
  input: Stamp & {
    readonly at: Instant;
    readonly uptimeSeconds: number;
    readonly fps: number;
    readonly latencyMs: Readonly<Record<string, Percentiles>>;
    readonly drops: Readonly<Record<string, Readonly<Record<string, number>>>>;
    readonly engine: { readonly kind: string; readonly provider: string } | null;
    readonly temperatureCelsius: number | null;
    readonly memoryBytes: number;
    readonly cpuMsPerFrame: number | null;
    readonly eventLoopDelayMs: Percentiles;
    readonly firstVerdictSeconds: number | null;
    readonly stride: number;
    readonly outbox: OutboxDepth;
  },
): HealthMessage {
  const { outbox } = input;
  return {
    ...stamped(input, input.at),
    uptimeSeconds: input.uptimeSeconds,
    fps: input.fps,
    latencyMs: Object.fromEntries(
      Object.entries(input.latencyMs).map(([stage, { p50, p95, p99 }]) => [stage, { p50, p95, p99 }]),
    ),
    drops: Object.fromEntries(Object.entries(input.drops).map(([part, reasons]) => [part, { ...reasons }])),
    engine: input.engine?.kind ?? null,
    provider: input.engine?.provider ?? null,
    temperatureCelsius: input.temperatureCelsius,
    memoryBytes: input.memoryBytes,
    cpuMsPerFrame: input.cpuMsPerFrame,
    eventLoopDelayMs: { ...input.eventLoopDelayMs },
    firstVerdictSeconds: input.firstVerdictSeconds,
    stride: input.stride,
    outbox: {
      waiting: { alert: outbox.waiting.alert, run: outbox.waiting.run, image: outbox.waiting.image },
      bytes: outbox.bytes,
      unheard: outbox.unheard,
      oldestAgeSeconds:
        outbox.oldestUtcMs === null ? null : Math.max(0, input.at.utcMs - outbox.oldestUtcMs) / 1000,
      dropped: { ...outbox.dropped },
    },
  };
}
