import type { Finding } from '../domain/finding.ts';
import type { Fix } from '../domain/fix.ts';
import type { Bundle } from '../domain/manifest.ts';
import type { Run } from '../domain/run.ts';
import type { PartStatus } from '../domain/status.ts';
import type { DefectClass, ModelReference, Verdict } from '../domain/verdict.ts';
import type { Light } from '../light/light.ts';
import type { Boot } from '../platform/boot.ts';
import type { Clock } from '../platform/clock.ts';
import type { OutboxMessage } from '../record/message.ts';
import type { Link } from '../surface/link.ts';
import { detectionMessage, detectionSchema } from '../surface/messages/detection.ts';
import { encode, type Stamp } from '../surface/messages/envelope.ts';
import { type HealthMessage, healthMessage, healthSchema } from '../surface/messages/health.ts';
import { homeAssistantDiscovery } from '../surface/messages/home-assistant.ts';
import { lightMessage, lightSchema } from '../surface/messages/light.ts';
import { type ModelsOnBoard, modelMessage, modelSchema } from '../surface/messages/model.ts';
import { runMessage, runSchema } from '../surface/messages/run.ts';
import { runLogMessage, runLogSchema } from '../surface/messages/run-log.ts';
import { statusMessage, statusSchema } from '../surface/messages/status.ts';
import { TOPIC_KINDS, type Topics } from '../surface/topics.ts';

interface PublisherDeps {
  readonly vehicle: string;
  readonly boot: Boot;
  readonly topics: Topics;
  readonly clock: Clock;
  /** Least time between live detections, ms. */
  readonly detectionEveryMs: number;
}

/** What the surface is told outside of alerts: it stamps, encodes and hands to the link. */
export class Publisher {
  private readonly deps: PublisherDeps;
  private link: Link | null = null;
  private sequence = 0;
  private lastDetectionMonoMs = Number.NEGATIVE_INFINITY;
  private thinned = 0;

  constructor(deps: PublisherDeps) {
    this.deps = deps;
  }

  /** The link is made after the black box, and later than the first statuses. */
  attach(link: Link): void {
    this.link = link;
  }

  /** Detections not sent because another had just been sent. */
  get thinnedDetections(): number {
    return this.thinned;
  }

  /** Tells Home Assistant of this vehicle, below its discovery prefix. */
  homeAssistant(prefix: string, version: string): void {
    for (const [topic, message] of homeAssistantDiscovery(prefix, this.deps.vehicle, version)) {
      this.link?.publishRetained(topic, new TextEncoder().encode(JSON.stringify(message)));
    }
  }

  /** The next message's place in the order of this boot. */
  stamp(): Stamp {
    const { vehicle, boot } = this.deps;
    this.sequence += 1;
    return { vehicle, boot: boot.id, sequence: this.sequence, clockQuality: boot.clockQuality() };
  }

  status(status: PartStatus): void {
    const message = statusMessage(status, { ...this.stamp(), at: this.deps.clock.now() });
    this.link?.publishRetained(this.deps.topics.status(status.part), encode(statusSchema, message));
  }

  light({ state, lit }: Pick<Light, 'state' | 'lit'>): void {
    const message = lightMessage(state, { ...this.stamp(), at: this.deps.clock.now(), lit });
    this.link?.publishRetained(this.deps.topics.light, encode(lightSchema, message));
  }

  model(bundle: Bundle, model: ModelReference | null, onBoard: ModelsOnBoard): void {
    const running = model && { model, manifest: bundle.manifest };
    const message = modelMessage({ ...this.stamp(), at: this.deps.clock.now(), onBoard, running });
    this.link?.publishRetained(this.deps.topics.model, encode(modelSchema, message));
  }

  run(run: Run | null, openFindings: readonly Finding[]): void {
    const message = runMessage({ ...this.stamp(), at: this.deps.clock.now(), run, openFindings });
    this.link?.publishRetained(this.deps.topics.run, encode(runSchema, message));
  }

  /** What the run's story has to tell now, for the outbox. @param fix where the vehicle is, as far as it is known */
  runLog(run: Run, fix: Fix | null): OutboxMessage {
    const message = runLogMessage({ ...this.stamp(), at: this.deps.clock.now(), run, fix });
    const { runLog: topic } = this.deps.topics;
    return { lane: 'run', topic, contentType: 'application/json', payload: encode(runLogSchema, message) };
  }

  /** Live, thinned to the configured rate, and only for verdicts with a defect above its threshold. */
  detection(
    verdict: Verdict,
    run: string | null,
    thresholds: Readonly<Partial<Record<DefectClass, number>>>,
    fix: Fix | null,
  ): void {
    const isDetection = (Object.keys(thresholds) as DefectClass[]).some(
      (name) => (verdict.probabilities[name] ?? 0) >= (thresholds[name] ?? 2),
    );
    if (!isDetection || this.link === null) return;
    const { monoMs } = this.deps.clock.now();
    if (monoMs - this.lastDetectionMonoMs < this.deps.detectionEveryMs) {
      this.thinned += 1;
      return;
    }
    this.lastDetectionMonoMs = monoMs;
    const message = detectionMessage(verdict, { ...this.stamp(), run, thresholds, fix });
    const { expirySeconds } = TOPIC_KINDS.detections;
    this.link.publishLive(this.deps.topics.detections, encode(detectionSchema, message), { expirySeconds });
  }

  /** @returns what was published, for whoever shows it on the spot */
  health(figures: Omit<Parameters<typeof healthMessage>[0], keyof Stamp | 'at'>): HealthMessage {
    const message = healthMessage({ ...this.stamp(), at: this.deps.clock.now(), ...figures });
    const { expirySeconds } = TOPIC_KINDS.health;
    this.link?.publishLive(this.deps.topics.health, encode(healthSchema, message), { expirySeconds });
    return message;
  }
}
