import type { FrameSource } from '../../camera/frame-source.ts';
import type { GpioLine } from '../../light/gpio/gpio-line.ts';
import type { Light } from '../../light/light.ts';
import type { Boot } from '../../platform/boot.ts';
import type { Clock } from '../../platform/clock.ts';
import { boardTemperature } from '../../platform/temperature.ts';
import type { BlackBox } from '../../record/black-box.ts';
import type { Link } from '../../surface/link.ts';
import { isoUtc } from '../../surface/messages/envelope.ts';
import type { DataOf } from '../../surface/messages/request.ts';
import type { Sight, VehicleFacts } from '../../surface/messages/vehicle.ts';
import type { Config } from '../config.ts';
import type { DiskGauge } from '../disk-gauge.ts';
import type { InspectionRun } from '../inspection-run.ts';
import type { JudgedFrame, LatestSight } from '../latest-sight.ts';
import type { ServingModel } from '../model-to-serve.ts';
import { recordLimits } from '../part-options.ts';
import type { PartStatuses } from '../part-statuses.ts';
import type { RunControl } from '../run-control.ts';
import type { SupervisedVision } from '../supervised-vision.ts';
import { servingFacts } from '../trial/model-facts.ts';
import type { OnboardModels } from '../trial/onboard-models.ts';
import type { FindingParts } from './finding-requests.ts';

/** What the daemon has from its first moment on. */
export interface EarlyParts {
  readonly config: Config;
  /** What serves at first. */
  readonly serving: ServingModel;
  readonly version: string;
  readonly boot: Boot;
  readonly clock: Clock;
  readonly statuses: PartStatuses;
  readonly camera: FrameSource;
  readonly light: Light;
  readonly line: GpioLine;
  readonly sight: LatestSight;
  readonly disk: DiskGauge;
}

/** What is started one after the other, which may take minutes. */
export interface LateParts {
  readonly record?: BlackBox;
  readonly link?: Link;
  readonly vision?: SupervisedVision;
  readonly runs?: RunControl;
  readonly findings?: FindingParts;
  readonly models?: OnboardModels;
  /** When the newest finding of the record changed, UTC ms; null: there is none, or the record could not be asked. */
  readonly newestFindingUtcMs?: number | null;
}

/** The light, as requests tell of it. */
export function lightFacts({ config, light, line }: EarlyParts): DataOf<'light/test'>['light'] {
  const { state, lit } = light;
  return {
    kind: config.light.line.kind,
    line: line.description,
    held: line.state.kind === 'open',
    lit,
    shows: state.kind,
    findings: state.kind === 'crack' || state.kind === 'corrosion' ? [...state.findings] : [],
    down: state.kind === 'cannot-see' ? [...state.parts] : [],
    since: isoUtc(state.since.utcMs),
  };
}

/** A run, as requests tell of it. */
export function runFacts(run: InspectionRun): DataOf<'run/start'>['run'] {
  const { id, startedAt, coverage } = run.record;
  return {
    id,
    startedAt: isoUtc(startedAt.utcMs),
    openFindings: run.openFindings.length,
    seenSeconds: coverage.seenSeconds,
    blindSeconds: Object.values(coverage.blindSeconds).reduce((sum, seconds) => sum + seconds, 0),
    lostSeconds: coverage.lostSeconds,
  };
}

/** A judged frame, as requests tell of it. */
export function sightFacts({ verdict, frame }: JudgedFrame, clock: Clock): Sight {
  const { label, blind, probabilities, quality } = verdict;
  const { mean, saturatedShare, sharpness, localContrast } = quality;
  return {
    sequence: frame.sequence,
    capturedAt: isoUtc(frame.capturedAt.utcMs),
    ageSeconds: Math.max(0, clock.now().monoMs - frame.capturedAt.monoMs) / 1000,
    source: frame.source,
    label,
    blind,
    probabilities: { ...probabilities },
    quality: { mean, saturatedShare, sharpness, localContrast },
  };
}

