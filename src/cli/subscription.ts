import { readFile } from 'node:fs/promises';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { SpectaError } from '../platform/errors.ts';
import { readPassword } from '../platform/password-file.ts';

/** Which broker, as whom. */
export interface BrokerAccess {
  readonly broker: string;
  readonly username?: string;
  readonly passwordFile?: string;
  /** Certificate authorities that may vouch for the broker (TLS), PEM. */
  readonly caFile?: string;
}

export interface SubscriptionOptions extends BrokerAccess {
  /** The broker keeps what was meant for this name while it is away. */
  readonly clientId: string;
  readonly topics: readonly string[];
  readonly onMessage: (topic: string, payload: Uint8Array) => void;
  /** The connection was lost, or is there again; told once each. */
  readonly onConnected: (connected: boolean) => void;
  readonly signal: AbortSignal;
}

/** A connection that lasts shorter is no good one. */
const STABLE_MS = 5_000;
/** So many of them one after the other: somebody else uses our name. */
const MOST_SHORT = 3;
const TAKEN_OVER = 0x8e;
const WEEK_SECONDS = 7 * 86_400;
const RECONNECT_MS = 2_000;
const CONNECT_MS = 10_000;

async function secretsOf({ username, passwordFile, caFile }: BrokerAccess): Promise<IClientOptions> {
  try {
    return {
      ...(username === undefined ? {} : { username }),
      ...(passwordFile === undefined ? {} : { password: await readPassword(passwordFile) }),
      ...(caFile === undefined ? {} : { ca: await readFile(caFile) }),
    };
  } catch (error) {
    throw new SpectaError(
      'CONFIG_UNREADABLE',
      `A file for the connection cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      'Check the name given and that this user may read it.',
      error,
    );
  }
}

/** What comes after the end was asked for is not acknowledged: the broker keeps it for the next time. */
function take(client: MqttClient, signal: AbortSignal, onMessage: SubscriptionOptions['onMessage']): void {
  let taken = true;
  client.on('message', (topic, payload) => {
    taken = !signal.aborted;
    if (taken) onMessage(topic, payload);
  });
  client.handleMessage = (_, done) => {
    if (taken) done();
  };
}

/** One try; rejects with what the broker or the network said, or with the signal's reason. */
function tryConnect(
  { broker, signal, onMessage }: SubscriptionOptions,
  settings: IClientOptions,
): Promise<MqttClient> {
  return new Promise((resolve, reject) => {
    const client = mqtt.connect(broker, settings);
    // What the broker kept for us comes right behind its answer: this must be there before.
    take(client, signal, onMessage);
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort);
      clearTimeout(patience);
      client.off('connect', onConnect);
      client.off('close', onClose);
      client.off('error', onError);
    };
    const fail = (error: unknown): void => {
      settle();
      // Errors of a client that is given up say nothing new.
      client.on('error', () => undefined);
      client.end(true);
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason);
    const onError = (error: Error): void => fail(error);
    const onClose = (): void => fail(new Error('the broker closed the connection'));
    const onConnect = (): void => {
      settle();
      resolve(client);
    };
    const patience = setTimeout(() => fail(new Error('no answer within 10 s')), CONNECT_MS);
    client.once('connect', onConnect);
    client.once('close', onClose);
    client.once('error', onError);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

const REFUSED: ReadonlySet<unknown> = new Set([2, 4, 5, 0x85, 0x86, 0x87, 0x8a]);

/** MQTT 5, and 3.1.1 where the broker hangs up on it. Throws `BROKER_UNREACHABLE` or `BROKER_REFUSED`. */
async function connectFirst(options: SubscriptionOptions): Promise<MqttClient> {
  const { broker, clientId, signal } = options;
  const secrets = await secretsOf(options);
  const failures = new Set<string>();
  for (const protocolVersion of [5, 4] as const) {
    try {
      const five = { properties: { sessionExpiryInterval: WEEK_SECONDS } };
      const settings: IClientOptions = {
        ...secrets,
        ...(protocolVersion === 5 ? five : {}),
        protocolVersion,
        clientId,
        clean: false,
        connectTimeout: CONNECT_MS,
        reconnectPeriod: RECONNECT_MS,
      };
      return await tryConnect(options, settings);
    } catch (error) {
      signal.throwIfAborted();
      const why = error instanceof Error ? error.message || error.name : String(error);
      if (error instanceof Error && 'code' in error && REFUSED.has(error.code)) {
        throw new SpectaError(
          'BROKER_REFUSED',
          `The broker ${broker} refuses: ${why}.`,
          'Check --username, --password-file and --client-id, and what the broker allows.',
          error,
        );
      }
      failures.add(why);
    }
  }
  throw new SpectaError(
    'BROKER_UNREACHABLE',
    `The broker ${broker} did not answer: ${[...failures].join('; ')}.`,
    'Check the address and that the broker runs (on Debian: systemctl status mosquitto).',
  );
}

/**
 * Subscribes under a name that the broker remembers, and connects again whenever the connection is lost, until
 * `signal` is aborted. Rejects with `BROKER_UNREACHABLE` when the first attempt fails, `BROKER_REFUSED` when the broker
 * does not let us in or another client has taken over the name, `CONFIG_UNREADABLE`.
 */
export async function subscribe(options: SubscriptionOptions): Promise<void> {
  const { topics, clientId, broker, signal, onConnected } = options;
  const client = await connectFirst(options);
  const takenOver = Promise.withResolvers<never>();
  const refuse = (): void =>
    takenOver.reject(
      new SpectaError(
        'BROKER_REFUSED',
        `The broker ${broker} ends the connection again and again: another client is there under the name ${clientId}.`,
        'Give this one a name of its own with --client-id.',
      ),
    );
  let up = true;
  let upSince = performance.now();
  let short = 0;
  client.on('disconnect', ({ reasonCode }) => {
    if (reasonCode === TAKEN_OVER) refuse();
  });
  client.on('connect', () => {
    upSince = performance.now();
    if (!up) onConnected(true);
    up = true;
  });
  client.on('close', () => {
    if (up) {
      short = performance.now() - upSince < STABLE_MS ? short + 1 : 0;
      if (short >= MOST_SHORT) refuse();
      onConnected(false);
    }
    up = false;
  });
  // Attempts that fail are told by `close`; unheard, their errors would end the process.
  client.on('error', () => undefined);
  const interrupted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    const subscribing = client.subscribeAsync([...topics], { qos: 1 }).then((granted) => {
      const denied = granted.find(({ qos }) => qos >= 0x80);
      if (denied) {
        throw new SpectaError(
          'BROKER_REFUSED',
          `The broker ${broker} does not let us read ${denied.topic}.`,
          'Ask for the right to read it, or give a user that has it.',
        );
      }
      onConnected(true);
    });
    await Promise.race([subscribing, interrupted, takenOver.promise]);
    await Promise.race([interrupted, takenOver.promise]);
  } finally {
    client.removeAllListeners('close');
    // A broker that is gone does not answer the goodbye.
    await Promise.race([client.endAsync(!client.connected), new Promise((done) => setTimeout(done, 1_000))]);
  }
}
