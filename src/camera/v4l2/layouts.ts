/** A member of a kernel structure: where it lies, how many bytes it has and how they are read. */
export interface Member {
  readonly at: number;
  readonly bytes: number;
  readonly kind: 'u32' | 's32' | 's64' | 'text';
}

/** A structure of `linux/videodev2.h`; members are named as C names them. */
export interface Layout {
  readonly size: number;
  readonly members: Readonly<Record<string, Member>>;
}

const u32 = (at: number): Member => ({ at, bytes: 4, kind: 'u32' });
const s32 = (at: number): Member => ({ at, bytes: 4, kind: 's32' });
const s64 = (at: number): Member => ({ at, bytes: 8, kind: 's64' });
const text = (at: number, bytes: number): Member => ({ at, bytes, kind: 'text' });

/**
 * The structures that go to the kernel, as they lie in memory on 64-bit Linux (x64 and arm64 alike). A wrong offset
 * would let the kernel write where it must not, so `test/camera/v4l2-layouts.test.ts` has compilers prove each number
 * against the kernel's headers.
 */
export const LAYOUTS = {
  v4l2_capability: {
    size: 104,
    members: {
      driver: text(0, 16),
      card: text(16, 32),
      bus_info: text(48, 32),
      capabilities: u32(84),
      device_caps: u32(88),
    },
  },
  v4l2_fmtdesc: {
    size: 64,
    members: { index: u32(0), type: u32(4), flags: u32(8), description: text(12, 32), pixelformat: u32(44) },
  },
  v4l2_frmsizeenum: {
    size: 44,
    members: {
      index: u32(0),
      pixel_format: u32(4),
      type: u32(8),
      'discrete.width': u32(12),
      'discrete.height': u32(16),
      'stepwise.min_width': u32(12),
      'stepwise.max_width': u32(16),
      'stepwise.step_width': u32(20),
      'stepwise.min_height': u32(24),
      'stepwise.max_height': u32(28),
      'stepwise.step_height': u32(32),
    },
  },
  v4l2_frmivalenum: {
    size: 52,
    members: {
      index: u32(0),
      pixel_format: u32(4),
      width: u32(8),
      height: u32(12),
      type: u32(16),
      'discrete.numerator': u32(20),
      'discrete.denominator': u32(24),
      'stepwise.min.numerator': u32(20),
      'stepwise.min.denominator': u32(24),
      'stepwise.max.numerator': u32(28),
      'stepwise.max.denominator': u32(32),
    },
  },
  v4l2_format: {
    size: 208,
    members: {
      type: u32(0),
      'fmt.pix.width': u32(8),
      'fmt.pix.height': u32(12),
      'fmt.pix.pixelformat': u32(16),
      'fmt.pix.field': u32(20),
      'fmt.pix.bytesperline': u32(24),
      'fmt.pix.sizeimage': u32(28),
      'fmt.pix.colorspace': u32(32),
      'fmt.pix.quantization': u32(48),
    },
  },
  v4l2_streamparm: {
    size: 204,
    members: {
      type: u32(0),
      'parm.capture.capability': u32(4),
      'parm.capture.timeperframe.numerator': u32(12),
      'parm.capture.timeperframe.denominator': u32(16),
    },
  },
  v4l2_requestbuffers: { size: 20, members: { count: u32(0), type: u32(4), memory: u32(8) } },
  v4l2_buffer: {
    size: 88,
    members: {
      index: u32(0),
      type: u32(4),
      bytesused: u32(8),
      flags: u32(12),
      'timestamp.tv_sec': s64(24),
      'timestamp.tv_usec': s64(32),
      sequence: u32(56),
      memory: u32(60),
      'm.offset': u32(64),
      length: u32(72),
    },
  },
  v4l2_queryctrl: {
    size: 68,
    members: {
      id: u32(0),
      type: u32(4),
      name: text(8, 32),
      minimum: s32(40),
      maximum: s32(44),
      step: s32(48),
      default_value: s32(52),
      flags: u32(56),
    },
  },
  v4l2_querymenu: {
    size: 44,
    members: { id: u32(0), index: u32(4), name: text(8, 32), value: s64(8) },
  },
  v4l2_control: { size: 8, members: { id: u32(0), value: s32(4) } },
  /** A lone number as argument; no structure of the kernel's. */
  int: { size: 4, members: {} },
} as const satisfies Readonly<Record<string, Layout>>;

export type LayoutName = keyof typeof LAYOUTS;

