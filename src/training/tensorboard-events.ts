import { maskedCrc32c } from './crc32c.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

/** One thing that TensorBoard shows at a step. */
export type EventValue =
  | { readonly kind: 'scalar'; readonly tag: string; readonly value: number }
  | {
      readonly kind: 'image';
      readonly tag: string;
      readonly width: number;
      readonly height: number;
      /** A PNG file. */
      readonly png: Uint8Array;
    }
  /** Markdown. */
  | { readonly kind: 'text'; readonly tag: string; readonly text: string };

const FILE_VERSION = 'brain.Event:2';
/** Numbers of the public `types.proto` and `summary.proto`. */
const DT_STRING = 7;
const COLOURS_RGB = 3;

/**
 * The first event of a file, which names its version.
 * @param utcMs now
 */
export function versionEvent(utcMs: number): Uint8Array {
  const event = new ProtobufWriter();
  event.double(1, utcMs / 1000);
  event.text(3, FILE_VERSION);
  return event.finish();
}

/** An event (`event.proto`) with what there is to show at `step`. */
export function summaryEvent(utcMs: number, step: number, values: readonly EventValue[]): Uint8Array {
  const event = new ProtobufWriter();
  event.double(1, utcMs / 1000);
  event.integer(2, step);
  event.message(5, (summary) => {
    for (const value of values) summary.message(1, (message) => writeValue(message, value));
  });
  return event.finish();
}

function writeValue(message: ProtobufWriter, value: EventValue): void {
  message.text(1, value.tag);
  switch (value.kind) {
    case 'scalar':
      message.float(2, value.value);
      break;
    case 'image':
      message.message(4, (image) => {
        image.integer(1, value.height);
        image.integer(2, value.width);
        image.integer(3, COLOURS_RGB);
        image.bytes(4, value.png);
      });
      break;
    case 'text':
      message.message(8, (tensor) => {
        tensor.integer(1, DT_STRING);
        tensor.message(2, () => undefined);
        tensor.text(8, value.text);
      });
      message.message(9, (metadata) => metadata.message(1, (plugin) => plugin.text(1, 'text')));
      break;
  }
}

/** A record as in TensorFlow's record files: length, its checksum, the bytes, their checksum; little-endian. */
export function recordOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(bytes.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(bytes.length), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(bytes, 12);
  view.setUint32(12 + bytes.length, maskedCrc32c(bytes), true);
  return record;
}
