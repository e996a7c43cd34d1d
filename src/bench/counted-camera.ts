import type { CameraState, FrameSource } from '../camera/frame-source.ts';
import type { Frame } from '../domain/frame.ts';
import { SpectaError } from '../platform/errors.ts';

/**
 * A camera of which the bench takes so many frames, and then none until more are allowed. A frame that was read ahead counts as captured when the pipeline
 * asked for it: a camera would not have sent it earlier.
 */
export class CountedCamera implements FrameSource {
  private readonly camera: FrameSource;
  private readonly ready: () => Promise<void>;
  private readonly barren = new AbortController();
  private readonly signal: AbortSignal;

  private allowed = 0;

  /**
   * @param name of the pictures, for the error
   * @param ready waits until the pipeline may go on (a broker that falls behind); rejects with what went wrong in it
   */
  constructor(camera: FrameSource, name: string, ready: () => Promise<void>, signal: AbortSignal) {
    this.camera = camera;
    this.ready = ready;
    this.signal = AbortSignal.any([signal, this.barren.signal]);
    // A folder of which no picture can be read would be tried again for ever.
    camera.onState((state) => {
      if (state.kind === 'recovering') this.barren.abort(nothingToJudge(name));
    });
  }

  get uri(): string {
    return this.camera.uri;
  }

  get state(): CameraState {
    return this.camera.state;
  }

  get mode(): string | null {
    return this.camera.mode;
  }

  get waits(): boolean {
    return this.camera.waits;
  }

  get delivered(): number {
    return this.camera.delivered;
  }

  get drops(): FrameSource['drops'] {
    return this.camera.drops;
  }

  allow(frames: number): void {
    this.allowed = frames;
  }

  start(): Promise<void> {
    return this.camera.start();
  }

  async next(): Promise<Frame | null> {
    this.signal.throwIfAborted();
    await this.ready();
    if (this.allowed <= 0) return null;
    this.allowed -= 1;
    const asked = performance.now();
    const frame = await this.camera.next(this.signal);
    if (frame === null || frame.capturedAt.monoMs >= asked) return frame;
    return { ...frame, capturedAt: { ...frame.capturedAt, monoMs: asked } };
  }

  stop(): Promise<void> {
    return this.camera.stop();
  }

  onState(listener: (state: CameraState) => void): () => void {
    return this.camera.onState(listener);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

export function nothingToJudge(name: string): SpectaError {
  return new SpectaError(
    'FOLDER_EMPTY',
    `${name} gives no frame that can be judged.`,
    'Give a folder of whole JPEG or PNG pictures; `specta classify` tells what is wrong with each.',
  );
}
