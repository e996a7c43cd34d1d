/** A network that is loaded and warm. Contract, proved for every kind by `test/suites/engine.ts`. */
export interface Engine {
  /** `onnx`, `onnx-native` or `tfjs`. */
  readonly kind: string;
  /** The execution provider that really runs, e.g. `cpu`. */
  readonly provider: string;
  /** Input side lengths and channels: `[1, channels, height, width]` float32. */
  readonly input: readonly [1, number, number, number];
  /** Number of output values. */
  readonly outputs: number;
  /**
   * Runs the network once. `input` has `channels*height*width` float32 values; the result holds the raw logits
   * (before softmax or sigmoid). One call at a time. Throws `ENGINE_FAILED`.
   */
  run(input: Float32Array<ArrayBuffer>): Promise<Float32Array>;
  /** Frees native memory; idempotent. */
  close(): Promise<void>;
}

export interface EngineOptions {
  /** Absolute path of `model.onnx`. */
  readonly modelFile: string;
  /** Provider asked for; an absent one is `PROVIDER_ABSENT`, never a silent CPU. */
  readonly provider: string;
  /** Threads inside one inference. */
  readonly threads: number;
}
