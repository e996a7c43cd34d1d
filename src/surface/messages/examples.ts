import type { Finding } from '../../domain/finding.ts';
import type { Manifest } from '../../domain/manifest.ts';
import type { Run } from '../../domain/run.ts';
import type { Instant } from '../../domain/time.ts';
import type { ModelReference, Verdict } from '../../domain/verdict.ts';
import { type AlertMessage, alertMessage } from './alert.ts';
import { type AlertImageProperties, alertImageProperties } from './alert-image.ts';
import { type DetectionMessage, detectionMessage } from './detection.ts';
import { type HealthMessage, healthMessage } from './health.ts';
import { type LightMessage, lightMessage } from './light.ts';
import { type ModelMessage, modelMessage } from './model.ts';
import { type RunMessage, runMessage } from './run.ts';
import { type RunLogMessage, runLogMessage } from './run-log.ts';
import { type StateMessage, stateMessage } from './state.ts';
import { type StatusMessage, statusMessage } from './status.ts';

const START = Date.UTC(2026, 4, 20, 9, 30, 0);

function at(seconds: number): Instant {
  return { monoMs: seconds * 1000, utcMs: START + seconds * 1000 };
}

function stampOf(sequence: number) {
  return { vehicle: 'rov-1', boot: '7d0c6a52', sequence, clockQuality: 'synchronised' } as const;
}

const model: ModelReference = {
  name: 'specta-32x2',
  version: '0.1.0',
  digest: '5f0a'.repeat(16),
  engine: 'onnx',
  provider: 'cpu',
};

const manifest: Manifest = {
  schema: 1,
  name: model.name,
  version: model.version,
  createdAt: new Date(START).toISOString(),
  input: { width: 400, height: 400, channels: 1 },
  classes: ['corrosion', 'crack', 'intact'],
  output: { kind: 'softmax', classes: ['corrosion', 'crack', 'intact'] },
  preprocessing: { channels: 'luma', resize: 'bilinear', normalisation: 'none', scale: 1 / 255 },
  gates: {
    minMean: 8,
    maxSaturatedShare: 0.6,
    minSharpness: 0.5,
    minLocalContrast: 2,
    minDeviation: 2,
    frozenFrames: 30,
    frozenChange: 0,
  },
  defects: {
    corrosion: {
      on: 0.6,
      off: 0.4,
      severity: 'medium',
      advice: { en: 'Add an anti-corrosion coating.', id: 'Tambahkan lapisan antikorosi.' },
    },
    crack: {
      on: 0.7,
      off: 0.5,
      severity: 'critical',
      advice: {
        en: 'Replace the pipe section or weld the crack.',
        id: 'Ganti bagian pipa atau las retakan.',
      },
    },
  },
  intactThreshold: 0.5,
  calibration: { temperature: 1 },
  tolerances: { cpu: 1e-5 },
  golden: [],
  metrics: [],
  provenance: { trainedOn: 'an example', trainer: 'an example', seed: 1, heldOutGroups: [] },
  files: [],
};

const fix = {
  at: at(41.6),
  source: 'usbl',
  kp: 12.304,
  latitude: -5.9123,
  longitude: 106.1034,
  depth: 38.2,
  heading: 271.5,
  missing: null,
};

const frame = { sequence: 1262, capturedAt: at(42), source: '/dev/video0' };

const verdict: Verdict = {
  frame,
  label: 'crack',
  blind: null,
  probabilities: { corrosion: 0.71, crack: 0.93, intact: 0.02 },
  quality: {
    mean: 92,
    deviation: 31,
    saturatedShare: 0.01,
    sharpness: 6.2,
    localContrast: 14.5,
    change: 3.1,
  },
  model,
  stages: { decode: 3.1, preprocess: 1.2, infer: 7.4 },
};

const finding: Finding = {
  id: 'f-20260520-093041-01',
  runId: 'run-20260520-0929',
  defect: 'crack',
  severity: 'critical',
  advice: { en: 'Replace the pipe section or weld the crack.', id: 'Ganti bagian pipa atau las retakan.' },
  openedAt: at(41),
  lastSeenAt: at(43.5),
  closedAt: null,
  closeReason: null,
  detections: 61,
  meanProbability: 0.84,
  peak: { frame, probability: 0.93 },
  thresholds: { on: 0.7, off: 0.5 },
  model,
  fix,
};

