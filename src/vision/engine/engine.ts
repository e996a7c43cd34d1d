/** The kinds of engine. */
export const ENGINE_KINDS = ['onnx', 'onnx-native', 'tfjs'] as const;
export type EngineKind = (typeof ENGINE_KINDS)[number];

/** Which engine shall serve a model, and how. */
export interface EngineChoice {
  /** Default `onnx`. */
  readonly engine?: EngineKind;
  /** Execution provider; null: `cpu` for the two of ONNX Runtime, the first that works of cuda, cpu, wasm for `tfjs`. */
  readonly provider: string | null;
  /** Threads inside one inference; `tfjs` does not ask. */
  readonly threads: number;
  /**
   * `onnx-native`: the path of libonnxruntime.so. `tfjs`: the folder in whose `node_modules` tfjs-node-gpu or tfjs-node is;
   * null: SPECTA's own.
   */
  readonly library?: string | null;
  /** `onnx-native` only: options of its provider, as ONNX Runtime names them (`trt_fp16_enable`: `1`). */
  readonly providerOptions?: Readonly<Record<string, string>>;
  /** `onnx-native` only: where TensorRT's engines are kept between starts; null or absent: nowhere. */
  readonly cacheFolder?: string | null;
}

/** A network that is loaded and warm. Contract, proved for every kind by `test/suites/engine.ts`. */
export interface Engine {
  readonly kind: EngineKind;
  /** The execution provider that really runs, e.g. `cpu`. */
  readonly provider: string;
  /** What computes, with its version, in words for the log. */
  readonly runtime: string;
  /** Pictures at once, channels and side lengths: `[pictures, channels, height, width]` float32. */
  readonly input: readonly [number, number, number, number];
  /** Number of output values, those of all pictures together. */
  readonly outputs: number;
  /**
   * Runs the network once. `input` has `pictures*channels*height*width` float32 values; the result holds the raw
   * logits (before softmax or sigmoid), picture by picture. One call at a time. Throws `ENGINE_FAILED`.
   */
  run(input: Float32Array<ArrayBuffer>): Promise<Float32Array>;
  /** Frees native memory; idempotent. */
  close(): Promise<void>;
}

/** Number of values of an input. */
export function pixelsOf([pictures, channels, height, width]: Engine['input']): number {
  return pictures * channels * height * width;
}

/** What one of ONNX Runtime's engines is made of. */
export interface EngineOptions {
  /** Absolute path of `model.onnx`. */
  readonly modelFile: string;
  /** Provider asked for; an absent one is `PROVIDER_ABSENT`, never a silent CPU. */
  readonly provider: string;
  /** Threads inside one inference. */
  readonly threads: number;
  /** Pictures that the network takes at once; 1 where absent. */
  readonly pictures?: number;
  /** The four that follow: `onnx-native` only, see {@link EngineChoice}. */
  readonly library?: string | null;
  readonly providerOptions?: Readonly<Record<string, string>>;
  readonly cacheFolder?: string | null;
  /** Tells networks apart in `cacheFolder`. */
  readonly modelDigest?: string;
}
