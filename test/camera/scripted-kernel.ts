import { LAYOUTS, type LayoutName, type Member, REQUESTS, V4L2 } from '../../src/camera/v4l2/layouts.ts';
import { fourccName, fourccNumber } from '../../src/camera/v4l2/pixel-formats.ts';
import { type Libc, POLL, SystemCallError } from '../../src/platform/libc.ts';

/** A format of a scripted camera: sizes with the rates at each. */
export interface ScriptedFormat {
  readonly fourcc: string;
  readonly description?: string;
  readonly sizes: readonly (readonly [width: number, height: number, ...rates: number[]])[];
  /** STREAMON fails with this code in this format. */
  readonly streamOn?: string;
  /** S_FMT gives this format in its place. */
  readonly gives?: string;
}

/** What a scripted driver does where real ones differ from vivid: for tests of what the rig's camera cannot show. */
export interface Script {
  readonly formats: readonly ScriptedFormat[];
  readonly capabilities?: number;
  readonly bytesPerLine?: (width: number) => number;
  readonly quantization?: number;
  readonly colourSpace?: number;
}

/** A frame to be given. */
export interface ScriptedFrame {
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly flagged?: boolean;
  readonly stampMs?: number;
  /** As the driver claims; the length of `bytes` unless given. */
  readonly used?: number;
}

const BUFFER_BYTES = 1 << 20;

/**
 * A `Libc` behind which drivers act from a script. It keeps the books a kernel would keep: open descriptors, mappings,
 * buffers queued; and can fail at any one call.
 */
export class ScriptedKernel implements Libc {
  readonly cameras = new Map<string, Script>();
  readonly descriptors = new Map<number, string>();
  /** Name of each ioctl so far, in order. */
  readonly calls: string[] = [];
  mapped = 0;
  copies = 0;
  /** Fails the call of this number with the code. */
  failure: { readonly at: number; readonly code: string } | null = null;
  /** Buffers that there is memory to map; and whether giving one back fails, as it never should. */
  mappable = Number.POSITIVE_INFINITY;
  unmapFails = false;
  private readonly waiting: ScriptedFrame[] = [];
  private readonly queued = new Set<number>();
  private readonly filled = new Map<number, ScriptedFrame>();
  private format = '';
  private size = { width: 0, height: 0 };
  private next = 100;

  push(...frames: ScriptedFrame[]): void {
    this.waiting.push(...frames);
  }

  /** Images that a taker has not fetched. */
  get unfetched(): number {
    return this.waiting.length;
  }

  open(path: string): number {
    if (!this.cameras.has(path)) throw new SystemCallError(`open ${path}`, 'ENOENT');
    this.next += 1;
    this.descriptors.set(this.next, path);
    return this.next;
  }

  close(descriptor: number): void {
    if (!this.descriptors.delete(descriptor)) throw new SystemCallError('close', 'EBADF');
  }

  mmap(_descriptor: number, bytes: number, offset: number): ReturnType<Libc['mmap']> {
    if (this.mapped >= this.mappable) throw new SystemCallError('mmap', 'ENOMEM');
    this.mapped += 1;
    let isMapped = true;
    return {
      bytes,
      copy: (length) => {
        if (!isMapped || length > bytes) throw new RangeError('not mapped');
        this.copies += 1;
        const copied = new Uint8Array(length);
        copied.set((this.filled.get(offset)?.bytes ?? new Uint8Array()).subarray(0, length));
        return copied;
      },
      unmap: () => {
        if (isMapped) this.mapped -= 1;
        isMapped = false;
        if (this.unmapFails) throw new SystemCallError('munmap', 'EINVAL');
      },
    };
  }

