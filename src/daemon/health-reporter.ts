import type { FrameSource } from '../camera/frame-source.ts';
import type { Clock } from '../platform/clock.ts';
import { systemCode } from '../platform/errors.ts';
import type { Logger } from '../platform/log.ts';
import { boardTemperature } from '../platform/temperature.ts';
import type { Position } from '../position/position.ts';
import type { BlackBox } from '../record/black-box.ts';
import type { Link } from '../surface/link.ts';
import type { HealthMessage } from '../surface/messages/health.ts';
import type { BoardPace } from './board-pace.ts';
import type { FindingReporter } from './finding-reporter.ts';
import type { FrameLoop } from './frame-loop.ts';
import type { LatencyMeter } from './latency-meter.ts';
import { ProcessMeter } from './process-meter.ts';
import type { Publisher } from './publisher.ts';
import type { SupervisedVision } from './supervised-vision.ts';

interface HealthParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly publisher: Publisher;
  readonly meter: LatencyMeter;
  readonly camera: FrameSource;
  readonly loop: FrameLoop;
  readonly vision: SupervisedVision;
  readonly reporter: FindingReporter;
  readonly record: BlackBox;
  readonly link: Link;
  readonly position: Position | null;
  readonly pace: BoardPace;
  /** Oddities that inspection set right, by kind. */
  readonly oddities: () => Readonly<Record<string, number>>;
}

type Counts = Readonly<Partial<Record<string, number>>>;

function present(counts: Counts): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}

/** Gathers and publishes `health`. */
export class HealthReporter {
  private readonly parts: HealthParts;
  private readonly startedMonoMs: number;
  private readonly process = new ProcessMeter();
  private memoryBytes = process.memoryUsage.rss();

  constructor(parts: HealthParts) {
    this.parts = parts;
    this.startedMonoMs = parts.clock.now().monoMs;
  }

  close(): void {
    this.process.close();
  }

  async publish(): Promise<HealthMessage> {
    const {
      clock,
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
      oddities,
    } = this.parts;
    const temperatureCelsius = await boardTemperature();
    const { monoMs } = clock.now();
    const model = vision.vision?.model ?? null;
    const { cpuMs, eventLoopDelay } = this.process.take();
    const frames = meter.framesSinceTaken;
    return publisher.health({
      uptimeSeconds: (monoMs - this.startedMonoMs) / 1000,
      fps: meter.takeRate(monoMs),
      latencyMs: meter.snapshot(),
      drops: {
        camera: present(camera.drops),
        frameLoop: present(loop.dropped),
        inspection: oddities(),
        findings: present(reporter.dropped),
        record: present(record.counters.snapshot()),
        link: present({ ...link.counts.liveDropped, ...link.counts.requestsIgnored }),
        position: present(position?.dropped ?? {}),
        detections: publisher.thinnedDetections > 0 ? { thinned: publisher.thinnedDetections } : {},
      },
      engine: model && { kind: model.engine, provider: model.provider },
      temperatureCelsius,
      memoryBytes: this.measureMemory(),
      cpuMsPerFrame: frames > 0 ? cpuMs / frames : null,
      eventLoopDelayMs: eventLoopDelay,
      firstVerdictSeconds: meter.firstFrameSeconds,
      stride: pace.stride,
      outbox: record.depth(),
    });
  }

  /** Resident memory; the last known while the process has no descriptor left to ask the kernel with. */
  private measureMemory(): number {
    try {
      this.memoryBytes = process.memoryUsage.rss();
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
    }
    return this.memoryBytes;
  }
}
