/** Where positions come from, taken apart. */
export type PositionUri =
  | { readonly kind: 'nmea-udp' | 'mavlink-udp'; readonly host: string; readonly port: number }
  | { readonly kind: 'mqtt'; readonly broker: string; readonly topicFilter: string };

const UDP = /^(?<kind>nmea-udp|mavlink-udp):(?:(?<host>[0-9.]+|\[[0-9a-fA-F:]+\]):)?(?<port>\d{1,5})$/;
const MQTT = /^(?<scheme>mqtts?):\/\/(?<host>[^/@]+)\/(?<filter>[^\s]+)$/;

/** What a source's address must look like, for people. */
export const POSITION_FORMS =
  'expected mqtt://HOST[:PORT]/TOPIC (+ and # are allowed in it), nmea-udp:[ADDRESS:]PORT or mavlink-udp:[ADDRESS:]PORT';

/** Reads a source's address; null when it is none. Without an address all of this machine's are listened on. */
export function parsePositionUri(text: string): PositionUri | null {
  const udp = UDP.exec(text)?.groups;
  if (udp) {
    const port = Number(udp.port);
    if (port < 1 || port > 65_535) return null;
    const kind = udp.kind === 'nmea-udp' ? 'nmea-udp' : 'mavlink-udp';
    return { kind, host: (udp.host ?? '0.0.0.0').replace(/^\[|\]$/g, ''), port };
  }
  const { scheme, host, filter } = MQTT.exec(text)?.groups ?? {};
  const broker = `${scheme}://${host}`;
  if (host === undefined || filter === undefined || !URL.canParse(broker)) return null;
  return isTopicFilter(filter) ? { kind: 'mqtt', broker, topicFilter: filter } : null;
}

/** MQTT 5.0, 4.7.1: `+` is a whole level, `#` the last one. */
function isTopicFilter(filter: string): boolean {
  const levels = filter.split('/');
  return levels.every((level, index) => {
    if (level === '#') return index === levels.length - 1;
    return level === '+' || !/[+#\0]/.test(level);
  });
}
