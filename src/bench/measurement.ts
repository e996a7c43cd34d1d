/** Median and 99th percentile, ms. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
}

/** What `specta bench` measured; the keys are those of its JSON. */
export interface Measurement {
  /** Frames judged a second, whole pipeline. */
  readonly fps: number;
  /** CPU of the whole process a frame, ms, over all threads. */
  readonly cpu_ms_per_frame: number;
  /**
   * From the moment the pipeline has the frame to its verdict. A frame that was read ahead counts from when the
   * pipeline could take it: a camera would not have sent it earlier.
   */
  readonly capture_to_verdict_ms: Spread;
  /** To the broker's acknowledgement; null without a broker. */
  readonly capture_to_puback_ms: Spread | null;
  /** Means, ms a frame. `publish` includes waiting when the broker falls behind, and is 0 without a broker. */
  readonly stages_ms: {
    readonly decode: number;
    readonly preprocess: number;
    readonly infer: number;
    readonly decide: number;
    readonly publish: number;
  };
  /** Resident memory at the end, MB. */
  readonly rss_mb: number;
  /** From the start of the process to the first verdict, ms. */
  readonly first_verdict_ms: number;
  /** Runs a second of the bare engine in the same process: the bound. */
  readonly engine_fps: number;
  /** Frames judged. */
  readonly frames: number;
  /** Frames that could not be judged: unreadable, or no whole picture. */
  readonly refused: number;
  readonly threads: number;
  readonly model: string;
  readonly broker: string | null;
  /** Protocol that the broker and SPECTA agreed on: 5, or 4 for 3.1.1. */
  readonly mqtt: number | null;
  /** Detections that the broker took although nobody is subscribed (MQTT 5 tells). */
  readonly unheard: number;
  readonly machine: string;
}

/** Nearest-rank percentiles of all values given; zeros when there are none. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: rounded(at(0.5)), p99: rounded(at(0.99)) };
}

export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