/** The daemon as it is now. Asks nobody who may be slow: it answers also while disk, broker and camera hang. */
export async function vehicleFacts(early: EarlyParts, late: LateParts): Promise<VehicleFacts> {
  const { config, version, boot, clock, statuses, sight } = early;
  const temperatureCelsius = await boardTemperature();
  const now = clock.now();
  const { newest } = sight;
  const run = late.runs?.current ?? null;
  return {
    vehicle: config.vehicle,
    version,
    pid: process.pid,
    boot: boot.id,
    startedAt: isoUtc(boot.startedUtcMs),
    uptimeSeconds: process.uptime(),
    at: isoUtc(now.utcMs),
    clockQuality: boot.clockQuality(),
    parts: statuses.all().map(({ part, condition, reason, sinceUtcMs }) => ({
      part,
      condition,
      reason,
      since: isoUtc(sinceUtcMs),
    })),
    camera: cameraFacts(early.camera),
    sight: newest && sightFacts(newest, clock),
    light: lightFacts(early),
    engine: engineFacts(late.vision),
    model: modelFacts(early, late),
    run: run && runFacts(run),
    runStartsBy: late.runs?.startsBy ?? config.run.start,
    record: late.record ? recordFacts(early, late.record, late.newestFindingUtcMs ?? null) : null,
    link: late.link ? linkFacts(config, late.link) : null,
    disk: early.disk.reading,
    temperatureCelsius,
    memoryBytes: process.memoryUsage.rss(),
  };
}

function cameraFacts({ uri, state, mode, delivered, drops }: FrameSource): VehicleFacts['camera'] {
  const reason = state.kind === 'recovering' || state.kind === 'stopped' ? state.reason : null;
  const counts = Object.entries(drops).filter((entry): entry is [string, number] => entry[1] !== undefined);
  return { uri, state: state.kind, reason, mode, delivered, drops: Object.fromEntries(counts) };
}

function engineFacts(vision: SupervisedVision | undefined): VehicleFacts['engine'] {
  const model = vision?.vision?.model;
  return model ? { kind: model.engine, provider: model.provider } : null;
}

function modelFacts({ serving, config }: EarlyParts, { models }: LateParts): VehicleFacts['model'] {
  if (models !== undefined) return servingFacts(models.serving, models.facts);
  const { slot, signature, passedOver = null } = serving;
  const unsignedAllowed = config.model.allowUnsigned;
  const early = { slot, signature, passedOver, unsignedAllowed, trial: null, lastTrial: null };
  return servingFacts(serving, early);
}

function recordFacts(
  { config, clock }: EarlyParts,
  record: BlackBox,
  newestFindingUtcMs: number | null,
): NonNullable<VehicleFacts['record']> {
  const { waiting, bytes, unheard, oldestUtcMs, dropped } = record.depth();
  const { outboxBytes, stillBytes } = recordLimits(config);
  return {
    folder: config.stateFolder,
    waiting: { ...waiting },
    bytes,
    unheard,
    oldestAgeSeconds: oldestUtcMs === null ? null : Math.max(0, clock.now().utcMs - oldestUtcMs) / 1000,
    dropped: { ...dropped },
    newestFindingAt: newestFindingUtcMs === null ? null : isoUtc(newestFindingUtcMs),
    limitBytes: Math.round(outboxBytes + stillBytes),
  };
}

function linkFacts({ surface }: Config, { state }: Link): NonNullable<VehicleFacts['link']> {
  const protocol = state.kind === 'connected' || state.kind === 'connecting' ? state.protocol : null;
  const reason = state.kind === 'waiting' ? state.reason : state.kind === 'connecting' ? state.after : null;
  return {
    broker: surface.broker,
    state: state.kind,
    protocol: protocol === null ? null : protocol === 5 ? '5' : '3.1.1',
    reason,
  };
}
