import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { ClockQuality } from '../domain/time.ts';
import { SpectaError } from '../platform/errors.ts';
import { readPassword } from '../platform/password-file.ts';
import type { ConnectionOptions, Protocol } from './connection.ts';

/** Where the broker is and how the link behaves. Times not named otherwise have good defaults. */
export interface LinkOptions {
  /** `mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`; no credentials in it. */
  readonly broker: string;
  /** `auto`: MQTT 5, falling back to 3.1.1 (4) where the broker does not speak it. */
  readonly protocol?: 'auto' | 5 | 4;
  readonly username?: string | null;
  /** Read at each attempt, trailing line break removed. */
  readonly passwordFile?: string | null;
  readonly tls?: {
    readonly caFile?: string | null;
    readonly certificateFile?: string | null;
    readonly keyFile?: string | null;
    readonly serverName?: string | null;
  };
  readonly vehicle: string;
  readonly boot: string;
  /** SPECTA's version, for `state`. */
  readonly version: string;
  readonly clockQuality: () => ClockQuality;
  /** Default `specta-<vehicle>`: the same at every start, so that a new connection ends a dead one. */
  readonly clientId?: string;
  readonly keepaliveSeconds?: number;
  /** MQTT 5, seconds; it bounds {@link willDelaySeconds}. */
  readonly sessionExpirySeconds?: number;
  /** MQTT 5: the broker says `offline` only after this long, so that a short loss is no news. Seconds. */
  readonly willDelaySeconds?: number;
  readonly connectTimeoutMs?: number;
  readonly ackTimeoutMs?: number;
  /** First and longest pause between attempts; a random part is taken off, ms. */
  readonly reconnectPause?: { readonly firstMs: number; readonly mostMs: number };
  /** A connection that lasts this long begins the pauses anew, ms. */
  readonly stableMs?: number;
  /** MQTT 5 is tried again this long after a fall-back to 3.1.1, at the next attempt, ms. */
  readonly retryFiveMs?: number;
  /** Whether requests are heard, where the link was given somebody who answers them. Default true. */
  readonly hearsRequests?: boolean;
  /** MQTT 5: requests that the broker may have on their way at once. */
  readonly receiveMaximum?: number;
  /** MQTT 5: larger requests do not even arrive, bytes. */
  readonly mostIncomingBytes?: number;
  /** Most alerts in flight. */
  readonly inFlight?: number;
  /** How fast alerts of the past are sent while present ones pass them. */
  readonly backlogPerSecond?: number;
  /** Where no more than so many alerts wait, as after a short outage, past and present go at once in one order. */
  readonly backlogBurst?: number;
  /** How fast images are sent, once a few have gone: those of an outage, or told again, take a while. */
  readonly imagesPerSecond?: number;
  /** What nobody hears is tried again after this; images ever more rarely. */
  readonly unheardRetrySeconds?: number;
  readonly refusedPause?: { readonly firstMs: number; readonly mostMs: number };
  readonly historicalAfterSeconds?: number;
  /** Live messages are dropped while the socket holds more than this, bytes. */
  readonly liveBacklogBytes?: number;
  /** Longest time that {@link Link.stop} waits for acknowledgements, ms. */
  readonly stopTimeoutMs?: number;
  /** A log line that repeats is written once per this time, ms. */
  readonly logEveryMs?: number;
}

/** All options with their defaults. */
export type SettledOptions = Required<Omit<LinkOptions, 'tls'>> & {
  readonly tls: Required<NonNullable<LinkOptions['tls']>>;
};

const BROKER = z.url({ protocol: /^(mqtts?|tcp|ssl|wss?)$/ });

/** More alerts than these are a long backlog: those of the present pass it. */
export const BACKLOG_BURST = 64;

/** Throws `CONFIG_INVALID` when the broker's URL cannot be used. */
export function settle(options: LinkOptions): SettledOptions {
  if (!BROKER.safeParse(options.broker).success || new URL(options.broker).hostname === '') {
    throw new SpectaError(
      'CONFIG_INVALID',
      `"${options.broker}" is no address of a broker.`,
      'Use mqtt://HOST[:PORT] or mqtts://HOST[:PORT].',
    );
  }
  const { username, password } = new URL(options.broker);
  if (username !== '' || password !== '') {
    throw new SpectaError(
      'CONFIG_INVALID',
      "The broker's address holds a user name or password.",
      'Give them as username and passwordFile: addresses are logged.',
    );
  }
  return {
    protocol: 'auto',
    username: null,
    passwordFile: null,
    clientId: `specta-${options.vehicle}`,
    keepaliveSeconds: 15,
    sessionExpirySeconds: 60,
    willDelaySeconds: 5,
    connectTimeoutMs: 10_000,
    ackTimeoutMs: 30_000,
    reconnectPause: { firstMs: 1000, mostMs: 30_000 },
    stableMs: 10_000,
    retryFiveMs: 3_600_000,
    hearsRequests: true,
    receiveMaximum: 8,
    mostIncomingBytes: 6_291_456,
    inFlight: 8,
    backlogPerSecond: 100,
    backlogBurst: BACKLOG_BURST,
    imagesPerSecond: 4,
    unheardRetrySeconds: 5,
    refusedPause: { firstMs: 1000, mostMs: 60_000 },
    historicalAfterSeconds: 10,
    liveBacklogBytes: 65_536,
    stopTimeoutMs: 2000,
    logEveryMs: 600_000,
    ...options,
    tls: { caFile: null, certificateFile: null, keyFile: null, serverName: null, ...options.tls },
  };
}

/**
 * What one attempt needs. Secrets are read anew each time, so that a renewed certificate or password is taken up; rejects
 * where one cannot be read.
 */
export async function connectionOptions(
  options: SettledOptions,
  protocol: Protocol,
  will: { readonly topic: string; readonly payload: Uint8Array },
): Promise<ConnectionOptions> {
  return {
    ...(await readSecrets(options)),
    url: options.broker,
    protocol,
    clientId: options.clientId,
    username: options.username,
    keepaliveSeconds: options.keepaliveSeconds,
    receiveMaximum: options.receiveMaximum,
    mostIncomingBytes: options.mostIncomingBytes,
    sessionExpirySeconds: options.sessionExpirySeconds,
    will: { ...will, delaySeconds: options.willDelaySeconds },
    connectTimeoutMs: options.connectTimeoutMs,
    ackTimeoutMs: options.ackTimeoutMs,
  };
}

/** The secrets of one attempt. Rejects where one cannot be read. */
export async function readSecrets(
  options: SettledOptions,
): Promise<Pick<ConnectionOptions, 'password' | 'tls'>> {
  const read = (file: string | null): Promise<Buffer | null> =>
    file === null ? Promise.resolve(null) : readFile(file);
  const { tls } = options;
  const [password, ca, certificate, key] = await Promise.all([
    options.passwordFile === null ? null : readPassword(options.passwordFile),
    read(tls.caFile),
    read(tls.certificateFile),
    read(tls.keyFile),
  ]);
  return {
    password,
    tls: { ca, certificate, key, serverName: tls.serverName },
  };
}
