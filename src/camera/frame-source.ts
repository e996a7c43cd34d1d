import type { Frame } from '../domain/frame.ts';

/** Why a camera is not streaming just now. */
export type CameraState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'starting' }
  | { readonly kind: 'streaming' }
  | { readonly kind: 'recovering'; readonly reason: string; readonly attempt: number }
  | { readonly kind: 'stopped'; readonly reason: 'requested' | 'ended' };

/**
 * Why an image never became a verdict.
 * `superseded`: a newer one came before it was taken. `corrupt`: the bytes are no image. `oversized`: larger than the limit.
 * `stopped`: it waited to be taken when the camera was stopped. `gap`: the driver counted it and never gave it.
 * `flagged`: the driver itself says that it is bad.
 */
export type FrameDrop = 'superseded' | 'corrupt' | 'oversized' | 'stopped' | 'gap' | 'flagged';

/** Where frames come from. Contract, proved for every kind by `test/suites/frame-source.ts`. */
export interface FrameSource {
  readonly uri: string;
  readonly state: CameraState;
  /** Size, format and rate that the camera was set to, in words; null where it is not told, or not known yet. */
  readonly mode: string | null;
  /** True where each frame waits until it is taken and none is superseded: footage that is read as fast as it is judged. */
  readonly waits: boolean;
  /** Frames handed out by {@link next}. */
  readonly delivered: number;
  /** Images dropped so far, by reason. */
  readonly drops: Readonly<Partial<Record<FrameDrop, number>>>;
  /**
   * Begins to stream. Idempotent. Rejects only for what retrying cannot mend (a folder without images, a bad URI);
   * a camera that is not there yet is `recovering`, and appears by itself.
   */
  start(): Promise<void>;
  /**
   * The newest frame not handed out yet, waiting for one if need be: older ones are counted as superseded.
   * null once the source has stopped or ended; rejects with the signal's reason when aborted.
   */
  next(signal?: AbortSignal): Promise<Frame | null>;
  /** Ends streaming and frees everything; idempotent; pending `next` calls give null. */
  stop(): Promise<void>;
  /** Calls `listener` on each change of state; the returned function ends it. */
  onState(listener: (state: CameraState) => void): () => void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a camera is asked for. */
export interface CameraOptions {
  /**
   * `replay:DIR`, `file:CLIP.mp4`, `rtsp://…`, `command:…`, or `v4l2:` with a node (`/dev/video0`), a stable name
   * (`/dev/v4l/by-id/…`, or its last part) or the card's name.
   */
  readonly uri: string;
  /**
   * Frames a second; for replay the pace, `null` = as fast as the taker takes them, none superseded. A clip plays at its
   * own speed, thinned out to this rate, an RTSP stream likewise; `null` = every frame, a clip as fast as it is taken.
   * A `command:` says its own rate: this is not looked at. A `v4l2:` camera is asked for it; `null` = 30.
   */
  readonly rate: number | null;
  /** Replay, and a clip, begins again at its end. */
  readonly loop: boolean;
  /** Format of a `command:` camera's output. */
  readonly format: 'mjpeg' | 'grey' | 'yuyv' | 'uyvy' | 'nv12' | 'yu12';
  /** Size in pixels, needed for raw formats of a `command:`; asked of a `v4l2:` camera, both or neither (640x480). */
  readonly width: number | null;
  readonly height: number | null;
  /** What is set on a `v4l2:` camera, by the control's name, in this order. */
  readonly controls: Readonly<Record<string, number | boolean | string>>;
  /** No frame for this long, ms: the camera has stalled and is opened anew. */
  readonly stallMs: number;
  /** Images of more bytes are dropped as `oversized`. */
  readonly maxFrameBytes: number;
}
