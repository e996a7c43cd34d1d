import { z } from 'zod';
import { TRIAL_RULES } from '../model/trial.ts';
import { MAVLINK_DEPTHS } from '../position/mavlink-message.ts';
import { DEPTH_SENTENCES } from '../position/nmea.ts';
import { POSITION_FORMS, parsePositionUri } from '../position/position-uri.ts';
import { REQUEST_NAMES } from '../surface/messages/request.ts';
import { ENGINE_KINDS, type EngineKind } from '../vision/engine/engine.ts';

/** Bytes of a unix socket's path, without the zero that ends it (sockaddr_un of Linux). */
export const MOST_PATH_BYTES = 107;

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

/** What a flashed bundle must show before it serves. */
const trial = z.strictObject({
  frames: count.default(TRIAL_RULES.frames).describe('enough, when both could judge so many live frames'),
  minutes: positive.default(TRIAL_RULES.withinMs / 60_000).describe('or after so long …'),
  leastFrames: count.default(TRIAL_RULES.leastFrames).describe('… with at least so many'),
  everyNth: count.max(1_000).default(2).describe('each so many-th frame is shown to the model on trial'),
  agreement: probability.default(TRIAL_RULES.agreement).describe('least share with the same label'),
  moreBlind: probability
    .default(TRIAL_RULES.moreBlind)
    .describe('its share of blind frames may be so much above that of the one that serves'),
  latencyMs: positive.default(TRIAL_RULES.latencyMs).describe('a frame that takes longer is late'),
  late: probability.default(TRIAL_RULES.late).describe('most that may be late, a share'),
  errors: z.number().int().min(0).default(TRIAL_RULES.errors),
  provedWithinMinutes: positive
    .default(TRIAL_RULES.provedWithinMs / 60_000)
    .describe('loaded and golden inputs right; TensorRT builds for minutes'),
  memoryMegabytes: positive.default(1_024).describe('most that its process may take when it is proved'),
});

const model = z.strictObject({
  bundle: z
    .string()
    .min(1)
    .default('specta-separable')
    .describe('a bundle folder, or name[@version] in the models folder'),
  trustedKeys: z
    .array(
      z.string().regex(/^ed25519:[A-Za-z0-9+/]{43}=$/, 'expected a line that `specta model keygen` printed'),
    )
    .max(2)
    .default([])
    .describe('public keys that may sign bundles; two at once for a change of keys'),
  allowUnsigned: z.boolean().default(false).describe('for development only'),
  inbox: z
    .string()
    .regex(/^\//, 'expected an absolute path')
    .nullable()
    .default(null)
    .describe('null: the folder inbox in the state folder'),
  trial: trial.prefault({}),
});

/** The execution providers of each kind of engine. */
const PROVIDERS: Readonly<Record<EngineKind, readonly string[]>> = {
  onnx: ['cpu', 'cuda', 'tensorrt'],
  'onnx-native': ['cpu', 'cuda', 'tensorrt'],
  tfjs: ['cuda', 'cpu', 'wasm'],
};

const engine = z
  .strictObject({
    kind: z.enum(ENGINE_KINDS).default('onnx'),
    provider: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe('cpu, cuda, tensorrt or wasm; null: cpu, for tfjs the first of cuda, cpu, wasm that works'),
    library: z
      .string()
      .min(1)
      .nullable()
      .default(null)
      .describe('onnx-native: the path of libonnxruntime.so; tfjs: the folder of install-tfjs-gpu.sh'),
    providerOptions: z
      .record(z.string().regex(/^[a-z0-9_]+$/), z.union([z.number(), z.boolean(), z.string().min(1)]))
      .default({})
      .describe("onnx-native: options of the provider by ONNX Runtime's names"),
    lanes: count
      .max(8)
      .nullable()
      .default(null)
      .describe('frames judged at the same time; null: 2 where onnx computes on two cores or more, else 1'),
    threads: count
      .max(64)
      .nullable()
      .default(null)
      .describe('inside one inference; tfjs does not ask; null: 1 beside another lane on two cores, else 2'),
    limitSeconds: positive
      .max(25)
      .default(10)
      .describe('a frame that takes longer is a hung engine; less than WatchdogSec of the unit, which is 30'),
  })
  .superRefine(({ kind, provider, library, providerOptions }, context) => {
    const fault = (at: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [at], message });
    if (provider === 'webgpu') {
      fault('provider', 'webgpu is not offered: without its adapter it takes the whole process down');
    } else if (provider !== null && !PROVIDERS[kind].includes(provider)) {
      fault('provider', `${kind} has no ${provider}; it has ${PROVIDERS[kind].join(', ')}`);
    }
    const isNative = kind === 'onnx-native';
    if (isNative && library === null) fault('library', 'onnx-native needs the path of libonnxruntime.so');
    if (kind === 'onnx' && library !== null) {
      fault('library', 'onnx takes no library; onnx-native and tfjs do');
    } else if (library !== null && !library.startsWith('/')) fault('library', 'give an absolute path');
    if (Object.keys(providerOptions).length === 0) return;
    if (!isNative) fault('providerOptions', `${kind} takes none; onnx-native does`);
    else if ((provider ?? 'cpu') === 'cpu') fault('providerOptions', 'provider cpu has no options');
  });

