import type { Connection, Incoming } from './connection.ts';
import type { LinkCounters } from './link-counters.ts';
import { reasonText } from './reasons.ts';
import type { RepeatedLog } from './repeated-log.ts';
import type { Requests } from './requests.ts';
import { responseTopic } from './response-topic.ts';
import { RESPONSE_EXPIRY_SECONDS, type Topics } from './topics.ts';

/** Requests that may wait for their answer to be sent; one more is left unanswered, counted. */
const MOST_WAITING = 32;
/** What they may hold of memory together; a larger one is heard while no other waits, bytes. */
const MOST_WAITING_BYTES = 16_777_216;
/** Answers larger than this go one at a time, so that an alert waits behind no more than one of them, bytes. */
const LARGE_ANSWER_BYTES = 16_384;

interface ChannelParts {
  readonly requests: Requests;
  readonly topics: Topics;
  readonly counters: LinkCounters;
  readonly log: RepeatedLog;
}

/**
 * Requests over one connection: hears `request/#`, answers each on its MQTT 5 response topic, or on `response/<name>`.
 * What came before the connection is not heard: the broker keeps nothing for the vehicle, and retained requests are
 * ignored, so that nothing is done that nobody waits for any more.
 */
export class RequestChannel {
  private readonly connection: Pick<Connection, 'subscribe' | 'send'>;
  private readonly parts: ChannelParts;
  private waiting = 0;
  private waitingBytes = 0;
  private large: Promise<unknown> = Promise.resolve();

  constructor(connection: Pick<Connection, 'subscribe' | 'send'>, parts: ChannelParts) {
    this.connection = connection;
    this.parts = parts;
  }

  /** Subscribes; a broker that refuses is counted and logged. Never rejects. */
  async open(): Promise<void> {
    const { counters, log, topics } = this.parts;
    const filter = topics.requests;
    try {
      const reason = await this.connection.subscribe(filter, (message) => this.hear(message));
      if (reason < 0x80) return;
      counters.refused.add(reasonText(reason));
      log.warn('requests', `the broker refuses ${filter}: ${reasonText(reason)}; nobody above water can ask`);
    } catch (error) {
      // The connection has ended; the next one subscribes anew.
      log.info('requests-cut', `not subscribed to ${filter}: ${String(error)}`);
    }
  }

  private hear(message: Incoming): void {
    const { topics, counters, log } = this.parts;
    const name = topics.requestName(message.topic);
    if (name === null) return;
    if (message.retained) {
      counters.requestsIgnored.add('request-retained');
      log.warn('request-retained', `a retained request was ignored: ${message.topic}`);
    } else if (this.isTooMuch(message.payload.byteLength)) {
      counters.requestsIgnored.add('request-flood');
      log.warn('request-flood', `${this.waiting} requests wait already: some get no answer`);
    } else {
      const { byteLength } = message.payload;
      counters.requests += 1;
      this.waiting += 1;
      this.waitingBytes += byteLength;
      void this.answer(name, message).finally(() => {
        this.waiting -= 1;
        this.waitingBytes -= byteLength;
      });
    }
  }

  private isTooMuch(bytes: number): boolean {
    if (this.waiting === 0) return false;
    return this.waiting >= MOST_WAITING || this.waitingBytes + bytes > MOST_WAITING_BYTES;
  }

  private async answer(name: string, message: Incoming): Promise<void> {
    const { requests, counters, log, topics } = this.parts;
    const payload = await requests.answer(name, message.payload);
    const topic = responseTopic(topics, name, message.responseTopic);
    if (topic === null) {
      counters.requestsIgnored.add('request-nameless');
      return;
    }
    try {
      const reason = await this.inTurn(payload.byteLength, () =>
        this.connection.send({
          topic,
          payload,
          retain: false,
          contentType: 'application/json',
          expirySeconds: RESPONSE_EXPIRY_SECONDS,
          ...(message.correlation ? { correlation: message.correlation } : {}),
        }),
      );
      if (reason < 0x80) return;
      counters.refused.add(reasonText(reason));
      log.warn('response-refused', `the broker refuses ${topic}: ${reasonText(reason)}`);
    } catch {
      // The connection ended: whoever asked sees that too, and may ask again under the same transaction.
      counters.requestsIgnored.add('answer-lost');
    }
  }

  private inTurn(bytes: number, send: () => Promise<number>): Promise<number> {
    if (bytes <= LARGE_ANSWER_BYTES) return send();
    const sent = this.large.then(send);
    this.large = sent.catch(() => undefined);
    return sent;
  }
}
