import { availableParallelism, cpus } from 'node:os';
import type { FrameSource } from '../camera/frame-source.ts';
import { openCamera } from '../camera/open-camera.ts';
import { FrameLoop } from '../daemon/frame-loop.ts';
import type { Frame } from '../domain/frame.ts';
import type { Bundle } from '../domain/manifest.ts';
import type { DefectClass, Verdict } from '../domain/verdict.ts';
import { createInspector } from '../inspection/inspector.ts';
import { DEFAULT_RULES } from '../inspection/rules.ts';
import { SimulatedLine } from '../light/gpio/simulated.ts';
import { createLight } from '../light/light.ts';
import { DEFAULT_LIGHT_POLICY } from '../light/policy.ts';
import { systemClock } from '../platform/clock.ts';
import { silentLog } from '../platform/log.ts';
import type { Picture } from '../vision/picture.ts';
import { startVision } from '../vision/vision.ts';
import { measureBounds } from './bounds.ts';
import { CountedCamera, nothingToJudge } from './counted-camera.ts';
import { DetectionSender } from './detection-sender.ts';
import { type Measurement, rounded, spreadOf } from './measurement.ts';
import { watchProcess } from './process-gauge.ts';
import { RawReplay } from './raw-replay.ts';

export interface BenchOptions {
  /** A folder of pictures, repeated as often as needed, or a camera's URI. */
  readonly frames: string;
  /** How a folder's pictures come: as the files are, or unpacked as YUYV. A camera's URI says it itself. */
  readonly format: 'mjpeg' | 'yuyv';
  /** Frames a second; null: as fast as they are taken, each one. */
  readonly rate: number | null;
  readonly bundle: Bundle;
  /** Frames to judge. */
  readonly count: number;
  /** Frames judged at the same time. */
  readonly lanes: number;
  /** Threads inside one inference. */
  readonly threads: number;
  readonly broker: string | null;
  readonly protocol: 'auto' | 4 | 5;
  readonly version: string;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number) => void;
}

const SCHEME = /^(replay|file|rtsp|rtsps|command|v4l2):/;

function openFrames({ frames, format, rate }: BenchOptions): FrameSource {
  const deps = { clock: systemClock, log: silentLog() };
  if (format === 'yuyv' && !SCHEME.test(frames)) return new RawReplay(frames, rate, deps);
  return openCamera(
    {
      uri: SCHEME.test(frames) ? frames : `replay:${frames}`,
      rate,
      loop: true,
      format,
      width: null,
      height: null,
      controls: {},
      stallMs: 5_000,
      maxFrameBytes: 50_000_000,
    },
    deps,
  );
}

/** Pictures that the bound is measured on. */
const BOUND_PICTURES = 8;

/** What is added up while frames are judged. */
class Figures {
  judged = 0;
  readonly toVerdict: number[] = [];
  readonly toPuback: number[] = [];
  readonly toLight: number[] = [];
  readonly stages = { decode: 0, preprocess: 0, infer: 0, decide: 0, publish: 0 };
}

/**
 * Measures the whole way of a frame: camera, the product's frame loop, vision, inspection, light (a simulated line) and,
 * with a broker, one detection at QoS 1 for each frame. Then decode and engine alone in the same process, as the bound.
 * Rejects with what the camera, vision and the link reject with, and the signal's reason.
 */
