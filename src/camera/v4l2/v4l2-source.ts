import type { Instant } from '../../domain/time.ts';
import { SpectaError } from '../../platform/errors.ts';
import type { Libc } from '../../platform/libc.ts';
import type { CameraOptions } from '../frame-source.ts';
import { type CameraDeps, NewestFrameSource, type StreamEnd } from '../newest-frame.ts';
import { StallWatch } from '../stall-watch.ts';
import { Capture, type Filled, ModeRefused } from './capture.ts';
import { choiceInWords, rankModes } from './choose-mode.ts';
import { listControls, type PlannedControl, planControls } from './controls.ts';
import { watchVideoNodes } from './device-watch.ts';
import { CameraAbsent, findCamera, type Remembered } from './find-camera.ts';
import { captureInstant, lostBetween } from './frame-count.ts';
import type { Identity } from './identity.ts';
import { type ChosenMode, modeInWords, type Wish } from './mode.ts';
import { type OfferedFormat, readOffer } from './offered.ts';
import { pixelsOf } from './pixel-formats.ts';
import { lossInWords, planesCamera, unreadableCamera } from './reasons.ts';
import { VideoNode } from './video-node.ts';

/** How long one wait for the driver lasts, ms: a stop is heeded so late at most. */
const WAIT_MS = 100;
/** A new node needs a moment until its rights are set, ms. */
const SETTLE_MS = 200;
/** What is asked for where the configuration asks for nothing. */
const USUAL: Wish = { width: 640, height: 480, rate: 30 };

/** The machine that the camera is plugged into. */
export interface V4l2Machine {
  readonly loadLibc: () => Libc;
  /** Where the kernel makes its device nodes. */
  readonly deviceFolder: string;
  /** The present on CLOCK_MONOTONIC, ms. */
  readonly monotonicMs: () => number;
}

interface Examined {
  readonly camera: Identity;
  readonly formats: readonly OfferedFormat[];
  readonly ranked: readonly ChosenMode[];
  readonly controls: readonly PlannedControl[];
}

/**
 * A camera of the kernel's (V4L2), streamed through mapped buffers. The newest frame wins; frames lost by the driver are
 * counted as `gap` by the kernel's own count and take sequence numbers, so that the source's sequence follows the
 * kernel's. Whatever goes wrong (unplugged, held by another program, silent) ends in `recovering` with the reason; a
 * node that appears is tried at once.
 */
export class V4l2Source extends NewestFrameSource {
  private readonly device: string;
  private readonly options: CameraOptions;
  private readonly machine: V4l2Machine;
  private readonly wish: Wish;
  private bound: Libc | null = null;
  private remembered: Remembered | null = null;
  private told = '';
  /** Bad images so far when the last good one came. */
  private badAtLast = 0;
  private settled: string | null = null;
  private last: Instant = { monoMs: Number.NEGATIVE_INFINITY, utcMs: 0 };

  constructor(uri: string, device: string, options: CameraOptions, deps: CameraDeps, machine: V4l2Machine) {
    super(uri, deps);
    this.device = device;
    this.options = options;
    this.machine = machine;
    this.wish = {
      width: options.width ?? USUAL.width,
      height: options.height ?? USUAL.height,
      rate: options.rate ?? USUAL.rate,
    };
  }

  override get mode(): string | null {
    return this.settled;
  }

  protected override async prepare(): Promise<void> {
    this.libc();
    try {
      this.examine();
    } catch (error) {
      // A camera that is away or busy may come; one that cannot be used, or a bad configuration, is told now.
      if (error instanceof SpectaError) throw error;
    }
  }

  protected override async stream(signal: AbortSignal): Promise<StreamEnd> {
    let capture: Capture;
    try {
      capture = this.open();
    } catch (error) {
      return { kind: 'lost', reason: lossInWords(error) };
    }
    let stalled = false;
    const watch = new StallWatch(this.clock, this.options.stallMs, () => {
      stalled = true;
    });
    this.badAtLast = this.counts().bad;
    try {
      await this.read(capture, watch, () => stalled || signal.aborted);
    } catch (error) {
      return { kind: 'lost', reason: lossInWords(error) };
    } finally {
      watch.close();
      for (const failure of capture.close()) {
        this.log.warn({ camera: this.uri, error: lossInWords(failure) }, 'closing the camera failed');
      }
    }
    const bad = this.counts().bad - this.badAtLast;
    const seen = bad === 0 ? '' : ` (${bad} bad ${bad === 1 ? 'image' : 'images'})`;
    return { kind: 'lost', reason: `no frame for ${Math.round(watch.allowedMs)} ms${seen}` };
  }

  protected override async rest(ms: number, signal: AbortSignal): Promise<void> {
    const came = new AbortController();
    const unwatch = watchVideoNodes(
      this.machine.deviceFolder,
      () => came.abort(),
      (error) => this.log.debug({ camera: this.uri, error: lossInWords(error) }, 'new devices go unseen'),
    );
    await super.rest(ms, AbortSignal.any([signal, came.signal]));
    unwatch();
    if (came.signal.aborted) await super.rest(Math.min(ms, SETTLE_MS), signal);
  }

  private libc(): Libc {
    this.bound ??= this.machine.loadLibc();
    return this.bound;
  }