const inspection = z.strictObject({
  minimumDetections: count.default(3),
  openWindowSeconds: positive.default(2),
  offDelaySeconds: positive.default(2),
  mergeGapSeconds: seconds.default(5),
  mergeMetres: seconds
    .max(1000)
    .default(5)
    .describe(
      'where the KP is known: seen again within so far, it is the same finding; farther away, another',
    ),
  nearSeconds: seconds.default(60).describe('how long a finding lingers while the vehicle stays so near'),
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
  backlogPerSecond: positive
    .max(10_000)
    .default(100)
    .describe('alerts of the past sent a second; new ones pass them'),
  willDelaySeconds: seconds.default(5).describe('MQTT 5: a loss shorter than this is no news'),
  sessionExpirySeconds: seconds.max(4_294_967_294).default(60).describe('MQTT 5: it bounds willDelaySeconds'),
  homeAssistant: z
    .string()
    .regex(/^[A-Za-z0-9_/-]+$/, 'expected a topic such as homeassistant')
    .nullable()
    .default(null)
    .describe('prefix of Home Assistant discovery; null: none'),
});

const record = z.strictObject({
  maxOutboxMegabytes: positive.default(512),
  maxOutboxDays: positive.default(30),
  maxStillsMegabytes: positive.default(2048),
  maxStillsDays: positive.default(90),
});

const run = z.strictObject({
  start: z
    .enum(['camera', 'request'])
    .default('camera')
    .describe('what begins a run: the camera as soon as it streams, or run/start'),
  resumeWithinMinutes: seconds.default(10).describe('after an unplanned restart the same run goes on'),
});

const position = z.strictObject({
  source: z
    .string()
    .refine((text) => parsePositionUri(text) !== null, POSITION_FORMS)
    .nullable()
    .default(null)
    .describe('who tells where the vehicle is; null: nobody'),
  username: z.string().nullable().default(null),
  passwordFile: z.string().nullable().default(null),
  staleSeconds: positive.default(5),
  route: z.string().min(1).nullable().default(null).describe('GeoJSON LineString or CSV; null: no KP'),
  routeFirstKp: z.number().finite().default(0).describe('km'),
  offRouteMetres: positive.default(100),
  nmeaDepth: z.array(z.enum(DEPTH_SENTENCES)).default(['DBS', 'DPT']),
  mavlinkDepth: z.enum(MAVLINK_DEPTHS).default('altitude'),
  mavlinkSystem: count.max(255).nullable().default(null),
  surfaceHectopascals: positive.default(1013.25),
  waterDensity: positive.default(1025).describe('kg/m³'),
});

const control = z.strictObject({
  socket: z
    .string()
    .regex(/^\//, 'expected an absolute path')
    .refine((path) => Buffer.byteLength(path) <= MOST_PATH_BYTES, `expected at most ${MOST_PATH_BYTES} bytes`)
    .nullable()
    .default(null)
    .describe('null: /run/specta/control.sock as a service, control.sock in the state folder otherwise'),
});

const metrics = z.strictObject({
  port: z
    .number()
    .int()
    .min(1)
    .max(65_535)
    .nullable()
    .default(null)
    .describe('the figures of health for Prometheus, on 127.0.0.1 only; null: none'),
});

const requests = z.strictObject({
  disabled: z.array(z.enum(REQUEST_NAMES)).default([]).describe('refused, whoever asks'),
  fromBroker: z.boolean().default(true).describe('false: only the control socket is heard'),
  classifyDuringRun: z.boolean().default(false).describe('judge pictures also while a run is under way'),
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
  engine: engine.prefault({}),
  inspection: inspection.prefault({}),
  light: light.prefault({}),
  surface: surface.prefault({}),
  record: record.prefault({}),
  run: run.prefault({}),
  position: position.prefault({}),
  control: control.prefault({}),
  requests: requests.prefault({}),
  metrics: metrics.prefault({}),
});

export type Config = z.infer<typeof configSchema>;
