import type { Clock } from '../platform/clock.ts';
import type { FileSystem } from '../platform/files.ts';
import { type DatagramReader, mavlinkReader } from './mavlink-datagram.ts';
import type { MavlinkOptions } from './mavlink-message.ts';
import { MqttSource } from './mqtt-source.ts';
import { type DepthSentence, readSentence } from './nmea.ts';
import { Position } from './position.ts';
import type { PositionSource } from './position-source.ts';
import { type PositionUri, parsePositionUri } from './position-uri.ts';
import { readRoute } from './route-file.ts';
import { UdpSource } from './udp-source.ts';

export interface PositionChoice {
  /** A source's address, see {@link parsePositionUri}. */
  readonly source: string;
  readonly username: string | null;
  readonly passwordFile: string | null;
  readonly staleMs: number;
  /** Path of the route file; null: none. */
  readonly route: string | null;
  /** KP of the route's first point, km, where its file gives none. */
  readonly routeFirstKp: number;
  readonly offRouteMetres: number;
  readonly nmeaDepth: readonly DepthSentence[];
  readonly mavlink: MavlinkOptions;
}

/** The position as configured, not started yet; null when the source's address is none. */
export function openPosition(choice: PositionChoice, clock: Clock, fs: FileSystem): Position | null {
  const uri = parsePositionUri(choice.source);
  if (uri === null) return null;
  const { route, routeFirstKp, staleMs, offRouteMetres } = choice;
  return new Position({
    source: openSource(uri, choice, clock),
    staleMs,
    offRouteMetres,
    route: route === null ? null : () => readRoute(fs, route, routeFirstKp),
    clock,
  });
}

/** The source that an address names, not started yet. */
export function openSource(
  uri: PositionUri,
  { username, passwordFile, nmeaDepth, mavlink }: Omit<PositionChoice, 'source'>,
  clock: Clock,
): PositionSource {
  if (uri.kind === 'mqtt') {
    const { broker, topicFilter } = uri;
    const name = `${broker}/${topicFilter}`;
    return new MqttSource({ name, broker, topicFilter, username, passwordFile, mavlink, clock });
  }
  const { kind, host, port } = uri;
  const reader = kind === 'nmea-udp' ? async () => nmeaReader(nmeaDepth) : () => mavlinkReader(mavlink);
  return new UdpSource({ name: `${kind}:${host}:${port}`, host, port, reader, clock });
}

/** A datagram may hold several sentences; none goes over its end. */
function nmeaReader(depthFrom: readonly DepthSentence[]): DatagramReader {
  return (datagram) =>
    new TextDecoder('latin1')
      .decode(datagram)
      .split(/\r\n|\n|\r/)
      .filter((line) => line !== '')
      .map((line) => readSentence(line, depthFrom));
}
