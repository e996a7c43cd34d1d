import { systemClock } from '../platform/clock.ts';
import { connect } from '../surface/connect.ts';
import { type LinkOptions, readSecrets, settle } from '../surface/link-options.ts';
import { ProtocolChoice } from '../surface/protocol-choice.ts';
import { ROOT_TOPIC } from '../surface/topics.ts';
import { type Check, good, warning } from './examination.ts';

const ANSWER_WITHIN_MS = 5_000;

/** What the check needs of the link's options. */
export type BrokerOptions = Pick<
  LinkOptions,
  'broker' | 'protocol' | 'username' | 'passwordFile' | 'tls' | 'vehicle'
>;

/** The broker lets us in, with the name, password and certificates that the link would use. */
export function brokerCheck(given: BrokerOptions): Check {
  const { broker } = given;
  return {
    name: 'broker',
    async look(signal) {
      const name = `doctor-${process.pid}`;
      const options = settle({
        ...given,
        boot: name,
        version: '',
        clockQuality: () => 'unsynchronised',
        // Under the link's own name a running daemon would be thrown out.
        clientId: `specta-${name}`,
      });
      const protocols = new ProtocolChoice(options.protocol, systemClock, options.retryFiveMs);
      const secrets = await readSecrets(options);
      for (;;) {
        const protocol = protocols.next();
        const outcome = await connect(
          {
            ...options,
            ...secrets,
            url: broker,
            protocol,
            will: { topic: `${ROOT_TOPIC}/${name}/state`, payload: new Uint8Array(), delaySeconds: 0 },
            connectTimeoutMs: ANSWER_WITHIN_MS,
          },
          systemClock,
          signal,
        );
        if (outcome.kind === 'open') {
          await outcome.connection.end(AbortSignal.timeout(1_000));
          return [good('broker', `${broker} lets us in, MQTT ${protocol === 5 ? '5' : '3.1.1'}`)];
        }
        const { kind, reason } = outcome.failure;
        if (kind === 'version' && protocols.refused(protocol)) continue;
        if (kind === 'hung-up' && protocols.hungUp(protocol)) continue;
        return [
          warning(
            'broker',
            `${broker}: ${reason}`,
            'Alerts wait on board until it answers; check address, network, name and password.',
          ),
        ];
      }
    },
  };
}
