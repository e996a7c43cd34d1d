import { randomBytes } from 'node:crypto';
import mqtt, { type MqttClient } from 'mqtt';
import type { Clock } from '../platform/clock.ts';
import { asSpectaError } from '../platform/errors.ts';
import { readPassword } from '../platform/password-file.ts';
import { KeptSource } from './kept-source.ts';
import type { MavlinkOptions } from './mavlink-message.ts';
import { readPositionJson } from './position-json.ts';

export interface MqttSourceOptions {
  readonly name: string;
  /** `mqtt://HOST:PORT` or `mqtts://HOST:PORT`. */
  readonly broker: string;
  /** What to subscribe to. */
  readonly topicFilter: string;
  readonly username: string | null;
  /** Read at each attempt, trailing line break removed. */
  readonly passwordFile: string | null;
  readonly mavlink: MavlinkOptions;
  readonly clock: Clock;
}

const CONNECT_MS = 10_000;

/** Takes the position from a broker: JSON as MAVLink2REST writes it, or the plain form. It publishes nothing. */
export class MqttSource extends KeptSource {
  private readonly options: MqttSourceOptions;

  constructor(options: MqttSourceOptions) {
    super(options.name, options.clock);
    this.options = options;
  }

  protected async listenUntilLost(listening: () => void): Promise<string | null> {
    let client: MqttClient | null = null;
    try {
      const opened = await this.connect();
      client = opened;
      return await this.untilLost((lost) => {
        let problem = '';
        opened.on('error', (error) => {
          problem = `: ${error.message || asSpectaError(error).code}`;
        });
        opened.once('close', () => lost(`the broker ${this.options.broker} is not connected${problem}`));
        opened.on('message', (_topic, payload) =>
          this.core.hear(readPositionJson(payload, this.options.mavlink)),
        );
        opened.once('connect', () => {
          opened.subscribe(this.options.topicFilter, { qos: 0 }, (error, grants) => {
            const refused = grants?.some(({ qos }) => qos >= 0x80) ?? false;
            if (error !== null || refused) {
              lost(`the broker refuses ${this.options.topicFilter}${error ? `: ${error.message}` : ''}`);
              return;
            }
            listening();
          });
        });
      });
    } catch (error) {
      return asSpectaError(error).message;
    } finally {
      if (client !== null) await end(client);
    }
  }

  private async connect(): Promise<MqttClient> {
    const { broker, username, passwordFile } = this.options;
    const password = passwordFile === null ? null : await readPassword(passwordFile);
    return mqtt.connect(broker, {
      clientId: `specta-position-${randomBytes(4).toString('hex')}`,
      clean: true,
      // The run above tries again, with a state that says why.
      reconnectPeriod: 0,
      connectTimeout: CONNECT_MS,
      keepalive: 15,
      timerVariant: 'native',
      ...(username === null ? {} : { username }),
      ...(password === null ? {} : { password }),
    });
  }
}

async function end(client: MqttClient): Promise<void> {
  // Whatever it still has to say is of no more interest; unheard, an error would end the process.
  client.on('error', () => undefined);
  await new Promise<void>((resolve) => client.end(true, () => resolve()));
}
