import { CameraChild } from './camera-child.ts';
import type { CameraOptions } from './frame-source.ts';
import type { ImageSplitter, SplitImage } from './image-splitter.ts';
import { MjpegSplitter } from './mjpeg-splitter.ts';
import { type CameraDeps, NewestFrameSource, type SeenImage, type StreamEnd } from './newest-frame.ts';
import { RawSplitter } from './raw-splitter.ts';
import { StallWatch } from './stall-watch.ts';

/** What a frame of the command is, but for its bytes. */
export type ImageKind = Omit<SeenImage, 'data'>;

/** How a child process serves as camera. */
export interface CommandPlan {
  readonly argv: readonly [string, ...string[]];
  readonly image: ImageKind;
  /** Bytes of a raw image; null for MJPEG. */
  readonly rawBytes: number | null;
  /** The child has an end: once it delivered a frame its end is the source's, not a loss. */
  readonly finite: boolean;
  /** The reader waits for the taker, so that no image is superseded. */
  readonly pulled: boolean;
  /** Throws a `SpectaError` for what retrying cannot mend. */
  check(): Promise<void>;
}

/**
 * A child process that writes MJPEG or raw images to its standard output. Frames decide, not the exit status: when they
 * stop coming, for whatever reason, the child is ended with its process group and started anew.
 */
export class CommandSource extends NewestFrameSource {
  private readonly plan: CommandPlan;
  private readonly options: CameraOptions;

  constructor(uri: string, plan: CommandPlan, options: CameraOptions, deps: CameraDeps) {
    super(uri, deps);
    this.plan = plan;
    this.options = options;
  }

  protected override prepare(): Promise<void> {
    return this.plan.check();
  }

  protected override async stream(signal: AbortSignal): Promise<StreamEnd> {
    const child = new CameraChild(this.plan.argv, this.clock, this.log);
    let stalled = false;
    const leave = (): void => {
      child.stdout.destroy();
    };
    const watch = new StallWatch(this.clock, this.options.stallMs, () => {
      stalled = true;
      leave();
    });
    signal.addEventListener('abort', leave, { once: true });
    const before = this.counts();
    try {
      if (!signal.aborted) await this.read(child, watch, signal);
    } finally {
      watch.close();
      signal.removeEventListener('abort', leave);
      await child.end(!stalled && !signal.aborted);
    }
    const counts = this.counts();
    if (stalled) {
      const bad = badImages(counts.bad - before.bad);
      return {
        kind: 'lost',
        reason: `no frame for ${Math.round(watch.allowedMs)} ms${bad}; ${child.ending}`,
      };
    }
    if (this.plan.finite && counts.offered > before.offered) {
      this.log.debug({ camera: this.uri }, `the clip's reader ${child.ending}`);
      return this.options.loop ? { kind: 'again' } : { kind: 'ended' };
    }
    const bad = badImages(counts.bad - before.bad);
    return { kind: 'lost', reason: `the camera command ${child.ending}${bad}` };
  }

  override get waits(): boolean {
    return this.plan.pulled;
  }

  private async read(child: CameraChild, watch: StallWatch, signal: AbortSignal): Promise<void> {
    const splitter = this.newSplitter();
    try {
      for await (const chunk of child.stdout) await this.show(splitter.push(chunk), watch);
    } catch (error) {
      // A stream that is destroyed under its reader ends so; whoever destroyed it knows why.
      this.log.debug({ camera: this.uri, error: String(error) }, 'camera output closed');
    }
    // A stop cuts an image that was good; only the child's own end makes a half image a bad one.
    if (signal.aborted) return;
    await this.show(splitter.end(), watch);
  }

  private async show(images: readonly SplitImage[], watch: StallWatch): Promise<void> {
    for (const found of images) {
      if (found.kind === 'dropped') {
        this.drop(found.reason);
        continue;
      }
      if (this.plan.pulled) {
        watch.hold(true);
        await this.whenTaken();
        watch.hold(false);
      }
      this.offer({ ...this.plan.image, data: found.data });
      watch.frame();
    }
  }

  private newSplitter(): ImageSplitter {
    const { rawBytes } = this.plan;
    return rawBytes === null ? new MjpegSplitter(this.options.maxFrameBytes) : new RawSplitter(rawBytes);
  }
}

function badImages(count: number): string {
  return count === 0 ? '' : ` (${count} bad ${count === 1 ? 'image' : 'images'})`;
}
