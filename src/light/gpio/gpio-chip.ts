import { type Libc, OPEN } from '../../platform/libc.ts';
import type { HeldWire } from './driven-line.ts';
import {
  CHIP_INFO,
  GPIO_CONSTANTS,
  GPIO_NAME_BYTES,
  GPIO_REQUESTS,
  LINE_INFO,
  LINE_REQUEST,
  LINE_VALUES,
} from './gpio-layout.ts';

/** What the kernel knows of one line. */
export interface LineFacts {
  readonly offset: number;
  /** Empty where the board's device tree names none. */
  readonly name: string;
  /** Who holds it, by the name it gave; empty when it is free or its holder gave none. */
  readonly consumer: string;
  readonly isUsed: boolean;
}

/** One open GPIO chip of the character device. Looking takes no line from anybody. All calls throw `SystemCallError`. */
export class GpioChip implements Disposable {
  readonly path: string;
  /** `gpiochip0` */
  readonly name: string;
  /** What its driver or device tree calls it: `tegra234-gpio`. */
  readonly label: string;
  readonly lines: number;
  private readonly libc: Libc;
  private descriptor: number;

  constructor(libc: Libc, path: string) {
    this.libc = libc;
    this.path = path;
    // Not blocking, so that the path of something else (a pipe) cannot hang the light.
    this.descriptor = libc.open(path, OPEN.readWrite | OPEN.nonBlocking | OPEN.closeOnExec);
    try {
      const info = this.ask('GPIO_GET_CHIPINFO_IOCTL', Buffer.alloc(CHIP_INFO.bytes));
      this.name = textAt(info, CHIP_INFO.fields.name);
      this.label = textAt(info, CHIP_INFO.fields.label);
      this.lines = info.readUInt32LE(CHIP_INFO.fields.lines);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** @param offset 0 … lines - 1 */
  line(offset: number): LineFacts {
    const { fields, bytes } = LINE_INFO;
    const info = Buffer.alloc(bytes);
    info.writeUInt32LE(offset, fields.offset);
    this.ask('GPIO_V2_GET_LINEINFO_IOCTL', info);
    const flags = info.readBigUInt64LE(fields.flags);
    return {
      offset,
      name: textAt(info, fields.name),
      consumer: textAt(info, fields.consumer),
      isUsed: (flags & BigInt(GPIO_CONSTANTS.GPIO_V2_LINE_FLAG_USED)) !== 0n,
    };
  }

  /** Every line of the chip, in order. */
  *allLines(): Generator<LineFacts> {
    for (let offset = 0; offset < this.lines; offset += 1) yield this.line(offset);
  }

  /** Takes a line as output, which the kernel then gives to nobody else; direction and level arrive at the pin together, so the lamp never flickers. */
  take(offset: number, first: { readonly lit: boolean; readonly activeLow: boolean }): HeldWire {
    const { fields, bytes } = LINE_REQUEST;
    const request = Buffer.alloc(bytes);
    request.writeUInt32LE(offset, fields.offsets);
    request.write('specta', fields.consumer);
    const flags =
      GPIO_CONSTANTS.GPIO_V2_LINE_FLAG_OUTPUT |
      (first.activeLow ? GPIO_CONSTANTS.GPIO_V2_LINE_FLAG_ACTIVE_LOW : 0);
    request.writeBigUInt64LE(BigInt(flags), fields['config.flags']);
    request.writeUInt32LE(1, fields['config.num_attrs']);
    request.writeUInt32LE(
      GPIO_CONSTANTS.GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES,
      fields['config.attrs[0].attr.id'],
    );
    request.writeBigUInt64LE(first.lit ? 1n : 0n, fields['config.attrs[0].attr.values']);
    request.writeBigUInt64LE(1n, fields['config.attrs[0].mask']);
    request.writeUInt32LE(1, fields.num_lines);
    this.ask('GPIO_V2_GET_LINE_IOCTL', request);
    return new LineHandle(this.libc, request.readInt32LE(fields.fd));
  }

  /** Idempotent. Lines that were taken stay taken. */
  close(): void {
    const { descriptor } = this;
    if (descriptor < 0) return;
    this.descriptor = -1;
    this.libc.close(descriptor);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private ask(request: keyof typeof GPIO_REQUESTS, argument: Buffer): Buffer {
    this.libc.ioctl(this.descriptor, GPIO_REQUESTS[request], argument, request);
    return argument;
  }
}

/** A line that is held by its own descriptor. */
class LineHandle implements HeldWire {
  private readonly libc: Libc;
  private readonly values = Buffer.alloc(LINE_VALUES.bytes);
  private descriptor: number;

  constructor(libc: Libc, descriptor: number) {
    this.libc = libc;
    this.descriptor = descriptor;
    this.values.writeBigUInt64LE(1n, LINE_VALUES.fields.mask);
  }

  set(lit: boolean): void {
    this.values.writeBigUInt64LE(lit ? 1n : 0n, LINE_VALUES.fields.bits);
    const request = 'GPIO_V2_LINE_SET_VALUES_IOCTL';
    this.libc.ioctl(this.descriptor, GPIO_REQUESTS[request], this.values, request);
  }

  release(): void {
    const { descriptor } = this;
    if (descriptor < 0) return;
    this.descriptor = -1;
    this.libc.close(descriptor);
  }
}

function textAt(info: Buffer, offset: number): string {
  const bytes = info.subarray(offset, offset + GPIO_NAME_BYTES);
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}
