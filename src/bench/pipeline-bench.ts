import { availableParallelism, cpus } from 'node:os';
import type { FrameSource } from '../camera/frame-source.ts';
import { openCamera } from '../camera/open-camera.ts';
import type { Bundle } from '../domain/manifest.ts';
import type { DefectClass } from '../domain/verdict.ts';
import { createInspector } from '../inspection/inspector.ts';
import { DEFAULT_RULES } from '../inspection/rules.ts';
import { systemClock } from '../platform/clock.ts';
import { SpectaError } from '../platform/errors.ts';
import { silentLog } from '../platform/log.ts';
import { type Judgement, startVision, type Vision } from '../vision/vision.ts';
import { bareEngine } from './bare-engine.ts';
import { DetectionSender } from './detection-sender.ts';
import { type Measurement, rounded, spreadOf } from './measurement.ts';

export interface BenchOptions {
  /** Folder of pictures, repeated as often as needed. */
  readonly frames: string;
  readonly bundle: Bundle;
  /** Frames to judge. */
  readonly count: number;
  /** Threads inside one inference. */
  readonly threads: number;
  readonly broker: string | null;
  readonly protocol: 'auto' | 4 | 5;
  readonly version: string;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number) => void;
}

/** Frames as fast as they are taken, each one, over and over, until one fails to come. */
class EndlessFrames {
  /** Frames that vision refused. */
  private refusedByVision = 0;
  private readonly camera: FrameSource;
  private readonly vision: Vision;
  private readonly folder: string;
  private readonly signal: AbortSignal;
  private readonly barren = new AbortController();

  constructor(camera: FrameSource, vision: Vision, { frames, signal }: BenchOptions) {
    this.camera = camera;
    this.vision = vision;
    this.folder = frames;
    this.signal = AbortSignal.any([signal, this.barren.signal]);
    // A folder of which no picture can be read would be tried again for ever.
    camera.onState((state) => {
      if (state.kind === 'recovering') this.barren.abort(this.nothing());
    });
  }

  /** Frames that could not be judged so far. */
  get refused(): number {
    const { corrupt = 0, oversized = 0 } = this.camera.drops;
    return corrupt + oversized + this.refusedByVision;
  }

  /**
   * The next frame that can be judged, with its verdict and the monotonic time from which the pipeline had it.
   * Rejects with `FOLDER_EMPTY` after `patience` frames that cannot.
   */
  async next(patience: number): Promise<Judgement & { readonly capturedMonoMs: number }> {
    const asked = performance.now();
    for (let refused = 0; refused <= patience; refused += 1) {
      this.signal.throwIfAborted();
      const frame = await this.camera.next(this.signal);
      if (frame === null) break;
      const capturedMonoMs = Math.max(asked, frame.capturedAt.monoMs);
      try {
        return { ...(await this.vision.judge(frame)), capturedMonoMs };
      } catch (error) {
        if (!(error instanceof SpectaError) || !/^(IMAGE|FRAME)_/.test(error.code)) throw error;
        this.refusedByVision += 1;
      }
    }
    throw this.nothing();
  }

  private nothing(): SpectaError {
    return new SpectaError(
      'FOLDER_EMPTY',
      `${this.folder} gives no frame that can be judged.`,
      'Give a folder of whole JPEG or PNG pictures; `specta classify` tells what is wrong with each.',
    );
  }
}

/**
 * Measures the whole way of a frame, as fast as it goes, every frame judged: camera (replay), vision worker, inspection
 * and, with a broker, one detection at QoS 1 for each. Then the bare engine in the same process, as the bound.
 * Rejects with what the camera, vision and the link reject with, and the signal's reason.
 */
export async function benchPipeline(options: BenchOptions): Promise<Measurement> {
  const { bundle, threads, count, broker, protocol, signal, version } = options;
  const { name, version: modelVersion, defects } = bundle.manifest;
  await using parts = new AsyncDisposableStack();
  const camera = openCamera(
    {
      uri: `replay:${options.frames}`,
      rate: null,
      loop: true,
      format: 'mjpeg',
      width: null,
      height: null,
      controls: {},
      stallMs: 5_000,
      maxFrameBytes: 50_000_000,
    },
    { clock: systemClock, log: silentLog() },
  );
  parts.defer(() => camera.stop());
  const vision = await startVision({ bundle, provider: 'cpu', threads, signal });
  parts.defer(() => vision.close());
  const frames = new EndlessFrames(camera, vision, options);
  await camera.start();
  // The first frame pays for what is made once (tables, buffers): it is timed as first verdict and then left out.
  await frames.next(count);
  const firstVerdictMs = performance.now();

  const toVerdict: number[] = [];
  const toPuback: number[] = [];
  const sums = { decode: 0, preprocess: 0, infer: 0, decide: 0, publish: 0 };
  const thresholds: Partial<Record<DefectClass, number>> = {
    ...(defects.corrosion ? { corrosion: defects.corrosion.on } : {}),
    ...(defects.crack ? { crack: defects.crack.on } : {}),
  };
  const onAcknowledged = (capturedMonoMs: number): void =>
    void toPuback.push(performance.now() - capturedMonoMs);
  const sender =
    broker === null
      ? null
      : await DetectionSender.connect({ broker, protocol, version, thresholds, onAcknowledged, signal });
  if (sender) parts.defer(() => sender.close());
  let id = 0;
  const newId = (): string => `bench-${++id}`;
  const inspector = createInspector({ rules: DEFAULT_RULES, defects, runId: 'bench', newId });

  const cpuBefore = process.cpuUsage();
  const begin = performance.now();
  for (let done = 0; done < count; ) {
    const { verdict, capturedMonoMs } = await frames.next(count);
    const judgedAt = performance.now();
    inspector.judge(verdict, null);
    const decidedAt = performance.now();
    await sender?.send(verdict, capturedMonoMs);
    sums.publish += sender ? performance.now() - decidedAt : 0;
    sums.decide += decidedAt - judgedAt;
    sums.decode += verdict.stages.decode;
    sums.preprocess += verdict.stages.preprocess;
    sums.infer += verdict.stages.infer;
    toVerdict.push(judgedAt - capturedMonoMs);
    done += 1;
    options.onProgress(done);
  }
  await sender?.drain();
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const rssMb = process.memoryUsage.rss() / 1e6;
  await camera.stop();
  await vision.close();
  const engineFps = await bareEngine(bundle, threads, signal);
  const mean = (sum: number): number => rounded(sum / count, 3);
  return {
    fps: rounded(count / seconds),
    cpu_ms_per_frame: rounded((user + system) / 1000 / count),
    capture_to_verdict_ms: spreadOf(toVerdict),
    capture_to_puback_ms: sender ? spreadOf(toPuback) : null,
    stages_ms: {
      decode: mean(sums.decode),
      preprocess: mean(sums.preprocess),
      infer: mean(sums.infer),
      decide: mean(sums.decide),
      publish: mean(sums.publish),
    },
    rss_mb: rounded(rssMb, 1),
    first_verdict_ms: rounded(firstVerdictMs, 1),
    engine_fps: rounded(engineFps),
    frames: count,
    refused: frames.refused,
    threads,
    model: `${name} ${modelVersion}`,
    broker,
    mqtt: sender?.protocol ?? null,
    unheard: sender?.unheard ?? 0,
    machine: `${process.platform}-${process.arch}, ${availableParallelism()} cores, ${cpus()[0]?.model.trim() ?? 'unknown CPU'}, Node ${process.versions.node}`,
  };
}
