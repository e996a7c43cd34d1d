import type { LumaRange } from '../../domain/frame.ts';
import { systemCode } from '../../platform/errors.ts';
import { type Libc, type Mapping, POLL } from '../../platform/libc.ts';
import { applyControls, type PlannedControl } from './controls.ts';
import { REQUESTS, V4L2 } from './layouts.ts';
import { type ChosenMode, framesPerSecond } from './mode.ts';
import {
  type CameraPixels,
  fourccName,
  fourccNumber,
  imageBytes,
  leastStride,
  lumaRange,
} from './pixel-formats.ts';
import { Structure } from './structure.ts';
import { VideoNode } from './video-node.ts';

/** Enough that the driver always has one to fill while one is read and one waits. */
const BUFFERS = 4;
const TYPE = V4L2.V4L2_BUF_TYPE_VIDEO_CAPTURE;
const MEMORY = V4L2.V4L2_MEMORY_MMAP;

/** The driver does not do this mode now; another may go. */
export class ModeRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ModeRefused';
  }
}

/** What the driver settled on; it may differ from what was asked. */
export interface Settled {
  readonly pixels: CameraPixels;
  readonly fourcc: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Bytes from row to row; 0 for JPEG. */
  readonly stride: number;
  /** Bytes of a whole raw image; null for JPEG. */
  readonly bytes: number | null;
  readonly range: LumaRange;
  /** Frames a second; null where the driver does not tell. */
  readonly rate: number | null;
}

/** A buffer that the driver filled; it goes back with {@link Capture.giveBack}. */
export interface Filled {
  readonly index: number;
  /** The kernel's count of frames; a gap is a frame that was lost before it came here. */
  readonly sequence: number;
  /** The driver says that the image is bad. */
  readonly flagged: boolean;
  /** CLOCK_MONOTONIC, ms; null where the driver uses another clock. */
  readonly stampMs: number | null;
  /** Bytes that the driver wrote. */
  readonly used: number;
}

/** A camera that streams into mapped buffers. Whoever opened it closes it. */
export class Capture {
  readonly settled: Settled;
  private readonly libc: Libc;
  private readonly node: VideoNode;
  private readonly mappings: readonly Mapping[];
  private readonly buffer = new Structure('v4l2_buffer');

  private constructor(libc: Libc, node: VideoNode, settled: Settled, mappings: readonly Mapping[]) {
    this.libc = libc;
    this.node = node;
    this.settled = settled;
    this.mappings = mappings;
  }

  /**
   * Takes the camera and begins to stream. Throws {@link ModeRefused} where another mode may go, else
   * `SystemCallError`; what was opened is then closed again.
   */
  static open(libc: Libc, path: string, mode: ChosenMode, controls: readonly PlannedControl[]): Capture {
    const node = new VideoNode(libc, path);
    const mappings: Mapping[] = [];
    try {
      const settled = settle(node, mode);
      applyControls(node, controls);
      mapBuffers(libc, node, mappings);
      const capture = new Capture(libc, node, settled, mappings);
      for (const index of mappings.keys()) capture.queue(index);
      startStreaming(node, mode);
      return capture;
    } catch (error) {
      // The first failure is the one to tell.
      letGo(node, mappings);
      throw error;
    }
  }

  /** Waits until a frame is there or something happened; false when `ms` passed. Nothing may be closed meanwhile. */
  async ready(ms: number): Promise<'frame' | 'trouble' | 'nothing'> {
    const events = await this.libc.poll(this.node.descriptor, POLL.readable, ms);
    if ((events & (POLL.error | POLL.hangUp | POLL.invalid)) !== 0) return 'trouble';
    return events === 0 ? 'nothing' : 'frame';
  }

  /** The oldest filled buffer; null when none waits. Throws `SystemCallError`. */
  take(): Filled | null {
    const buffer = this.buffer.clear().set({ type: TYPE, memory: MEMORY });
    if (this.node.askOrNull(REQUESTS.dequeueBuffer, buffer, ['EAGAIN']) === null) return null;
    const flags = buffer.get('flags');
    const clock = flags & V4L2.V4L2_BUF_FLAG_TIMESTAMP_MASK;
    const stampMs = buffer.get('timestamp.tv_sec') * 1000 + buffer.get('timestamp.tv_usec') / 1000;
    return {
      index: buffer.get('index'),
      sequence: buffer.get('sequence'),
      flagged: (flags & V4L2.V4L2_BUF_FLAG_ERROR) !== 0,
      stampMs: clock === V4L2.V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC ? stampMs : null,
      used: buffer.get('bytesused'),
    };
  }

  /**
   * The image's bytes, copied out of the driver's buffer: a raw image without what drivers pad behind it. null when
   * they cannot be an image.
   */
  copy({ index, used }: Filled): Uint8Array<ArrayBuffer> | null {
    const { pixels, width, stride, bytes } = this.settled;
    const mapping = this.mappings[index];
    if (used === 0 || used > mapping.bytes) return null;
    if (bytes === null) {
      const image = mapping.copy(used);
      return image[0] === 0xff && image[1] === 0xd8 ? image : null;
    }
    // The last row may come without its padding.
    if (used < bytes - (stride - leastStride(pixels, width))) return null;
    return mapping.copy(Math.min(used, bytes));
  }

