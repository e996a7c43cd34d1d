import { MAVLINK_NAMES, type MavlinkOptions, readMavlink } from './mavlink-message.ts';
import type { Heard } from './source-core.ts';

/** Reads what one datagram holds. */
export type DatagramReader = (datagram: Uint8Array) => readonly Heard[];

const START_1 = 0xfe;
const START_2 = 0xfd;
/** Incompatibility flag: the packet carries a signature. Flags that are not known make it unreadable by the standard. */
const SIGNED = 0x01;
const SIGNATURE_BYTES = 13;
const CHECKSUM_BYTES = 2;

/**
 * A reader of MAVLink 1 and 2 packets over node-mavlink's message definitions, which are loaded only here: they are some
 * megabytes that most vehicles never need. A packet never crosses a datagram's end.
 */
export async function mavlinkReader(options: MavlinkOptions): Promise<DatagramReader> {
  const { common, MavLinkProtocolV1, MavLinkProtocolV2, MSG_ID_MAGIC_NUMBER, x25crc } = await import(
    'node-mavlink'
  );
  const first = new MavLinkProtocolV1();
  const second = new MavLinkProtocolV2();
  const wanted = new Map<number, (typeof common.REGISTRY)[number]>(
    Object.values(common.REGISTRY)
      .filter(({ MSG_NAME }) => MAVLINK_NAMES.includes(MSG_NAME))
      .map((message) => [message.MSG_ID, message]),
  );

  function read(packet: Buffer): Heard {
    const protocol = packet[0] === START_2 ? second : first;
    const header = protocol.header(packet);
    const magic = MSG_ID_MAGIC_NUMBER[String(header.msgid)];
    // Without its magic number not even the checksum of a message can be judged.
    if (magic === undefined) return { dropped: 'of-no-interest' };
    const signature = isSigned(packet) ? SIGNATURE_BYTES : 0;
    if (protocol.crc(packet) !== x25crc(packet, 1, CHECKSUM_BYTES + signature, magic)) {
      return { dropped: 'checksum-wrong' };
    }
    const message = wanted.get(header.msgid);
    if (message === undefined) return { dropped: 'of-no-interest' };
    if (options.system !== null && header.sysid !== options.system) return { dropped: 'other-system' };
    const data = protocol.data(protocol.payload(packet), message);
    const fields = message.FIELDS.map(({ name, source }) => [source, Reflect.get(data, name)] as const);
    return readMavlink(message.MSG_NAME, Object.fromEntries(fields), options);
  }

  return (datagram) => {
    const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
    const heard: Heard[] = [];
    let at = 0;
    while (at < bytes.length) {
      const length = packetLength(bytes, at);
      if (length === null) {
        heard.push({ dropped: 'not-readable' });
        break;
      }
      heard.push(read(bytes.subarray(at, at + length)));
      at += length;
    }
    return heard;
  };
}

function isSigned(packet: Uint8Array): boolean {
  return packet[0] === START_2 && ((packet[2] ?? 0) & SIGNED) !== 0;
}

/** Bytes of the packet that begins there; null where none does, or not a whole one. */
function packetLength(bytes: Uint8Array, at: number): number | null {
  const start = bytes[at];
  const payload = bytes[at + 1];
  const flags = bytes[at + 2];
  if ((start !== START_1 && start !== START_2) || payload === undefined || flags === undefined) return null;
  if (start === START_2 && (flags & ~SIGNED) !== 0) return null;
  const head = start === START_2 ? 10 : 6;
  const length = head + payload + CHECKSUM_BYTES + (isSigned(bytes.subarray(at)) ? SIGNATURE_BYTES : 0);
  return at + length <= bytes.length ? length : null;
}
