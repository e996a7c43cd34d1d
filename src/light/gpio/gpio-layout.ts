/** One structure of the kernel's GPIO interface: its size and where its fields lie, bytes. */
export interface StructLayout {
  /** As the kernel's header names it. */
  readonly struct: string;
  readonly bytes: number;
  /** Field path in C (`config.flags`) → offset. */
  readonly fields: Readonly<Record<string, number>>;
}

/**
 * The structures of uAPI v2, as `linux/gpio.h` lays them out on x64 and arm64 (kernel 5.10 and later).
 * A wrong offset would corrupt memory, so a test compares each number with the header through a C compiler.
 */
export const CHIP_INFO = {
  struct: 'gpiochip_info',
  bytes: 68,
  fields: { name: 0, label: 32, lines: 64 },
} as const satisfies StructLayout;

export const LINE_INFO = {
  struct: 'gpio_v2_line_info',
  bytes: 256,
  fields: { name: 0, consumer: 32, offset: 64, num_attrs: 68, flags: 72 },
} as const satisfies StructLayout;

export const LINE_REQUEST = {
  struct: 'gpio_v2_line_request',
  bytes: 592,
  fields: {
    offsets: 0,
    consumer: 256,
    'config.flags': 288,
    'config.num_attrs': 296,
    'config.attrs[0].attr.id': 320,
    'config.attrs[0].attr.values': 328,
    'config.attrs[0].mask': 336,
    num_lines: 560,
    fd: 588,
  },
} as const satisfies StructLayout;

export const LINE_VALUES = {
  struct: 'gpio_v2_line_values',
  bytes: 16,
  fields: { bits: 0, mask: 8 },
} as const satisfies StructLayout;

export const GPIO_STRUCTS: readonly StructLayout[] = [CHIP_INFO, LINE_INFO, LINE_REQUEST, LINE_VALUES];

/** Bytes of a name, label or consumer, its closing zero included. */
export const GPIO_NAME_BYTES = 32;

/** Requests by the header's names. */
export const GPIO_REQUESTS = {
  GPIO_GET_CHIPINFO_IOCTL: 0x8044b401,
  GPIO_V2_GET_LINEINFO_IOCTL: 0xc100b405,
  GPIO_V2_GET_LINE_IOCTL: 0xc250b407,
  GPIO_V2_LINE_GET_VALUES_IOCTL: 0xc010b40e,
  GPIO_V2_LINE_SET_VALUES_IOCTL: 0xc010b40f,
} as const;

/** Flags and attribute numbers by the header's names. */
export const GPIO_CONSTANTS = {
  GPIO_V2_LINE_FLAG_USED: 1,
  GPIO_V2_LINE_FLAG_ACTIVE_LOW: 2,
  GPIO_V2_LINE_FLAG_OUTPUT: 8,
  GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES: 2,
} as const;
