import { startLocalBroker } from '../../src/surface/local-broker.ts';
import { mosquittoMissing, startMosquitto } from '../fixtures/mosquitto.ts';

export interface RunningBroker {
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
  /** As abruptly as this kind can end; nothing it knew outlives it. */
  kill(): Promise<void>;
}

/** A broker that link tests run over. */
export interface BrokerKind {
  readonly name: string;
  /** What the link is told. */
  readonly protocol: 'auto' | 4 | 5;
  /** What it then speaks. */
  readonly spoken: 4 | 5;
  /** Why it cannot be had here; null when it can. */
  readonly missing: string | null;
  start(port?: number): Promise<RunningBroker>;
}

/** A broker that hands on at once whatever it acknowledges, so that a kill takes nothing with it. */
const HANDS_ON = ['max_inflight_messages 0', 'max_queued_messages 0'];

const mosquitto = (port?: number): Promise<RunningBroker> =>
  startMosquitto({ ...(port === undefined ? {} : { port }), configuration: HANDS_ON });

export const BROKERS: readonly BrokerKind[] = [
  {
    name: 'aedes in this process',
    protocol: 'auto',
    spoken: 4,
    missing: null,
    async start(port = 0) {
      const broker = await startLocalBroker({ host: '127.0.0.1', port });
      return { url: broker.url, port: broker.port, stop: broker.stop, kill: broker.stop };
    },
  },
  {
    name: 'Mosquitto, MQTT 3.1.1',
    protocol: 4,
    spoken: 4,
    missing: mosquittoMissing,
    start: mosquitto,
  },
  { name: 'Mosquitto, MQTT 5', protocol: 'auto', spoken: 5, missing: mosquittoMissing, start: mosquitto },
];
