import mqtt from 'mqtt';
import type { Clock } from '../platform/clock.ts';
import { Connection, type ConnectionOptions, discard } from './connection.ts';
import { reasonText } from './reasons.ts';

/** Why no connection came about. `version`: the broker says that it does not speak this protocol. */
export interface ConnectFailure {
  readonly kind: 'version' | 'hung-up' | 'refused' | 'timeout' | 'unreachable' | 'aborted';
  readonly reason: string;
}

export type ConnectOutcome =
  | { readonly kind: 'open'; readonly connection: Connection }
  | { readonly kind: 'failed'; readonly failure: ConnectFailure };

const VERSION_REFUSED = new Set([1, 0x84]);

/**
 * Tries once to connect with exactly this protocol; the outcome says what happened, also when aborted.
 * Rejects only for TLS material that is none.
 */
export function connect(
  options: ConnectionOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<ConnectOutcome> {
  if (signal.aborted)
    return Promise.resolve({ kind: 'failed', failure: { kind: 'aborted', reason: 'stopped' } });
  return new Promise((resolve) => {
    const client = mqtt.connect(options.url, clientOptions(options));
    let socketOpen = false;
    let lastError: string | null = null;
    const done = (outcome: ConnectOutcome): void => {
      cancelTimeout();
      signal.removeEventListener('abort', onAbort);
      client.off('error', onError);
      client.off('close', onClose);
      client.off('connect', onConnect);
      if (outcome.kind === 'failed') discard(client);
      resolve(outcome);
    };
    const fail = (kind: ConnectFailure['kind'], reason: string): void =>
      done({ kind: 'failed', failure: { kind, reason } });
    const onAbort = (): void => fail('aborted', 'stopped');
    const onError = (error: Error): void => {
      const code = 'code' in error ? error.code : undefined;
      if (typeof code !== 'number') {
        lastError = error.message || String(code);
        return;
      }
      const kind = VERSION_REFUSED.has(code) ? 'version' : 'refused';
      fail(kind, `the broker refuses the connection: ${reasonText(code)}`);
    };
    const onClose = (): void => {
      // A broker that does not know a protocol may hang up instead of saying so.
      if (socketOpen)
        fail('hung-up', `the broker closed the connection before it answered${detail(lastError)}`);
      else fail('unreachable', `the broker cannot be reached${detail(lastError)}`);
    };
    const onConnect = (): void => {
      done({ kind: 'open', connection: new Connection(client, options, clock) });
    };
    const cancelTimeout = clock.after(options.connectTimeoutMs, () =>
      fail('timeout', `the broker did not answer within ${options.connectTimeoutMs / 1000} s`),
    );
    client.on('error', onError);
    client.once('close', onClose);
    client.once('connect', onConnect);
    client.stream.once(/^(mqtts|ssl):/.test(options.url) ? 'secureConnect' : 'connect', () => {
      socketOpen = true;
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function clientOptions(options: ConnectionOptions): mqtt.IClientOptions {
  const { tls, will } = options;
  const five = options.protocol === 5;
  return {
    protocolVersion: options.protocol,
    clientId: options.clientId,
    // A clean start: the outbox alone says what must still be sent, no broker or client store does.
    clean: true,
    keepalive: options.keepaliveSeconds,
    reconnectPeriod: 0,
    // The link's own clock bounds the attempt; this one only must not come first.
    connectTimeout: 2 * options.connectTimeoutMs + 60_000,
    queueQoSZero: false,
    resubscribe: false,
    timerVariant: 'native',
    ...(options.username === null ? {} : { username: options.username }),
    ...(options.password === null ? {} : { password: options.password }),
    ...(tls.ca ? { ca: tls.ca } : {}),
    ...(tls.certificate ? { cert: tls.certificate } : {}),
    ...(tls.key ? { key: tls.key } : {}),
    ...(tls.serverName ? { servername: tls.serverName } : {}),
    ...(five
      ? {
          properties: {
            sessionExpiryInterval: options.sessionExpirySeconds,
            receiveMaximum: options.receiveMaximum,
            maximumPacketSize: options.mostIncomingBytes,
          },
        }
      : {}),
    will: {
      topic: will.topic,
      payload: Buffer.from(will.payload),
      qos: 1,
      retain: true,
      ...(five
        ? {
            properties: {
              willDelayInterval: Math.min(will.delaySeconds, options.sessionExpirySeconds),
              contentType: 'application/json',
              payloadFormatIndicator: true,
            },
          }
        : {}),
    },
  };
}

function detail(error: string | null): string {
  return error === null ? '' : ` (${error})`;
}
