import { z } from 'zod';

const seconds = z.number().finite().min(0);
const positive = z.number().finite().positive();
const count = z.number().int().min(1);
const probability = z.number().min(0).max(1);

const camera = z.strictObject({
  uri: z.string().min(1).describe('replay:DIR, file:CLIP.mp4, rtsp://…, command:PROGRAM …, v4l2:CAMERA'),
  rate: positive.nullable().default(null).describe('frames a second; null: as fast as they are taken'),
  loop: z.boolean().default(false),
  format: z.enum(['mjpeg', 'grey', 'yuyv', 'uyvy', 'nv12', 'yu12']).default('mjpeg'),
  width: count.nullable().default(null),
  height: count.nullable().default(null),
  controls: z
    .record(z.string().min(1), z.union([z.number().int(), z.boolean(), z.string().min(1)]))
    .default({})
    .describe("set on a v4l2: camera, by the control's name, in this order"),
  stallSeconds: positive.default(3),
  maxFrameBytes: count.default(20_000_000),
});

const model = z.strictObject({
  bundle: z
    .string()
    .min(1)
    .default('specta-32x2')
    .describe('a bundle folder, or name[@version] in the models folder'),
  provider: z.string().min(1).default('cpu'),
  threads: count.max(64).default(2),
  trustedKeys: z
    .array(
      z.string().regex(/^ed25519:[A-Za-z0-9+/]{43}=$/, 'expected a line that `specta model keygen` printed'),
    )
    .max(2)
    .default([])
    .describe('public keys that may sign bundles; two at once for a change of keys'),
  allowUnsigned: z.boolean().default(false).describe('for development only'),
});

const inspection = z.strictObject({
  minimumDetections: count.default(3),
  openWindowSeconds: positive.default(2),
  offDelaySeconds: positive.default(2),
  mergeGapSeconds: seconds.default(5),
  on: z
    .strictObject({ corrosion: probability.optional(), crack: probability.optional() })
    .prefault({})
    .describe("overrides the bundle's thresholds"),
});

const light = z.strictObject({
  line: z
    .strictObject({
      kind: z.enum(['simulated', 'chardev', 'sysfs']).default('simulated'),
      chip: z.string().min(1).default('gpiochip0'),
      line: z.union([z.number().int().min(0), z.string().min(1)]).default(0),
      activeLow: z.boolean().default(false),
    })
    .prefault({}),
  onCrack: z.enum(['latch', 'hold']).default('hold'),
  holdSeconds: seconds.default(5),
  corrosion: z.enum(['off', 'on']).default('off'),
  faultAfterSeconds: seconds.default(5),
  idle: z.enum(['off', 'heartbeat']).default('heartbeat'),
  lampTestSeconds: seconds.default(1),
  safeLevel: z.enum(['off', 'on']).default('off'),
});

const surface = z.strictObject({
  broker: z
    .string()
    .regex(/^(mqtts?|tcp|ssl|wss?):\/\/.+/, 'expected mqtt://HOST[:PORT] or mqtts://HOST[:PORT]')
    .default('mqtt://127.0.0.1:1883'),
  protocol: z
    .union([z.literal('auto'), z.literal(4), z.literal(5)])
    .default('auto')
    .describe('MQTT 3.1.1 is 4'),
  username: z.string().nullable().default(null),
  passwordFile: z.string().nullable().default(null),
  tls: z
    .strictObject({
      caFile: z.string().nullable().default(null),
      certificateFile: z.string().nullable().default(null),
      keyFile: z.string().nullable().default(null),
      serverName: z.string().nullable().default(null),
    })
    .prefault({}),
  keepaliveSeconds: count.default(15),
  detectionsPerSecond: positive.default(2).describe('live detections are thinned to this rate'),
  unheardRetrySeconds: positive.default(5),
  inFlight: count.max(1000).default(8),
});

const record = z.strictObject({
  maxOutboxMegabytes: positive.default(512),
  maxOutboxDays: positive.default(30),
  maxStillsMegabytes: positive.default(2048),
  maxStillsDays: positive.default(90),
});

const run = z.strictObject({
  resumeWithinMinutes: seconds.default(10).describe('after an unplanned restart the same run goes on'),
});

/** The whole configuration of the daemon; each key is explained in `device/specta.example.yaml`. */
export const configSchema = z.strictObject({
  vehicle: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
      'expected 1 to 63 letters, digits, - or _: it is a part of every topic',
    )
    .default('vehicle-1'),
  stateFolder: z.string().min(1).default('/var/lib/specta'),
  modelsFolder: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe("null: the models that came with SPECTA's release"),
  log: z
    .strictObject({
      level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    })
    .prefault({}),
  camera,
  model: model.prefault({}),
  inspection: inspection.prefault({}),
  light: light.prefault({}),
  surface: surface.prefault({}),
  record: record.prefault({}),
  run: run.prefault({}),
});

export type Config = z.infer<typeof configSchema>;