const run: Run = {
  id: finding.runId,
  vehicle: 'rov-1',
  startedAt: at(0),
  endedAt: null,
  end: null,
  coverage: {
    seenSeconds: 38.5,
    blindSeconds: { turbid: 2.5 },
    lostSeconds: 1,
    unsureRate: 0.08,
    framesJudged: 1155,
    framesBlind: 75,
    distanceMetres: 19.2,
  },
};

/** One true example of each payload, made by the same functions that make the real ones. */
export interface MessageExamples {
  readonly state: StateMessage;
  readonly status: StatusMessage;
  readonly detection: DetectionMessage;
  readonly alert: AlertMessage;
  readonly alertImage: AlertImageProperties;
  readonly light: LightMessage;
  readonly model: ModelMessage;
  readonly run: RunMessage;
  readonly runLog: RunLogMessage;
  readonly health: HealthMessage;
}

/** Always the same values, so that the published files change only with the shapes. */
export function messageExamples(): MessageExamples {
  return {
    state: stateMessage({
      ...stampOf(0),
      state: 'online',
      session: '0b1f7c1e-7a39-4c55-9d6e-9a1f0a5c2b10',
      version: '0.1.0',
      at: at(2),
    }),
    status: statusMessage(
      {
        part: 'camera',
        condition: 'recovering',
        reason: 'no frame for 3 s: opened anew',
        sinceUtcMs: START + 60_000,
      },
      { ...stampOf(812), at: at(60) },
    ),
    detection: detectionMessage(verdict, {
      ...stampOf(702),
      run: finding.runId,
      thresholds: { corrosion: 0.6, crack: 0.7 },
      fix,
    }),
    alert: alertMessage({
      ...stampOf(703),
      change: { phase: 'opened', finding, at: at(42), peakChanged: true },
      evidence: { file: 'stills/f-20260520-093041-01.jpg', sha256: '9b3c'.repeat(16) },
    }),
    alertImage: alertImageProperties({
      ...stampOf(0),
      finding: finding.id,
      committedAtUtcMs: START + 42_050,
      historical: false,
      payload: new Uint8Array([0xff, 0xd8, 0xff, 0xd9]),
    }),
    light: lightMessage(
      { kind: 'crack', findings: [finding.id], since: at(41) },
      { ...stampOf(704), at: at(42), lit: true },
    ),
    model: modelMessage({
      ...stampOf(3),
      at: at(2),
      onBoard: {
        slot: 'current',
        signature: 'shipped',
        passedOver: null,
        unsignedAllowed: false,
        trial: {
          name: model.name,
          version: '0.2.0',
          digest: '9c31'.repeat(16),
          signature: 'trusted',
          phase: 'shadow',
          progress: 0.42,
          shown: 380,
          compared: 378,
          alike: 371,
          servingBlind: 2,
          trialBlind: 1,
          late: 0,
          errors: 0,
          skipped: 3,
        },
        lastTrial: null,
      },
      running: { model, manifest },
    }),
    run: runMessage({ ...stampOf(705), at: at(42), run, openFindings: [finding] }),
    runLog: runLogMessage({ ...stampOf(706), at: at(42), run, fix }),
    health: healthMessage({
      ...stampOf(707),
      at: at(45),
      uptimeSeconds: 45,
      fps: 29.8,
      latencyMs: {
        infer: { p50: 7.2, p95: 8.9, p99: 10.4 },
        captureToVerdict: { p50: 14.1, p95: 18, p99: 22.7 },
      },
      drops: { camera: { superseded: 3 }, link: { offline: 12 } },
      engine: { kind: 'onnx', provider: 'cpu' },
      temperatureCelsius: 51.5,
      memoryBytes: 214_000_000,
      cpuMsPerFrame: 18.4,
      eventLoopDelayMs: { p50: 0.2, p95: 0.9, p99: 2.1 },
      firstVerdictSeconds: 1.1,
      stride: 1,
      outbox: {
        waiting: { alert: 2, run: 0, image: 1 },
        bytes: 184_320,
        unheard: 0,
        oldestUtcMs: START + 42_000,
        dropped: {},
      },
    }),
  };
}