  /** Looks at the camera without taking it. Throws `SpectaError` for what retrying cannot mend. */
  private examine(): Examined {
    const libc = this.libc();
    const camera = findCamera(libc, this.device, this.remembered, this.machine.deviceFolder);
    if (camera.role === 'planes') throw planesCamera(camera);
    const name = `${camera.card} at ${camera.path}`;
    if (camera.role === 'other') throw new CameraAbsent(`${name} gives no images`);
    const node = new VideoNode(libc, camera.path);
    try {
      const { formats, modes } = readOffer(node, this.wish);
      if (formats.length === 0) throw new CameraAbsent(`${name} offers no format now`);
      if (modes.length === 0) throw unreadableCamera(camera, formats);
      // Before it is opened: a camera that is busy now may come back under another node before its first frame.
      this.remembered ??= camera;
      const wanted = this.options.controls;
      const controls = Object.keys(wanted).length === 0 ? [] : planControls(listControls(node), wanted);
      return { camera, formats, ranked: rankModes(modes, this.wish), controls };
    } finally {
      node.close();
    }
  }

  /** Takes the camera in the best mode that the driver grants. */
  private open(): Capture {
    const examined = this.examine();
    const { camera, ranked, controls } = examined;
    const refusals: string[] = [];
    for (const mode of ranked) {
      try {
        const capture = Capture.open(this.libc(), camera.path, mode, controls);
        this.remembered = camera;
        this.checkSize(capture);
        this.tell(examined, mode, capture, refusals);
        return capture;
      } catch (error) {
        if (!(error instanceof ModeRefused)) throw error;
        refusals.push(`${modeInWords(mode)}: ${error.message}`);
      }
    }
    throw new CameraAbsent(`${camera.card} at ${camera.path} grants no format: ${refusals.join('; ')}`);
  }

  private checkSize(capture: Capture): void {
    const { width, height, fourcc, bytes } = capture.settled;
    if (bytes === null || bytes <= this.options.maxFrameBytes) return;
    capture.close();
    throw new SpectaError(
      'CONFIG_INVALID',
      `An image of ${width}x${height} ${fourcc} has ${bytes} bytes, more than maxFrameBytes ${this.options.maxFrameBytes}.`,
      'Raise camera.maxFrameBytes or lower the size.',
    );
  }

  /** Logs what was chosen and why; after a reconnect only what changed. */
  private tell(examined: Examined, mode: ChosenMode, capture: Capture, refusals: readonly string[]): void {
    const { camera, formats, ranked, controls } = examined;
    const { width, height, rate, range, stride } = capture.settled;
    const unread = formats.map(({ fourcc }) => fourcc).filter((fourcc) => pixelsOf(fourcc) === null);
    const words = [choiceInWords(mode, ranked, unread, this.wish)];
    if (refusals.length > 0) words.push(`Refused: ${refusals.join('; ')}.`);
    if (width !== mode.width || height !== mode.height) words.push(`The driver made it ${width}x${height}.`);
    for (const { control, value } of controls) words.push(`${control.name} is ${value}.`);
    const text = words.join(' ');
    this.settled = `${camera.card} at ${camera.path}: ${modeInWords({ ...mode, width, height })}`;
    const about = { camera: this.uri, device: camera.path, card: camera.card, bus: camera.bus };
    this.log[text === this.told ? 'debug' : 'info']({ ...about, rate, range, stride }, text);
    this.told = text;
  }

  private async read(capture: Capture, watch: StallWatch, over: () => boolean): Promise<void> {
    let sequence: number | null = null;
    while (!over()) {
      const event = await capture.ready(WAIT_MS);
      if (over()) return;
      if (event === 'nothing') continue;
      let newest: Filled | null = null;
      let failure: { readonly error: unknown } | null = null;
      let count = 0;
      try {
        for (let filled = capture.take(); filled !== null; filled = capture.take()) {
          count += 1;
          const lost = lostBetween(sequence, filled.sequence);
          if (lost > 0) this.drop('gap', lost);
          sequence = filled.sequence;
          const passed: Filled | null = filled.flagged ? filled : newest;
          if (!filled.flagged) newest = filled;
          if (passed === null) continue;
          this.drop(passed.flagged ? 'flagged' : 'superseded');
          capture.giveBack(passed);
        }
      } catch (error) {
        // The frame that is already here is still shown.
        failure = { error };
      }
      if (newest !== null) this.show(capture, newest, watch);
      if (failure !== null) throw failure.error;
      if (newest !== null) capture.giveBack(newest);
      if (event === 'trouble' && count === 0)
        throw new Error('the driver reports an error and gives no frame');
    }
  }

  private show(capture: Capture, filled: Filled, watch: StallWatch): void {
    const { pixels, range, width, height, stride } = capture.settled;
    if (filled.used > this.options.maxFrameBytes && pixels === 'jpeg') {
      this.drop('oversized');
      return;
    }
    const data = capture.copy(filled);
    if (data === null) {
      this.drop('corrupt');
      return;
    }
    const size = pixels === 'jpeg' ? { width: 0, height: 0 } : { width, height };
    const source = this.remembered?.path ?? this.device;
    this.offer({ format: pixels, range, ...size, stride, data, source }, this.instantOf(filled));
    watch.frame();
    this.badAtLast = this.counts().bad;
  }

  private instantOf({ stampMs }: Filled): Instant {
    const at = captureInstant(this.clock.now(), this.machine.monotonicMs(), stampMs);
    // The two clocks are read one after the other: their order must not turn that of two frames around.
    if (at.monoMs >= this.last.monoMs) this.last = at;
    else this.last = { monoMs: this.last.monoMs, utcMs: at.utcMs + (this.last.monoMs - at.monoMs) };
    return this.last;
  }
}
