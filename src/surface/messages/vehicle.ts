import { z } from 'zod';
import { BLIND_REASONS } from '../../domain/verdict.ts';
import { count, digest, probability, utc } from './envelope.ts';
import { lightSchema } from './light.ts';
import { modelsOnBoard } from './model.ts';
import { statusSchema } from './status.ts';

const measure = z.number().min(0);
const part = statusSchema.shape;

/** What a request learns of a part: the same words as on `status/<part>`. */
const partSchema = z.strictObject({
  part: part.part,
  condition: part.condition,
  reason: part.reason,
  since: part.since,
});

const cameraSchema = z.strictObject({
  uri: z.string().min(1).describe('without passwords'),
  state: z.enum(['idle', 'starting', 'streaming', 'recovering', 'stopped']),
  reason: z.string().nullable().describe('why it recovers or has stopped'),
  mode: z.string().nullable().describe('size, format and rate that a v4l2: camera was set to'),
  delivered: count.describe('frames handed to the engine'),
  drops: z.record(z.string(), count).describe('by reason'),
});

/** What was last seen, and how well. */
export const sightSchema = z.strictObject({
  sequence: count,
  capturedAt: utc,
  ageSeconds: measure,
  source: z.string(),
  label: z.enum(['corrosion', 'crack', 'intact', 'unsure']).nullable().describe('null when blind'),
  blind: z.enum(BLIND_REASONS).nullable(),
  probabilities: z.partialRecord(z.enum(['corrosion', 'crack', 'intact']), probability),
  quality: z.strictObject({
    mean: measure.describe('mean luma, 0 to 255'),
    saturatedShare: probability.describe('pixels at 250 or above'),
    sharpness: measure.describe('mean absolute Laplacian, grey levels'),
    localContrast: measure.describe('median deviation over blocks, grey levels'),
  }),
});

const lightPart = z.strictObject({
  kind: z.enum(['simulated', 'chardev', 'sysfs']),
  line: z.string().min(1).describe('chip and line as the kernel names them'),
  held: z.boolean().describe('the daemon holds the line and drives it'),
  lit: lightSchema.shape.lit,
  shows: lightSchema.shape.shows,
  findings: lightSchema.shape.findings,
  down: lightSchema.shape.down,
  since: utc,
});

/** The light after a request that concerns it. */
export const lightFacts = lightPart;

/** The run after a request that concerns it. */
export const runFacts = z.strictObject({
  id: z.string().min(1),
  startedAt: utc,
  openFindings: count,
  seenSeconds: measure,
  blindSeconds: measure.describe('for all reasons together'),
  lostSeconds: measure.describe('no camera or no engine'),
});

/** The daemon as it is now. A part that is still being started is null. */
export const vehicleSchema = z.strictObject({
  vehicle: z.string().min(1),
  version: z.string().min(1).describe('of SPECTA'),
  pid: count,
  boot: z.string().min(1),
  startedAt: utc,
  uptimeSeconds: measure,
  at: utc,
  clockQuality: z.enum(['synchronised', 'unsynchronised', 'unset']),
  parts: z.array(partSchema),
  camera: cameraSchema,
  sight: sightSchema.nullable().describe('the newest frame that was judged; null before the first'),
  light: lightPart,
  engine: z
    .strictObject({ kind: z.string(), provider: z.string() })
    .nullable()
    .describe('what really runs; null while none does'),
  model: z.strictObject({
    name: z.string(),
    version: z.string(),
    digest,
    createdAt: z.string(),
    ...modelsOnBoard,
  }),
  run: runFacts.nullable(),
  runStartsBy: z.enum(['camera', 'request']).describe('what begins the next run'),
  record: z
    .strictObject({
      folder: z.string(),
      waiting: z.strictObject({ alert: count, run: count, image: count }),
      bytes: count.describe('of what waits'),
      unheard: count,
      oldestAgeSeconds: measure.nullable(),
      dropped: z.record(z.string(), count),
      newestFindingAt: utc
        .nullable()
        .describe('when the newest finding of the record last changed; null: none'),
      limitBytes: count.describe('the most that the record may come to take of the disk'),
    })
    .nullable(),
  link: z
    .strictObject({
      broker: z.string(),
      state: z.enum(['idle', 'connecting', 'connected', 'waiting', 'stopped']),
      protocol: z.enum(['3.1.1', '5']).nullable(),
      reason: z.string().nullable(),
    })
    .nullable(),
  disk: z
    .strictObject({
      folder: z.string(),
      freeBytes: count,
      fillsBytesPerHour: z.number().nullable().describe('measured; null before there is enough to measure'),
      measuredSeconds: measure,
    })
    .nullable(),
  temperatureCelsius: z.number().nullable(),
  memoryBytes: count,
});

export type VehicleFacts = z.infer<typeof vehicleSchema>;
export type Sight = z.infer<typeof sightSchema>;