  /** Gives a buffer back to the driver. Throws `SystemCallError`. */
  giveBack({ index }: Filled): void {
    this.queue(index);
  }

  /** Stops and gives everything back; what fails on the way is returned, not thrown. Call once, with no `ready` open. */
  close(): readonly unknown[] {
    const failures = failuresOf([() => stopStreaming(this.node)]);
    return [...failures, ...letGo(this.node, this.mappings)];
  }

  private queue(index: number): void {
    const buffer = this.buffer.clear().set({ index, type: TYPE, memory: MEMORY });
    this.node.ask(REQUESTS.queueBuffer, buffer);
  }
}

/** Does every step, whatever becomes of those before. @returns what failed */
function failuresOf(steps: readonly (() => void)[]): readonly unknown[] {
  return steps.flatMap((step) => {
    try {
      step();
      return [];
    } catch (error) {
      return [error];
    }
  });
}

/** Gives mappings and descriptor back. @returns what failed on the way */
function letGo(node: VideoNode, mappings: readonly Mapping[]): readonly unknown[] {
  return failuresOf([...mappings.map((mapping) => () => mapping.unmap()), () => node.close()]);
}

function settle(node: VideoNode, mode: ChosenMode): Settled {
  const format = new Structure('v4l2_format').set({
    type: TYPE,
    'fmt.pix.width': mode.width,
    'fmt.pix.height': mode.height,
    'fmt.pix.pixelformat': fourccNumber(mode.fourcc),
    'fmt.pix.field': V4L2.V4L2_FIELD_NONE,
  });
  if (node.askOrNull(REQUESTS.setFormat, format, ['EINVAL']) === null) {
    throw new ModeRefused('the driver refuses it (VIDIOC_S_FMT: EINVAL)');
  }
  const fourcc = fourccName(format.get('fmt.pix.pixelformat'));
  if (fourcc !== mode.fourcc) throw new ModeRefused(`the driver gives ${fourcc} in its place`);
  const width = format.get('fmt.pix.width');
  const height = format.get('fmt.pix.height');
  const least = leastStride(mode.pixels, width);
  // Some drivers leave it 0, and mean no padding.
  const stride = least === 0 ? 0 : Math.max(least, format.get('fmt.pix.bytesperline'));
  return {
    pixels: mode.pixels,
    fourcc,
    width,
    height,
    stride,
    bytes: imageBytes(mode.pixels, stride, height),
    range: lumaRange(mode.pixels, format.get('fmt.pix.quantization'), format.get('fmt.pix.colorspace')),
    rate: setRate(node, mode),
  };
}

function setRate(node: VideoNode, { interval }: ChosenMode): number | null {
  if (interval === null) return null;
  const parameters = new Structure('v4l2_streamparm').set({
    type: TYPE,
    'parm.capture.timeperframe.numerator': interval.numerator,
    'parm.capture.timeperframe.denominator': interval.denominator,
  });
  // A driver that lists rates and lets none be set gives what it gives.
  if (node.askOrNull(REQUESTS.setParameters, parameters, ['EINVAL', 'ENOTTY']) === null) return null;
  const numerator = parameters.get('parm.capture.timeperframe.numerator');
  const denominator = parameters.get('parm.capture.timeperframe.denominator');
  return numerator > 0 && denominator > 0 ? framesPerSecond({ numerator, denominator }) : null;
}

function mapBuffers(libc: Libc, node: VideoNode, mappings: Mapping[]): void {
  const request = new Structure('v4l2_requestbuffers').set({ count: BUFFERS, type: TYPE, memory: MEMORY });
  const count = node.ask(REQUESTS.requestBuffers, request).get('count');
  const buffer = new Structure('v4l2_buffer');
  for (let index = 0; index < count; index++) {
    node.ask(REQUESTS.queryBuffer, buffer.clear().set({ index, type: TYPE, memory: MEMORY }));
    mappings.push(libc.mmap(node.descriptor, buffer.get('length'), buffer.get('m.offset')));
  }
}

function startStreaming(node: VideoNode, mode: ChosenMode): void {
  try {
    node.ask(REQUESTS.streamOn, typeArgument());
  } catch (error) {
    if (systemCode(error) !== 'ENOSPC') throw error;
    throw new ModeRefused(`the bus has no room for ${mode.fourcc} at this size and rate (ENOSPC)`);
  }
}

function stopStreaming(node: VideoNode): void {
  try {
    node.ask(REQUESTS.streamOff, typeArgument());
  } catch (error) {
    // Who is unplugged has stopped.
    if (systemCode(error) !== 'ENODEV') throw error;
  }
}

function typeArgument(): Structure<'int'> {
  const argument = new Structure('int');
  argument.bytes.writeInt32LE(TYPE, 0);
  return argument;
}
