import type { Percentiles } from '../platform/percentiles.ts';

/** What `specta bench` measured; the keys are those of its JSON. */
export interface Measurement {
  /** Frames judged a second, whole pipeline. */
  readonly fps: number;
  /** CPU of the whole process a frame, ms, over all threads. */
  readonly cpu_ms_per_frame: number;
  /**
   * From the moment the pipeline has the frame to its verdict. A frame that was read ahead counts from when the
   * pipeline asked for it: a camera would not have sent it earlier.
   */
  readonly capture_to_verdict_ms: Percentiles;
  /** To the broker's acknowledgement; null without a broker. */
  readonly capture_to_puback_ms: Percentiles | null;
  /** Means, ms a frame. `publish` is the making and handing over of the message, 0 without a broker. */
  readonly stages_ms: {
    readonly decode: number;
    readonly preprocess: number;
    readonly infer: number;
    readonly decide: number;
    readonly publish: number;
  };
  /** Resident memory, MB: the median of the second half of the run. */
  readonly rss_mb: number;
  /** From the start of the process to the first verdict, ms. */
  readonly first_verdict_ms: number;
  /** Runs a second of the bare engine in the same process. */
  readonly engine_fps: number;
  /** To the (simulated) line, of frames that opened a crack; null where none did. */
  readonly capture_to_light_ms: Percentiles | null;
  /** How late timers of the main thread were. */
  readonly event_loop_delay_ms: Percentiles;
  readonly rss_peak_mb: number;
  readonly bound: Bounds;
  /** Frames judged. */
  readonly frames: number;
  /** Frames that could not be judged: unreadable, or no whole picture. */
  readonly refused: number;
  /** Frames that a newer one overtook: only where frames come at a pace. */
  readonly superseded: number;
  readonly lanes: number;
  readonly threads: number;
  /** Cores that the process may use. */
  readonly cores: number;
  /** What the frames are: `jpeg 1280x720`, `yuyv 1280x720`. */
  readonly picture: string;
  /** Frames a second that came; null: as fast as they were taken. */
  readonly rate: number | null;
  readonly model: string;
  readonly broker: string | null;
  /** Protocol that the broker and SPECTA agreed on: 5, or 4 for 3.1.1. */
  readonly mqtt: number | null;
  /** Detections that the broker took although nobody is subscribed (MQTT 5 tells). */
  readonly unheard: number;
  readonly machine: string;
}

/** What nothing around them can beat, measured in the same process. */
export interface Bounds {
  /** Decode and engine on as many threads as there are lanes: frames a second, and CPU ms a frame. */
  readonly fps: number;
  readonly cpu_ms_per_frame: number;
  /** CPU ms a frame of each alone. */
  readonly decode_cpu_ms: number;
  readonly engine_cpu_ms: number;
  /** Copies of one decoded picture a second, one thread. */
  readonly copies_per_second: number;
  /** The pipeline's frames a second as a share of the bound's. */
  readonly share: number;
}

/** Nearest-rank percentiles of all values given; zeros when there are none. */
export function spreadOf(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: rounded(at(0.5)), p95: rounded(at(0.95)), p99: rounded(at(0.99)) };
}

export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