  async poll(descriptor: number, _events: number, timeoutMs: number): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, Math.min(timeoutMs, 2)));
    const path = this.descriptors.get(descriptor) ?? '';
    if (!this.cameras.has(path)) return POLL.error;
    return this.waiting.length > 0 ? POLL.readable : 0;
  }

  ioctl(descriptor: number, number: number, argument: Uint8Array, name: string): number {
    const path = this.descriptors.get(descriptor);
    if (path === undefined) throw new SystemCallError(name, 'EBADF');
    const request = Object.values(REQUESTS).find((known) => known.number === number);
    if (request === undefined) throw new SystemCallError(name, 'ENOTTY');
    this.calls.push(request.name);
    if (this.calls.length - 1 === this.failure?.at) throw new SystemCallError(name, this.failure.code);
    const script = this.cameras.get(path);
    if (script === undefined) throw new SystemCallError(name, 'ENODEV');
    const code = this.answer(script, request.name, new Argument(request.argument, argument));
    if (code !== null) throw new SystemCallError(name, code);
    return 0;
  }

  /** Acts like the driver; gives the error's code, or null. */
  private answer(script: Script, request: string, argument: Argument): string | null {
    const format = script.formats.find(({ fourcc }) => fourcc === this.format);
    switch (request) {
      case 'VIDIOC_QUERYCAP': {
        const capture = V4L2.V4L2_CAP_VIDEO_CAPTURE | V4L2.V4L2_CAP_STREAMING;
        argument.write({ capabilities: script.capabilities ?? capture }).writeText('card', 'Scripted');
        return null;
      }
      case 'VIDIOC_ENUM_FMT': {
        const entry = script.formats.at(argument.read('index'));
        if (entry === undefined) return 'EINVAL';
        argument.write({ pixelformat: fourccNumber(entry.fourcc) });
        argument.writeText('description', entry.description ?? '');
        return null;
      }
      case 'VIDIOC_ENUM_FRAMESIZES': {
        const size = this.named(script, argument)?.sizes.at(argument.read('index'));
        if (size === undefined) return 'EINVAL';
        argument.write({ type: 1, 'discrete.width': size[0], 'discrete.height': size[1] });
        return null;
      }
      case 'VIDIOC_ENUM_FRAMEINTERVALS': {
        const [width, height] = [argument.read('width'), argument.read('height')];
        const size = this.named(script, argument)?.sizes.find((one) => one[0] === width && one[1] === height);
        const rate = size?.slice(2).at(argument.read('index'));
        if (rate === undefined) return 'EINVAL';
        argument.write({ type: 1, 'discrete.numerator': 1, 'discrete.denominator': rate });
        return null;
      }
      case 'VIDIOC_S_FMT': {
        const asked = fourccName(argument.read('fmt.pix.pixelformat'));
        const given = script.formats.find(({ fourcc }) => fourcc === asked)?.gives ?? asked;
        this.format = given;
        this.size = { width: argument.read('fmt.pix.width'), height: argument.read('fmt.pix.height') };
        argument.write({
          'fmt.pix.pixelformat': fourccNumber(given),
          'fmt.pix.bytesperline': script.bytesPerLine?.(this.size.width) ?? 0,
          'fmt.pix.quantization': script.quantization ?? 0,
          'fmt.pix.colorspace': script.colourSpace ?? 8,
        });
        return null;
      }
      case 'VIDIOC_QUERYBUF':
        argument.write({ length: BUFFER_BYTES, 'm.offset': argument.read('index') });
        return null;
      case 'VIDIOC_QBUF':
        this.queued.add(argument.read('index'));
        this.filled.delete(argument.read('index'));
        return null;
      case 'VIDIOC_STREAMON':
        return format?.streamOn ?? null;
      case 'VIDIOC_STREAMOFF':
        this.queued.clear();
        this.filled.clear();
        return null;
      case 'VIDIOC_DQBUF':
        return this.dequeue(argument);
      case 'VIDIOC_QUERYCTRL':
        return 'EINVAL';
      default:
        return null;
    }
  }

  private named(script: Script, argument: Argument): ScriptedFormat | undefined {
    const fourcc = fourccName(argument.read('pixel_format'));
    return script.formats.find((format) => format.fourcc === fourcc);
  }

  private dequeue(argument: Argument): string | null {
    const [index] = this.queued;
    if (index === undefined || this.waiting.length === 0) return 'EAGAIN';
    const [frame] = this.waiting.splice(0, 1);
    this.queued.delete(index);
    this.filled.set(index, frame);
    const { sequence, bytes, flagged, stampMs, used } = frame;
    argument.write({
      index,
      sequence: sequence >>> 0,
      bytesused: used ?? bytes.length,
      flags: (flagged ? V4L2.V4L2_BUF_FLAG_ERROR : 0) | V4L2.V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
      'timestamp.tv_sec': Math.floor((stampMs ?? 0) / 1000),
      'timestamp.tv_usec': Math.round(((stampMs ?? 0) % 1000) * 1000),
    });
    return null;
  }
}

/** A structure in somebody else's bytes. */
class Argument {
  private readonly bytes: Buffer;
  private readonly members: Readonly<Record<string, Member>>;

  constructor(name: LayoutName, bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.members = LAYOUTS[name].members;
  }

  read(member: string): number {
    return this.bytes.readUInt32LE(this.members[member].at);
  }

  write(values: Readonly<Record<string, number>>): this {
    for (const [member, value] of Object.entries(values)) {
      const { at, kind } = this.members[member];
      if (kind === 's64') this.bytes.writeBigInt64LE(BigInt(value), at);
      else this.bytes.writeUInt32LE(value >>> 0, at);
    }
    return this;
  }

  writeText(member: string, value: string): void {
    this.bytes.write(value, this.members[member].at, 'latin1');
  }
}
