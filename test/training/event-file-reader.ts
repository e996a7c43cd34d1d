/**
 * Reads TensorBoard event files from the public formats alone (TFRecord, event.proto, summary.proto). It shares nothing
 * with the code that writes them, so that a mistake there does not hide itself here.
 */
export interface ReadEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion: string | undefined;
  readonly values: readonly ReadValue[];
}

export interface ReadValue {
  readonly tag: string;
  readonly scalar?: number;
  readonly image?: { readonly width: number; readonly height: number; readonly png: Buffer };
  readonly text?: string;
  readonly plugin?: string;
}

/** Throws where a length, a checksum or a message is not right. */
export function readEventFile(file: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    if (unmask(file.readUInt32LE(at + 8)) !== castagnoli(file.subarray(at, at + 8)))
      throw new Error('length checksum');
    const data = file.subarray(at + 12, at + 12 + length);
    if (data.length < length) throw new Error('cut off');
    if (unmask(file.readUInt32LE(at + 12 + length)) !== castagnoli(data)) throw new Error('data checksum');
    events.push(readEvent(data));
    at += length + 16;
  }
  return events;
}

/** Bit by bit, by the definition: remainder of the message's polynomial, reflected. */
function castagnoli(bytes: Buffer): bigint {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1n) === 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  return crc ^ 0xffffffffn;
}

function unmask(masked: number): bigint {
  const turned = (BigInt(masked) - 0xa282ead8n) & 0xffffffffn;
  return ((turned >> 17n) | (turned << 15n)) & 0xffffffffn;
}

type Field = { readonly number: number; readonly integer: number; readonly bytes: Buffer };

function fields(message: Buffer): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  };
  while (at < message.length) {
    const key = varint();
    const [number, wire] = [key >> 3, key & 7];
    if (wire === 0) {
      found.push({ number, integer: varint(), bytes: Buffer.alloc(0) });
      continue;
    }
    const length = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? varint() : Number.NaN;
    if (!(at + length <= message.length)) throw new Error(`wire type ${wire}`);
    found.push({ number, integer: 0, bytes: message.subarray(at, at + length) });
    at += length;
  }
  return found;
}

function readEvent(data: Buffer): ReadEvent {
  const all = fields(data);
  const one = (number: number): Field | undefined => all.find((field) => field.number === number);
  const summary = one(5);
  return {
    wallTime: one(1)?.bytes.readDoubleLE() ?? Number.NaN,
    step: one(2)?.integer ?? 0,
    fileVersion: one(3)?.bytes.toString(),
    values: summary ? fields(summary.bytes).map(({ bytes }) => readValue(bytes)) : [],
  };
}

function readValue(message: Buffer): ReadValue {
  const all = fields(message);
  const one = (number: number): Buffer | undefined => all.find((field) => field.number === number)?.bytes;
  const scalar = one(2)?.readFloatLE();
  const image = one(4);
  const [tensor, metadata] = [one(8), one(9)];
  const part = (from: Buffer, number: number): Field | undefined =>
    fields(from).find((field) => field.number === number);
  const plugin = metadata && part(part(metadata, 1)?.bytes ?? metadata, 1)?.bytes.toString();
  return {
    tag: one(1)?.toString() ?? '',
    ...(scalar !== undefined && { scalar }),
    ...(image && {
      image: {
        height: part(image, 1)?.integer ?? 0,
        width: part(image, 2)?.integer ?? 0,
        png: part(image, 4)?.bytes ?? Buffer.alloc(0),
      },
    }),
    ...(tensor && { text: part(tensor, 8)?.bytes.toString() ?? '' }),
    ...(plugin !== undefined && { plugin }),
  };
}
