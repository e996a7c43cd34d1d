import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { CameraOptions } from '../camera/frame-source.ts';
import type { Manifest } from '../domain/manifest.ts';
import { DEFAULT_RULES, type InspectionRules } from '../inspection/rules.ts';
import type { LineConfig } from '../light/gpio/open-line.ts';
import { DEFAULT_LIGHT_POLICY, type LightPolicy } from '../light/policy.ts';
import type { TrialRules } from '../model/trial.ts';
import type { PositionChoice } from '../position/open-position.ts';
import { DEFAULT_LIMITS, type RecordLimits } from '../record/limits.ts';
import type { LinkOptions } from '../surface/link-options.ts';
import type { EngineChoice } from '../vision/engine/engine.ts';
import type { VisionOptions } from '../vision/vision.ts';
import type { Config } from './config.ts';
import type { ProofLimits } from './trial/trial-under-way.ts';

/** What the parts are given, from the configuration. */
export function cameraOptions({ camera }: Config): CameraOptions {
  const { stallSeconds, ...options } = camera;
  return { ...options, stallMs: stallSeconds * 1000 };
}

export function inspectionRules({ inspection }: Config): InspectionRules {
  return {
    ...DEFAULT_RULES,
    minimumDetections: inspection.minimumDetections,
    openWindowMs: inspection.openWindowSeconds * 1000,
    offDelayMs: inspection.offDelaySeconds * 1000,
    mergeGapMs: inspection.mergeGapSeconds * 1000,
    mergeMetres: inspection.mergeMetres,
    nearMs: inspection.nearSeconds * 1000,
  };
}

/** The bundle's rules with the thresholds that the configuration overrides; `off` keeps its distance to `on`. */
export function defectRules(config: Config, manifest: Manifest): Manifest['defects'] {
  const rules: { -readonly [Name in keyof Manifest['defects']]: Manifest['defects'][Name] } = {
    ...manifest.defects,
  };
  for (const name of ['corrosion', 'crack'] as const) {
    const rule = manifest.defects[name];
    const on = config.inspection.on[name];
    if (rule && on !== undefined) rules[name] = { ...rule, on, off: Math.max(0, on - (rule.on - rule.off)) };
  }
  return rules;
}

export function linkOptions(
  { surface, vehicle, requests }: Config,
  about: Pick<LinkOptions, 'boot' | 'version' | 'clockQuality'>,
): LinkOptions {
  const { broker, protocol, username, passwordFile, tls, keepaliveSeconds, unheardRetrySeconds, inFlight } =
    surface;
  return {
    ...about,
    vehicle,
    broker,
    protocol,
    username,
    passwordFile,
    tls,
    keepaliveSeconds,
    unheardRetrySeconds,
    inFlight,
    hearsRequests: requests.fromBroker,
    backlogPerSecond: surface.backlogPerSecond,
    willDelaySeconds: surface.willDelaySeconds,
    sessionExpirySeconds: surface.sessionExpirySeconds,
  };
}

export function lightPolicy({ light }: Config): LightPolicy {
  const { onCrack, holdSeconds, corrosion, faultAfterSeconds, idle, lampTestSeconds, safeLevel } = light;
  return {
    ...DEFAULT_LIGHT_POLICY,
    onCrack,
    holdSeconds,
    corrosion,
    faultAfterSeconds,
    idle,
    lampTestSeconds,
    safeLevel,
  };
}

export function lineConfig({ light }: Config): LineConfig {
  const { kind, chip, line, activeLow } = light.line;
  return kind === 'simulated' ? { kind } : { kind, chip, line, activeLow };
}

/** Where the position comes from; null when no source is configured. */
export function positionChoice({ position }: Config): PositionChoice | null {
  const { source, staleSeconds, mavlinkDepth, mavlinkSystem, surfaceHectopascals, waterDensity, ...rest } =
    position;
  if (source === null) return null;
  return {
    ...rest,
    source,
    staleMs: staleSeconds * 1000,
    mavlink: { depthFrom: mavlinkDepth, system: mavlinkSystem, surfaceHectopascals, waterDensity },
  };
}

/** What a bundle on trial must keep to. */
export function trialOptions({ model }: Config): {
  readonly rules: TrialRules;
  readonly limits: ProofLimits;
  readonly everyNth: number;
} {
  const { minutes, provedWithinMinutes, memoryMegabytes, everyNth, ...shares } = model.trial;
  return {
    rules: { ...shares, withinMs: minutes * 60_000, provedWithinMs: provedWithinMinutes * 60_000 },
    limits: { inferMs: shares.latencyMs, memoryBytes: memoryMegabytes * MEBIBYTE },
    everyNth,
  };
}

/**
 * Frames at the same time, and threads inside one inference. One thread for each of two frames judges more frames a second
 * than two threads for one, with less processor time for each (docs/evidence): only a processor's cores are divided so,
 * for a GPU takes one frame after the other.
 *
 * @param cores that this process may use
 */
export function lanesAndThreads(
  { kind, provider, lanes, threads }: Pick<Config['engine'], 'kind' | 'provider' | 'lanes' | 'threads'>,
  cores: number = availableParallelism(),
): { readonly lanes: number; readonly threads: number } {
  const dividesCores = kind === 'onnx' && (provider ?? 'cpu') === 'cpu' && cores > 1;
  const chosen = lanes ?? (dividesCores ? 2 : 1);
  return { lanes: chosen, threads: threads ?? Math.max(1, Math.min(2, Math.floor(cores / chosen))) };
}

/** Which engine serves the model, and how. What TensorRT builds is kept with the state. */
export function engineOptions({
  engine,
  stateFolder,
}: Config): EngineChoice & Required<Pick<VisionOptions, 'hangMs' | 'lanes'>> {
  const { kind, provider, library, providerOptions, limitSeconds } = engine;
  return {
    engine: kind,
    provider,
    library,
    ...lanesAndThreads(engine),
    providerOptions: Object.fromEntries(
      Object.entries(providerOptions).map(([name, value]) => [name, optionText(value)]),
    ),
    cacheFolder: join(stateFolder, 'engines'),
    hangMs: limitSeconds * 1000,
  };
}

/** As ONNX Runtime reads it. */
function optionText(value: number | boolean | string): string {
  return typeof value === 'boolean' ? String(Number(value)) : String(value);
}

const MEBIBYTE = 1_048_576;
const DAY_MS = 86_400_000;

export function recordLimits({ record }: Config): RecordLimits {
  return {
    ...DEFAULT_LIMITS,
    outboxBytes: record.maxOutboxMegabytes * MEBIBYTE,
    outboxAgeMs: record.maxOutboxDays * DAY_MS,
    stillBytes: record.maxStillsMegabytes * MEBIBYTE,
    stillAgeMs: record.maxStillsDays * DAY_MS,
  };
}