type Direction = 'read' | 'write' | 'both';
const DIRECTIONS: Readonly<Record<Direction, number>> = { write: 1, read: 2, both: 3 };

/** One ioctl: what it takes and the number that the kernel knows it by. */
export interface Request<Name extends LayoutName = LayoutName> {
  readonly name: string;
  readonly argument: Name;
  readonly number: number;
}

/** The number is made of direction, size of the argument, the letter V and a serial number (asm-generic/ioctl.h). */
function request<Name extends LayoutName>(
  name: string,
  direction: Direction,
  serial: number,
  argument: Name,
): Request<Name> {
  const { size } = LAYOUTS[argument];
  const number = DIRECTIONS[direction] * 2 ** 30 + size * 2 ** 16 + 'V'.charCodeAt(0) * 2 ** 8 + serial;
  return { name, argument, number };
}

/** The ioctls in use. */
export const REQUESTS = {
  queryCapability: request('VIDIOC_QUERYCAP', 'read', 0, 'v4l2_capability'),
  enumerateFormat: request('VIDIOC_ENUM_FMT', 'both', 2, 'v4l2_fmtdesc'),
  setFormat: request('VIDIOC_S_FMT', 'both', 5, 'v4l2_format'),
  requestBuffers: request('VIDIOC_REQBUFS', 'both', 8, 'v4l2_requestbuffers'),
  queryBuffer: request('VIDIOC_QUERYBUF', 'both', 9, 'v4l2_buffer'),
  queueBuffer: request('VIDIOC_QBUF', 'both', 15, 'v4l2_buffer'),
  dequeueBuffer: request('VIDIOC_DQBUF', 'both', 17, 'v4l2_buffer'),
  streamOn: request('VIDIOC_STREAMON', 'write', 18, 'int'),
  streamOff: request('VIDIOC_STREAMOFF', 'write', 19, 'int'),
  setParameters: request('VIDIOC_S_PARM', 'both', 22, 'v4l2_streamparm'),
  setControl: request('VIDIOC_S_CTRL', 'both', 28, 'v4l2_control'),
  queryControl: request('VIDIOC_QUERYCTRL', 'both', 36, 'v4l2_queryctrl'),
  queryMenu: request('VIDIOC_QUERYMENU', 'both', 37, 'v4l2_querymenu'),
  enumerateSizes: request('VIDIOC_ENUM_FRAMESIZES', 'both', 74, 'v4l2_frmsizeenum'),
  enumerateIntervals: request('VIDIOC_ENUM_FRAMEINTERVALS', 'both', 75, 'v4l2_frmivalenum'),
} as const;

/** Constants of the header, by its own names. */
export const V4L2 = {
  V4L2_BUF_TYPE_VIDEO_CAPTURE: 1,
  V4L2_MEMORY_MMAP: 1,
  V4L2_FIELD_NONE: 1,
  V4L2_CAP_VIDEO_CAPTURE: 0x1,
  V4L2_CAP_VIDEO_CAPTURE_MPLANE: 0x1000,
  V4L2_CAP_STREAMING: 0x04000000,
  V4L2_CAP_DEVICE_CAPS: 0x80000000,
  V4L2_CAP_TIMEPERFRAME: 0x1000,
  V4L2_FRMSIZE_TYPE_DISCRETE: 1,
  V4L2_FRMIVAL_TYPE_DISCRETE: 1,
  V4L2_BUF_FLAG_ERROR: 0x40,
  V4L2_BUF_FLAG_TIMESTAMP_MASK: 0xe000,
  V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC: 0x2000,
  V4L2_COLORSPACE_JPEG: 7,
  V4L2_COLORSPACE_RAW: 11,
  V4L2_QUANTIZATION_FULL_RANGE: 1,
  V4L2_QUANTIZATION_LIM_RANGE: 2,
  V4L2_CTRL_TYPE_INTEGER: 1,
  V4L2_CTRL_TYPE_BOOLEAN: 2,
  V4L2_CTRL_TYPE_MENU: 3,
  V4L2_CTRL_TYPE_BUTTON: 4,
  V4L2_CTRL_TYPE_CTRL_CLASS: 6,
  V4L2_CTRL_TYPE_INTEGER_MENU: 9,
  V4L2_CTRL_FLAG_DISABLED: 0x1,
  V4L2_CTRL_FLAG_READ_ONLY: 0x4,
  V4L2_CTRL_FLAG_NEXT_CTRL: 0x80000000,
} as const;