export async function benchPipeline(options: BenchOptions): Promise<Measurement> {
  const { bundle, lanes, threads, count, broker, protocol, rate, signal, version } = options;
  const { name, version: modelVersion, defects } = bundle.manifest;
  await using parts = new AsyncDisposableStack();
  const vision = await startVision({ bundle, provider: 'cpu', lanes, threads, widenAfterMs: 0, signal });
  parts.defer(() => vision.close());
  const broken = new AbortController();
  vision.onFailure((error) => broken.abort(error));

  const pictures: Picture[] = [];
  let figures = new Figures();
  let sender: DetectionSender | null = null;
  let ids = 0;
  const inspector = createInspector({
    rules: DEFAULT_RULES,
    defects,
    runId: 'bench',
    newId: () => `bench-${++ids}`,
  });
  const policy = { ...DEFAULT_LIGHT_POLICY, lampTestSeconds: 0 };
  const light = createLight(new SimulatedLine(), policy, systemClock);
  light.start();
  parts.defer(() => light.stop());

  const onVerdict = (verdict: Verdict, frame: Frame): void => {
    const { toVerdict, toLight, stages } = figures;
    const { monoMs } = verdict.frame.capturedAt;
    const judgedAt = performance.now();
    light.beat();
    const { changes } = inspector.judge(verdict, null);
    for (const change of changes) light.follow(change);
    const decidedAt = performance.now();
    if (changes.some(({ phase, finding }) => phase === 'opened' && finding.defect === 'crack')) {
      toLight.push(decidedAt - monoMs);
    }
    sender?.send(verdict);
    if (sender) stages.publish += performance.now() - decidedAt;
    stages.decide += decidedAt - judgedAt;
    stages.decode += verdict.stages.decode;
    stages.preprocess += verdict.stages.preprocess;
    stages.infer += verdict.stages.infer;
    toVerdict.push(judgedAt - monoMs);
    figures.judged += 1;
    if (pictures.length < BOUND_PICTURES) pictures.push({ ...frame, data: frame.data.slice() });
    options.onProgress(figures.judged);
  };
  const camera = new CountedCamera(
    openFrames(options),
    options.frames,
    () => sender?.room() ?? Promise.resolve(),
    AbortSignal.any([signal, broken.signal]),
  );
  parts.defer(() => camera.stop());
  const serving = { vision, proved: () => undefined };
  const loop = new FrameLoop({ camera, vision: serving, log: silentLog(), onVerdict });
  const refused = (): number => {
    const { corrupt = 0, oversized = 0 } = camera.drops;
    return corrupt + oversized + (loop.dropped['picture-refused'] ?? 0);
  };
  const judge = async (wanted: number): Promise<void> => {
    figures = new Figures();
    let refusedBefore = refused();
    while (figures.judged < wanted) {
      const judgedBefore = figures.judged;
      camera.allow(wanted - figures.judged);
      await loop.run();
      signal.throwIfAborted();
      broken.signal.throwIfAborted();
      if (figures.judged > judgedBefore) refusedBefore = refused();
      else if (refused() - refusedBefore > count) throw nothingToJudge(options.frames);
    }
  };

  await camera.start();
  // The first frame pays for what is made once (tables, buffers): it is timed as first verdict and then left out.
  await judge(1);
  const firstVerdictMs = performance.now();
  if (broker !== null) {
    sender = await DetectionSender.connect({
      ...{ broker, protocol, version, signal, thresholds: thresholdsOf(bundle) },
      onAcknowledged: (capturedMonoMs) => void figures.toPuback.push(performance.now() - capturedMonoMs),
    });
    const { close } = sender;
    parts.defer(() => close.call(sender));
  }
  // Every lane and the link warm: what follows is the steady state. A lane behind the first is loaded only when frames
  // have waited.
  const warmAt = performance.now() + (lanes > 1 ? LANES_LOAD_MS : 0);
  do await judge(WARM_FRAMES);
  while (performance.now() < warmAt);
  await sender?.drain();
  const superseded = camera.drops.superseded ?? 0;
  const unheard = sender?.unheard ?? 0;
  const stop = watchProcess();
  await judge(count);
  await sender?.drain();
  const process_ = stop();
  const { stages, toVerdict, toPuback, toLight } = figures;
  const refusedInAll = refused();
  await camera.stop();
  await vision.close();
  const bounds = await measureBounds({ bundle, lanes, threads, pictures, signal });
  const fps = count / process_.seconds;
  const mean = (sum: number): number => rounded(sum / count, 3);
  return {
    fps: rounded(fps),
    cpu_ms_per_frame: rounded(process_.cpuMs / count),
    capture_to_verdict_ms: spreadOf(toVerdict),
    capture_to_puback_ms: sender ? spreadOf(toPuback) : null,
    stages_ms: {
      decode: mean(stages.decode),
      preprocess: mean(stages.preprocess),
      infer: mean(stages.infer),
      decide: mean(stages.decide),
      publish: mean(stages.publish),
    },
    rss_mb: process_.rssMb,
    first_verdict_ms: rounded(firstVerdictMs, 1),
    engine_fps: bounds.engineFps,
    capture_to_light_ms: toLight.length > 0 ? spreadOf(toLight) : null,
    event_loop_delay_ms: process_.eventLoopDelay,
    rss_peak_mb: process_.rssPeakMb,
    bound: { ...bounds.bound, share: rounded(fps / bounds.bound.fps, 3) },
    frames: count,
    refused: refusedInAll,
    superseded: (camera.drops.superseded ?? 0) - superseded,
    lanes,
    threads,
    cores: availableParallelism(),
    picture: bounds.picture,
    rate,
    model: `${name} ${modelVersion}`,
    broker,
    mqtt: sender?.protocol ?? null,
    unheard: (sender?.unheard ?? 0) - unheard,
    machine: `${process.platform}-${process.arch}, ${availableParallelism()} cores, ${cpus()[0]?.model.trim() ?? 'unknown CPU'}, Node ${process.versions.node}`,
  };
}

const WARM_FRAMES = 20;
/** Longer than a lane takes to load. */
const LANES_LOAD_MS = 2_000;

function thresholdsOf({ manifest: { defects } }: Bundle): Partial<Record<DefectClass, number>> {
  return {
    ...(defects.corrosion ? { corrosion: defects.corrosion.on } : {}),
    ...(defects.crack ? { crack: defects.crack.on } : {}),
  };
}
