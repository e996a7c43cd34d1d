import { join } from 'node:path';
import type { FrameSource } from '../camera/frame-source.ts';
import { openCamera } from '../camera/open-camera.ts';
import type { Fix } from '../domain/fix.ts';
import type { Bundle } from '../domain/manifest.ts';
import type { Instant } from '../domain/time.ts';
import { openLine } from '../light/gpio/open-line.ts';
import { createLight, type Light } from '../light/light.ts';
import { readBoardStrain } from '../platform/board-strain.ts';
import { type Boot, startBoot } from '../platform/boot.ts';
import { type Clock, systemClock } from '../platform/clock.ts';
import { Emitter } from '../platform/emitter.ts';
import { nodeFiles } from '../platform/files.ts';
import type { Logger } from '../platform/log.ts';
import { openPosition } from '../position/open-position.ts';
import { type BlackBox, openBlackBox } from '../record/black-box.ts';
import { createLink, type Link } from '../surface/link.ts';
import type { Requests } from '../surface/requests.ts';
import { topicsOf } from '../surface/topics.ts';
import { BoardPace } from './board-pace.ts';
import type { Config } from './config.ts';
import { LocalControl, lockAlone } from './control/local-control.ts';
import { newestFinding } from './control/newest-finding.ts';
import { DiskGauge } from './disk-gauge.ts';
import { drainAlerts } from './drain-alerts.ts';
import type { DaemonEvent } from './events.ts';
import { FindingReporter } from './finding-reporter.ts';
import { FrameLoop } from './frame-loop.ts';
import { HealthReporter } from './health-reporter.ts';
import { Inspection } from './inspection.ts';
import { LatencyMeter } from './latency-meter.ts';
import { LatestSight } from './latest-sight.ts';
import {
  cameraOptions,
  defectRules,
  engineOptions,
  inspectionRules,
  lightPolicy,
  lineConfig,
  linkOptions,
  positionChoice,
  recordLimits,
} from './part-options.ts';
import { cameraCondition, engineCondition, PartStatuses } from './part-statuses.ts';
import { Publisher } from './publisher.ts';
import { RunControl } from './run-control.ts';
import { stopInTime } from './stop-in-time.ts';
import { SupervisedVision } from './supervised-vision.ts';
import { type FlashedModels, openInbox, openModels, servingAtFirst } from './trial/flashed-models.ts';
import type { OnboardModels } from './trial/onboard-models.ts';
import { startServing } from './trial/start-serving.ts';
import { startUpkeep } from './upkeep.ts';
import type { Locate } from './whereabouts.ts';

