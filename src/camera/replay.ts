import type { CameraOptions } from './frame-source.ts';
import { type CameraDeps, NewestFrameSource, type StreamEnd } from './newest-frame.ts';
import { listImages, type ReadImage, type ReplayImage, readImage } from './replay-images.ts';

/** Images read before they are due, so that a slow disk does not cost pace. */
const READ_AHEAD = 4;

/**
 * Images of a folder or list as a camera: at a pace, by which the newest wins, or (rate null) as fast as the taker takes
 * them, each one. A bad image is dropped, counted and logged once; the stream goes on.
 */
export class ReplaySource extends NewestFrameSource {
  private readonly path: string;
  private readonly options: CameraOptions;
  private readonly complained = new Set<string>();
  private images: readonly ReplayImage[] = [];
  /** When the next image is due, monotonic ms. */
  private dueMs = 0;

  constructor(uri: string, path: string, options: CameraOptions, deps: CameraDeps) {
    super(uri, deps);
    this.path = path;
    this.options = options;
  }

  override get waits(): boolean {
    return this.options.rate === null;
  }

  protected override async prepare(): Promise<void> {
    this.images = await listImages(this.path);
    this.dueMs = this.clock.now().monoMs;
  }

  protected override async stream(signal: AbortSignal): Promise<StreamEnd> {
    const ahead: Promise<ReadImage>[] = [];
    let good = 0;
    let asked = 0;
    for (const { name, path } of this.images) {
      while (asked < this.images.length && ahead.length < READ_AHEAD) {
        ahead.push(readImage(this.images[asked].path, this.options.maxFrameBytes));
        asked += 1;
      }
      const image = await ahead.shift();
      await this.wait(signal);
      if (signal.aborted || image === undefined) break;
      if (image.kind === 'dropped') {
        this.complain(path, image.reason, image.why);
        this.drop(image.reason);
        continue;
      }
      good += 1;
      const { format, data } = image;
      this.offer({ format, range: 'full', width: 0, height: 0, stride: 0, data, source: name });
    }
    // After a stop the reads that were begun still hold descriptors.
    await Promise.all(ahead);
    if (!this.options.loop) return { kind: 'ended' };
    if (good > 0) return { kind: 'again' };
    return { kind: 'lost', reason: `none of the ${this.images.length} images can be read` };
  }

  /** Until the next image is due, or, without a pace, until the one before is taken. */
  private async wait(signal: AbortSignal): Promise<void> {
    const { rate } = this.options;
    if (rate === null) {
      await this.whenTaken();
      return;
    }
    const nowMs = this.clock.now().monoMs;
    const periodMs = 1000 / rate;
    // A reader that fell behind goes on from now: a burst of late images would only supersede each other.
    if (this.dueMs < nowMs - periodMs) this.dueMs = nowMs;
    // A sleep rejects only when aborted, and the caller looks at the signal.
    if (this.dueMs > nowMs) await this.clock.sleep(this.dueMs - nowMs, signal).catch(() => undefined);
    this.dueMs += periodMs;
  }

  private complain(path: string, reason: string, why: string): void {
    if (this.complained.has(path)) return;
    this.complained.add(path);
    this.log.warn({ camera: this.uri, file: path, reason }, `image dropped: ${why}`);
  }
}