export interface DaemonDeps {
  readonly log: Logger;
  /** SPECTA's version. */
  readonly version: string;
  /** The verified bundle that serves. */
  readonly bundle: Bundle;
  /** What can be flashed while it runs; absent: nothing. */
  readonly models?: FlashedModels;
  /** The boot under which the slots were read; default: begun here. */
  readonly boot?: Boot;
  readonly clock?: Clock;
  /** Hears every event from the first on. */
  readonly onEvent?: (event: DaemonEvent) => void;
  /** Ends a start in progress. */
  readonly signal?: AbortSignal;
  /** Where `RUNTIME_DIRECTORY` is looked for; default: this process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** The running product: all parts, wired. */
export interface Daemon {
  readonly events: Emitter<DaemonEvent>;
  readonly camera: FrameSource;
  readonly light: Light;
  readonly link: Link;
  readonly record: BlackBox;
  /** Answers requests, however they come. */
  readonly requests: Requests;
  readonly models: OnboardModels;
  /** Stops in order, bounded in time: camera, findings, surface told, record, light safe. Idempotent; never rejects. */
  stop(): Promise<void>;
}

const FLUSH_MS = 1_500;
const DRAIN_MS = 500;

/**
 * Starts the daemon: light first (it shows that it lives), then local control, record, link, engine, camera. The broker
 * and the camera may be away; a bundle that cannot serve, a camera URI that is none, a black box that cannot be opened and
 * another daemon on the state folder reject.
 */
export async function startDaemon(config: Config, deps: DaemonDeps): Promise<Daemon> {
  const { log, bundle, version, signal, environment = process.env } = deps;
  const clock = deps.clock ?? systemClock;
  const events = new Emitter<DaemonEvent>();
  if (deps.onEvent) events.on(deps.onEvent);
  const boot = deps.boot ?? startBoot({ clock });
  const { vehicle } = config;
  const topics = topicsOf(vehicle);
  const statuses = new PartStatuses(clock);
  const detectionEveryMs = 1000 / config.surface.detectionsPerSecond;
  const publisher = new Publisher({ vehicle, boot, topics, clock, detectionEveryMs });
  const meter = new LatencyMeter(clock.now().monoMs);
  statuses.changes.on((status) => {
    const level = status.condition === 'ok' ? 'info' : 'warn';
    log[level]({ part: status.part, condition: status.condition }, status.reason ?? 'works');
    publisher.status(status);
    events.emit({ kind: 'status', status });
  });

  // Disposed in reverse: what starts first stops last.
  await using starting = new AsyncDisposableStack();
  const camera = openCamera(cameraOptions(config), { clock, log });
  const lock = await lockAlone({ config, boot, clock }, environment, log);
  starting.defer(() => lock.release());

  const line = openLine(lineConfig(config));
  const light = createLight(line, lightPolicy(config), clock);
  light.onState(() => publisher.light(light));
  light.onStatus((status) => statuses.set('light', status.condition, status.reason));
  light.setDown('camera', true);
  light.setDown('engine', true);
  // In case the start fails early; in an orderly stop it has been called before.
  starting.defer(() => light.stop());
  light.start();

  const sight = new LatestSight();
  const disk = new DiskGauge(config.stateFolder, clock);
  const serving = servingAtFirst(bundle, deps.models);
  const early = { config, serving, version, boot, clock, statuses, camera, light, line, sight, disk };
  const control = starting.use(new LocalControl(early, log));
  await control.listen(environment);

  const folder = join(config.stateFolder, 'record');
  const record = await openBlackBox({
    folder,
    boot: boot.id,
    limits: recordLimits(config),
    log,
    clock,
    ...(signal ? { signal } : {}),
  });
  starting.defer(() => record.close());
  statuses.set('record', record.status.condition, record.status.reason);
  record.onStatus((status) => statuses.set('record', status.condition, status.reason));
  control.attach({ record });

  const about = { boot: boot.id, version, clockQuality: () => boot.clockQuality() };
  const link = createLink(linkOptions(config, about), {
    clock,
    log,
    outbox: record,
    requests: control.requests,
  });
  publisher.attach(link);
  control.attach({ link });
  const hurry = new AbortController();
  starting.defer(() => link.stop(hurry.signal));
  link.onStatus((status) => statuses.set('link', status.condition, status.reason));
  for (const status of statuses.all()) publisher.status(status);
  publisher.light(light);
  if (config.surface.homeAssistant !== null) publisher.homeAssistant(config.surface.homeAssistant, version);
  const places = positionChoice(config);
  const position = places && openPosition(places, clock, nodeFiles);
  if (position === null) statuses.set('position', 'absent', 'no source of position is configured');
  position?.onCondition(({ condition, reason }) => statuses.set('position', condition, reason));
  link.start();
  starting.defer(() => drainAlerts({ record, link, clock, signal: hurry.signal }, DRAIN_MS));
  // While the link is up: what the broker retains of the light must be true when nobody is left to mend it.
  starting.defer(() => light.stop());

  position?.start();
  starting.defer(() => position?.stop());

  const vision = new SupervisedVision({ bundle, ...engineOptions(config) }, clock, log);
  const locate: Locate = (frame, defect) => vision.locate(frame, defect);
  const reporter = new FindingReporter({ record, topics, clock, log, locate });
  control.attach({ findings: { record, reporter, clock, stamp: () => publisher.stamp() } });
  starting.defer(() => vision.stop());
  const flashing = { config, boot: boot.id, clock, log };
  const models = openModels(serving, deps.models, flashing, {
    vision,
    onSwap: ({ manifest, digest }) => inspection.setDefects(defectRules(config, manifest), digest),
  });
  starting.defer(() => models.stop());
  const publishModel = (): void =>
    publisher.model(models.serving.bundle, vision.vision?.model ?? null, models.facts);
  models.changes.on(publishModel);
  control.attach({ vision, models });
  vision.changes.on((state) => {
    const { condition, reason } = engineCondition(state);
    statuses.set('engine', condition, reason);
    light.setDown('engine', state.kind !== 'ready');
    publishModel();
  });

  const setting = {
    vehicle,
    boot: boot.id,
    rules: inspectionRules(config),
    defects: defectRules(config, bundle.manifest),
  };
  const fixAt = (at: Instant): Fix | null => position?.fixAt(at) ?? null;
  const inspection = new Inspection({
    setting,
    clock,
    light,
    publisher,
    reporter,
    record,
    meter,
    fixAt,
    clockQuality: () => boot.clockQuality(),
    log,
  });
  for (const status of statuses.all()) inspection.hear(status);
  statuses.changes.on((status) => inspection.hear(status));
  inspection.changes.on((change) => events.emit({ kind: 'finding', change }));
  reporter.committed.on(({ change, sequence }) => {
    const { finding, phase } = change;
    const facts = { finding: finding.id, class: finding.defect, phase, boot: boot.id, sequence };
    log.info(facts, 'alert committed');
    control.attach({ newestFindingUtcMs: change.at.utcMs });
    events.emit({ kind: 'committed', change });
  });
  starting.defer(() => reporter.flush(FLUSH_MS));
  await inspection.recover(vehicle, config.run.resumeWithinMinutes * 60_000);
  control.attach({ newestFindingUtcMs: await newestFinding(record) });
  const runs = new RunControl(inspection, config.run.start, log);
  control.attach({ runs });

  const pace = new BoardPace({ camera, read: () => readBoardStrain(), clock, log });
  const loop = new FrameLoop({
    camera,
    vision,
    log,
    stride: () => pace.stride,
    onThinned: () => inspection.thin(),
    onVerdict: (verdict, frame) => {
      inspection.judge(verdict, frame);
      sight.see(verdict, frame);
      models.see(verdict, frame);
      events.emit({ kind: 'verdict', verdict });
    },
  });
  camera.onState((state) => {
    const { condition, reason } = cameraCondition(state);
    statuses.set('camera', condition, reason);
    light.setDown('camera', state.kind !== 'streaming');
    if (state.kind === 'streaming') runs.cameraStreams();
    if (state.kind === 'stopped' && state.reason === 'ended') log.info('the recording has ended');
  });
  models.look();
  const inbox = openInbox(models, deps.models, flashing);
  starting.defer(() => inbox?.stop());
  await startServing(vision, models, log, signal);
  starting.defer(() => inspection.end('shutdown'));
  starting.defer(() => camera.stop());
  await camera.start();
  const looping = loop.run().then(() => {
    if (camera.state.kind !== 'stopped' || camera.state.reason !== 'ended') return;
    inspection.end('camera-ended');
    events.emit({ kind: 'camera-ended' });
  });

  const health = new HealthReporter({
    clock,
    log,
    publisher,
    meter,
    camera,
    loop,
    vision,
    reporter,
    record,
    link,
    position,
    pace,
    oddities: () => inspection.oddities,
  });
  starting.defer(() => health.close());
  const upkeep = await startUpkeep({
    ...{ clock, log, inspection, health, pace, disk, metricsPort: config.metrics.port },
    onHealth: (figures) => events.emit({ kind: 'health', health: figures }),
  });

  // Of the parts the camera goes first, so that the loop ends and every verdict is in …
  starting.defer(async () => {
    await camera.stop();
    await looping;
  });
  starting.use(upkeep);
  // … and before it whoever could begin anything.
  starting.defer(() => control.close());
  const parts = starting.move();
  let stopped: Promise<void> | null = null;
  return {
    events,
    camera,
    light,
    link,
    record,
    requests: control.requests,
    models,
    stop() {
      const [onHurry, onLate] = [() => hurry.abort(), () => light.stop()];
      stopped ??= stopInTime(parts, { clock, log, onHurry, onLate });
      return stopped;
    },
  };
}
